"""The two arbiters of a cell: what it ran, and how far native precision and the float64 twin are from the original or a variant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from trueto.model import Comparison
from trueto.observe import Observation
from trueto.running.arms import Arm, Bench
from trueto.running.client import Outcome

__all__ = ["Runs", "Seen", "arms", "both", "twin_observation"]


@dataclass(slots=True)
class Runs:
    """The outcomes that a cell's judgement may need; `twin` is None where the profile has no float64 twin.

    `effective` runs the candidate once more for each draw, to find those that move Y: asked only when the plain list is another one.
    """

    native: Outcome
    twin: Outcome | None
    closed: Outcome | None = None
    effective: Callable[[], Outcome] | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """Both arms of one comparison; the worse one speaks for the cell."""

    native: Comparison
    twin: Comparison | None
    twin_note: str = ""

    @property
    def agrees(self) -> bool:
        """Whether both arms agree."""
        return self.native.agrees and (self.twin is None or self.twin.agrees)

    @property
    def cause(self) -> str:
        """Precision or algorithm, told by which arm agrees."""
        if self.twin is None:
            return "not told apart: no float64 twin"
        if self.native.agrees:
            return "algorithm (hidden by float32 rounding)"
        return "algorithm" if not self.twin.agrees else "precision"


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
