"""sdkit's samplers as a candidate."""

from trueto.candidates.sdkit.adapter import ADAPTER

__all__ = ["ADAPTER"]
