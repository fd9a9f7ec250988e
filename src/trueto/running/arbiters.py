"""The two arbiters of a cell: what it ran, and how far native precision and the float64 twin are from the original or a variant."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from trueto.judge import compare, factor
from trueto.observe import Observation
from trueto.running.arms import Arm, Bench
from trueto.running.judging import Runs, Seen
from trueto.running.truth import seen_in_float64

__all__ = ["apart", "arms", "both", "twin_observation"]

# Times what still agrees in float64 (judge.toml, same_in_float64): no rounding, whatever the spread of an X that is judged.
NO_ROUNDING = 1000.0


def twin_observation(runs: Runs) -> tuple[Observation | None, str]:
    """What the float64 twin did, or why it has no say."""
    twin = runs.twin
    if twin is None:
        return None, ""
    if twin.observation is None:
        why = twin.died or twin.failed or (f"{twin.raised.type}: {twin.raised.message}" if twin.raised else "no answer")
        return None, f"not valid: {why}"
    if twin.meta.get("below"):
        return None, f"not valid: {twin.meta['below']} still returns less than float64"
    if twin.observation.sample.dtype != np.float64:
        return None, f"not valid: its sample is {twin.observation.sample.dtype}"
    return twin.observation, ""


def arms(bench: Bench, runs: Runs) -> list[Arm]:
    """The arms that have a say: native, and the twin where it is valid."""
    assert runs.native.observation is not None
    twin, _ = twin_observation(runs)
    return [Arm(runs.native.observation, bench.native_dtype), *([] if twin is None else [Arm(twin, "float64")])]


def both(bench: Bench, runs: Runs, knobs: Mapping[str, str] | None) -> Seen:
    """Both arms against the original (`knobs` None) or against a variant of its spec."""
    found = [bench.worst(arm, knobs) for arm in arms(bench, runs)]
    return Seen(found[0], found[1] if len(found) > 1 else None, twin_observation(runs)[1])


def apart(bench: Bench, runs: Runs, knobs: Mapping[str, str]) -> bool:
    """Whether the twin is so far from a variant that no rounding accounts for it, so that `both` cannot agree.

    That needs one run of the spec and not the spread of its repetitions, which is nine tenths of what `both` costs. False says nothing.
    """
    twin, _ = twin_observation(runs)
    if twin is None:
        return False
    bench.spread = False
    try:
        compared = bench.compared(Arm(twin, "float64"), knobs)
    finally:
        bench.spread = True
    if compared is None:
        return True
    return any(compare(got, seen_in_float64(expected), what).ratio > NO_ROUNDING * factor() for what, expected, got in compared)
