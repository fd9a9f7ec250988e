"""Hugging Face diffusers as a candidate: its claims, its adapter, its ledger (deviations.toml)."""

from trueto.candidates.diffusers.adapter import ADAPTER

__all__ = ["ADAPTER"]
