"""flaxdiff's samplers as a candidate."""

from trueto.candidates.flaxdiff.adapter import ADAPTER

__all__ = ["ADAPTER"]
