"""MONAI's diffusion schedulers as a candidate."""

from trueto.candidates.monai.adapter import ADAPTER

__all__ = ["ADAPTER"]
