"""Hugging Face transformers as a candidate: its claims, its adapter, its ledger (deviations.toml)."""

from trueto.candidates.transformers.adapter import ADAPTER

__all__ = ["ADAPTER"]
