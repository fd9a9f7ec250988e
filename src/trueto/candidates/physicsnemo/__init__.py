"""PhysicsNeMo's diffusion samplers as a candidate."""

from trueto.candidates.physicsnemo.adapter import ADAPTER

__all__ = ["ADAPTER"]
