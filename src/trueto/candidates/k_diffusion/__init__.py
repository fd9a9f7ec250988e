"""k-diffusion's own published package as a candidate: it must be identical to what was recorded of it, in every cell."""

from trueto.candidates.k_diffusion.adapter import ADAPTER

__all__ = ["ADAPTER"]
