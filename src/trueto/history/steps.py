"""How far from the original a cell is at each step, of whole run records and of the small ones of releases alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["original_by_step"]


def original_by_step(evidence: Mapping[str, Any]) -> dict[int, float]:
    """By step, the distance from the original itself in units of its own rounding; of several rows of a step the largest.

    From a cell's evidence, whatever it was judged by; empty where no step was measured. Rows that are not named count from 0.
    """
    if kept := evidence.get("by_step"):
        ratios, names = kept, evidence.get("steps")
    else:
        source = evidence["original"] if (evidence.get("original") or {}).get("ratios") else evidence
        ratios, names = source.get("ratios") or [], source.get("steps")
    found: dict[int, float] = {}
    for step, ratio in zip(names or range(len(ratios)), ratios, strict=True):
        if isinstance(ratio, int | float) and math.isfinite(ratio):
            found[int(step)] = max(float(ratio), found.get(int(step), 0.0))
    return found
