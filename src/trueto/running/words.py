"""Differences in plain words: what parted, where, how far, and what it looks like."""

from __future__ import annotations

import math

from trueto.model import Comparison

__all__ = ["difference", "disagreement", "number"]


def number(value: float | None) -> str:
    """Two digits, or words where there is no number."""
    if value is None or math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "beyond any"
    return f"{value:.2g}"


def difference(native: Comparison, twin: Comparison | None) -> str:
    """One sentence: how the candidate parts from the original."""
    shown = native if not native.agrees else twin
    if shown is None or shown.note:
        return f"{(shown or native).what}: {(shown or native).note}"
    where = "in float64 only" if native.agrees else f"from step {shown.first_step} on"
    if math.isinf(shown.ratio):
        return f"the {shown.what} differs {where}, by {number(shown.drift)} where the original has no rounding at all"
    return f"the {shown.what} differs {where}, by {number(shown.ratio)} times the original's own rounding"


def disagreement(native: Comparison, twin: Comparison | None) -> str:
    """How far it is from a declared variant."""
    return difference(native, twin)
