"""refiners' solvers as a candidate."""

from trueto.candidates.refiners.adapter import ADAPTER

__all__ = ["ADAPTER"]
