"""denoising-diffusion-pytorch's diffusion processes as a candidate."""

from trueto.candidates.denoising_diffusion_pytorch.adapter import ADAPTER

__all__ = ["ADAPTER"]
