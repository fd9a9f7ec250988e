"""azula's samplers as a candidate."""

from trueto.candidates.azula.adapter import ADAPTER

__all__ = ["ADAPTER"]
