"""smalldiffusion's sampler as a candidate."""

from trueto.candidates.smalldiffusion.adapter import ADAPTER

__all__ = ["ADAPTER"]
