"""What the calibration makes of its runs: quantiles, the share of faults that a factor sees, and the rule for the factor."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["ARMS", "FACTORS", "Seen", "by_name", "killed", "peaks_of", "recommended"]

FACTORS = (1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 50.0)
ARMS = ("float32", "float64")
MARGIN = 1.25  # the factor is at least this far above the largest harmless ratio


@dataclass(frozen=True, slots=True)
class Seen:
    """One rewrite of one spec on one golden: the ratio in each arm."""

    reference: str
    case: str
    layer: str
    name: str
    float32: float
    float64: float
    told32: float
    changed: bool
    raised: bool = False


def _quantiles(values: list[float]) -> dict[str, float]:
    ordered = np.sort([value for value in values if math.isfinite(value)])
    marks = {"median": 0.5, "q90": 0.9, "q99": 0.99, "max": 1.0}
    return {"count": len(values), **{name: float(np.quantile(ordered, at)) for name, at in marks.items()}} if len(ordered) else {"count": 0}


def peaks_of(seen: list[Seen]) -> dict[str, list[float]]:
    """The largest ratio of each fault in each arm; a fault that changes no bit on any case is none there and is left out."""
    peaks: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for one in seen:
        if one.changed and not one.raised:
            peak = peaks[f"{one.reference}: {one.name}"]
            peak[0], peak[1] = max(peak[0], one.float32), max(peak[1], one.float64)
    return dict(peaks)


def killed(seen: list[Seen]) -> dict[str, Any]:
    """Share of faults that some case rejects by its numbers, by factor and arm; runs that raise say nothing about a factor.

    `raised` counts the faults that only ever raised, `no_change` those that change no bit on any case, `smallest` are the ratios of the
    hardest ones, `never_seen` those within the largest factor on every case.
    """
    peaks = peaks_of(seen)
    everything = {f"{one.reference}: {one.name}" for one in seen}
    raised = {f"{one.reference}: {one.name}" for one in seen if one.raised} - set(peaks)
    values = np.array(list(peaks.values()))
    columns = {"float32": values[:, 0], "float64": values[:, 1], "either": values.max(axis=1)}
    ordered = sorted((max(peak), name) for name, peak in peaks.items())
    return {
        "killed": {name: {str(factor): float((column > factor).mean()) for factor in FACTORS} for name, column in columns.items()},
        "fault_count": len(peaks),
        "raised": len(raised),
        "no_change": len(everything - set(peaks) - raised),
        "never_seen": [f"{name} ({ratio:.2g})" for ratio, name in ordered if ratio <= FACTORS[-1]],
        "smallest": [f"{name} ({ratio:.3g})" for ratio, name in ordered if ratio > FACTORS[-1]][:5],
    }


def recommended(largest: float) -> float:
    """The rule: the least whole number that is a quarter above the largest harmless ratio of either arm.

    The quarter was chosen with the ratios in sight; the shares of `killed` say how much hangs on it.
    """
    return math.ceil(MARGIN * largest) if math.isfinite(largest) else math.inf


def by_name(seen: list[Seen]) -> dict[str, dict[str, Any]]:
    """The seeded faults grouped by the name of their operator."""
    groups: dict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        groups[one.name.partition(":")[0]].append(one)
    found = {}
    for name, group in sorted(groups.items()):
        worst = max(group, key=lambda one: max(one.float32, one.float64))
        where = f"{worst.reference} {worst.case} {worst.layer}"
        found[name] = {**{arm: _quantiles([getattr(one, arm) for one in group]) for arm in ARMS}, "worst": where}
    return found
