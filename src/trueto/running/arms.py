"""The bench on which one cell is judged: which truth each arm is held against, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trueto.distances import measure, same_bits
from trueto.errors import DataError
from trueto.fixtures import network, schedule, tape
from trueto.judge import Expected, compare, factor, unlike
from trueto.likeness import looks_like
from trueto.model import Case, Comparison, Layer, Profile
from trueto.observe import Observation, StepError, theta
from trueto.references import Golden, Reference, load_golden, observe_spec, reference
from trueto.references.rounded import LOW
from trueto.running.brownian import same_path
from trueto.running.domain import numbers
from trueto.running.truth import Truth, golden_truth, parts, seen_in_float64, spec_truth

__all__ = ["Arm", "Bench", "slack"]

Array = np.ndarray[Any, np.dtype[Any]]

GENERATOR_ROUNDING = 1e-5  # vectorised and plain generators differ by some 1e-6; other numbers differ by 1
MOST_DRAWS = 8  # of the noise fed in, when a difference is looked at
NET_OF = {Layer.UPDATE: "open", Layer.NOISE: "seeded"}


@dataclass(frozen=True, slots=True)
class Arm:
    """One of the two arbiters: what was seen, and in which precision it is judged."""

    seen: Observation
    dtype: str


class Bench:
    """Everything about the original that one cell's judgement needs."""

    def __init__(self, ref: Reference, case: Case, layer: Layer, profile: Profile, parts: Mapping[str, str] | None = None) -> None:
        self.ref, self.case, self.layer, self.profile = ref, case, layer, profile
        self.parts = dict(parts or {})  # knobs that the case's composed settings amount to; they are part of X
        self.net = NET_OF.get(layer, "closed")
        self.native_dtype = _low(profile.dtype) or "float32"
        self.compared_with = "original"
        self.spread = True  # without it floors are the measured ones of one run, and a comparison ten times as cheap: for ranking
        self._golden: Golden | None = None

    @property
    def golden(self) -> Golden:
        """The reference's goldens; DataError when they cannot be used."""
        if self._golden is None:
            self._golden = load_golden(self.ref.id)
        return self._golden

    @property
    def numpy_dtypes(self) -> tuple[str, ...]:
        """The dtypes of a sample that are no fault, as numpy calls them (it has no bfloat16): originals make float32 of 16-bit latents."""
        return (self.profile.dtype, "float32") if self.profile.dtype in LOW else (self.profile.dtype,)

    def original(self, net: str, dtype: str = "float32") -> Truth:
        """What the original computes: its golden, or where X was drawn what its certified spec does, with the spread of `dtype`."""
        if not self.case.drawn:
            return golden_truth(self.golden, self.case.id, net)
        return spec_truth(observe_spec(self.ref, self.case, net, self.parts, spread=self._spread(dtype)))

    def original_error(self) -> StepError | None:
        """The exception that the original raises on this case, if it does."""
        if self.case.drawn:
            return observe_spec(self.ref, self.case, "idle", self.parts).native.error
        return self.golden.observation(self.case.id, self.net, "float32").error

    def refuses_alike(self, raised: StepError, knobs: Mapping[str, str]) -> bool:
        """Whether a variant of the spec refuses this case as the candidate does: the same exception after as many network calls."""
        chosen = {**knobs, **self.parts}
        wanted = observe_spec(self.ref, self.case, "idle", chosen).native.error if knobs and raised.own else None
        return wanted is not None and (wanted.type, wanted.at_call) == (raised.type, raised.at_call)

    def cannot_judge(self) -> str:
        """Why this precision cannot be judged, or nothing."""
        return "" if self.layer in (Layer.SCHEDULE, Layer.START, Layer.NOISE) else self.loses_samples()

    def loses_samples(self) -> str:
        """Why nothing is known of the samples of the original in this precision, or nothing; it may have none that is finite."""
        if self.native_dtype == "float32":
            return ""
        if self.case.drawn:
            return f"in {self.native_dtype} the original is known only where it was recorded, and this X was drawn"
        outcome = self.golden.header.get(f"outcome.{self.case.id}.{self.net}.{self.native_dtype}")
        if outcome == "ok":
            return ""
        why = {None: "was not recorded", "ill-conditioned": "loses the sample itself"}.get(
            outcome, f"raises {str(outcome).split('|', 1)[0]}"
        )
        return f"in {self.native_dtype} the original {why}, so there is nothing to judge by"

    def ill_conditioned(self) -> bool:
        """Whether the original's own rounding moves the sample of a drawn X so far that it says nothing of anybody."""
        if not self.case.drawn or self.layer is not Layer.TRAJECTORY:
            return False
        truth = self.original("closed")
        _, expected, _ = parts(Layer.TRAJECTORY, truth, truth.exact, "float32", same_grid=False)[0]
        signal = measure(expected.values, np.zeros_like(expected.values))[0]
        return bool(expected.floor_rms[-1] > numbers()["floor"]["most"] * signal)

    def worst(self, arm: Arm, knobs: Mapping[str, str] | None) -> Comparison:
        """The worst part of the layer in one arm, against the original or a variant of its spec."""
        compared = self.compared(arm, knobs)
        if compared is None:
            return _other_calls(arm.seen)
        found = [compare(got, expected, what) for what, expected, got in compared]
        index = max(range(len(found)), key=lambda i: found[i].ratio)
        if found[index].agrees or found[index].note:
            return found[index]
        _, expected, got = compared[index]
        return replace(found[index], looks=looks_like(got, expected, factor(), self._fed()))

    def compared(self, arm: Arm, knobs: Mapping[str, str] | None) -> list[tuple[str, Expected, Array]] | None:
        """The parts of the layer in one arm: name, the values of the original (or a variant), the candidate's; None for other calls."""
        truth, same_grid = self._truth(arm, knobs)
        if truth is None:
            return None
        found = parts(self.layer, truth, arm.seen, arm.dtype, same_grid=same_grid)
        if self.case.drawn:
            found = [(what, _slackened(expected), got) for what, expected, got in found]
        if arm.dtype == "float64" and self.spread:
            found = [(what, seen_in_float64(expected), got) for what, expected, got in found]
        return found

    def _fed(self) -> Array:
        """The noise that was fed in, draw by draw, where a step has one."""
        fed = tape(self.case.seed, self.case.shape)
        return np.stack([fed.draw(step, 0) for step in range(min(self.case.steps, MOST_DRAWS))])

    def _truth(self, arm: Arm, knobs: Mapping[str, str] | None) -> tuple[Truth | None, bool]:
        """The truth for an arm, and whether its grid is the candidate's (so that every step can be compared)."""
        if self.layer is Layer.UPDATE:
            return self._update_truth(arm, knobs), True
        truth = self.closed_truth(knobs, arm.dtype)
        if self.layer is Layer.TRAJECTORY:
            return truth, self._same_grid(truth, arm)
        return truth, True

    def closed_truth(self, knobs: Mapping[str, str] | None, dtype: str) -> Truth:
        """The golden, or a variant; knobs that only concern precision are lifted in the float64 twin."""
        if knobs is None and not self.case.drawn:
            return golden_truth(self.golden, self.case.id, self.net)
        lifted = {k: v for k, v in {**(knobs or {}), **self.parts}.items() if dtype != "float64" or k not in self.ref.precision_knobs}
        net = self.net if self.layer is Layer.TRAJECTORY else "idle"
        low = _low(dtype)
        result = observe_spec(self.ref, self.case, net, lifted, spread=self._spread(dtype), low=low)
        return spec_truth(result, low, self._recorded_error(self.net, low))

    def _recorded_error(self, net: str, low: str) -> tuple[Array, Array] | None:
        """The original's own error in a 16-bit dtype, where it was recorded."""
        return None if self.case.drawn else self.golden.own_error(self.case.id, net, low)

    def _spread(self, dtype: str) -> str | None:
        """The precision whose spread an arm is judged by."""
        if not self.spread:
            return None
        return "float64" if dtype == "float64" else "float32"

    def _same_grid(self, truth: Truth, arm: Arm) -> bool:
        """Whether told times and levels are the original's, so that states can be compared step by step."""
        if arm.seen.told.shape != truth.exact.told.shape or arm.seen.levels.shape != truth.exact.levels.shape:
            return False
        tables = parts(Layer.SCHEDULE, truth, arm.seen, arm.dtype if arm.dtype == "float64" else "float32")
        return all(compare(got, expected, what).agrees for what, expected, got in tables)

    def _update_truth(self, arm: Arm, knobs: Mapping[str, str] | None) -> Truth | None:
        """The original where grid and start are its own, bit for bit; else its spec on the candidate's levels, times and start.

        So rounding in a table is a matter of the layer `schedule` alone, and cannot pass for a fault of the update rule.
        """
        if knobs is None:
            if not self.case.drawn and self._own_grid(truth := self.original("open"), arm):
                return truth
            self.compared_with = "spec on the candidate's own levels"
        own = {k: v for k, v in {**(knobs or {}), **self.parts}.items() if k not in self.ref.frame.KNOBS}
        seen, low = arm.seen, _low(arm.dtype)
        given = {"levels": seen.levels, "told": seen.told, "start": seen.start}
        try:
            result = observe_spec(self.ref, self.case, "open", own, spread=self._spread(arm.dtype), low=low, **given)
        except IndexError:
            return None
        if result.exact.told.shape != seen.told.shape:
            return None
        return spec_truth(result, low, self._recorded_error("open", low))

    def _own_grid(self, truth: Truth, arm: Arm) -> bool:
        """Whether levels, times and start have the same bits as the original's in the same precision."""
        original = truth.exact if arm.dtype == "float64" else truth.native
        return all(same_bits(getattr(arm.seen, name), getattr(original, name)) for name in ("told", "levels", "start"))

    def noise(self, knobs: Mapping[str, str] | None, count: int = 0) -> Array:
        """The draws that the original makes from the case's seed, or those of a declared variant of its noise."""
        if knobs is None or knobs.get("draws", "original") == "original":
            return self.golden.observation(self.case.id, "seeded", "float32").noise
        chosen = getattr(self.ref.frame, "drawn", None)  # where only some of the draws are used, the spec's frame says which
        if chosen is None:
            return self._sequential(count)
        used = chosen(self.case, knobs)
        return self._sequential(max(used) + 1)[used]

    def noise_expected(self, got: Array, declared: Array | None = None) -> Expected | None:
        """The original's draws with the floor of a Brownian path; plain draws have none and must match exactly.

        The first draw is the start latents, which the harness makes. Where they differ in their last bits, this CPU's generator rounds
        otherwise than the one that the original was recorded on, and that is a floor for every draw; where they are others: None.
        `declared` are the draws of a declared variant instead of the original's.
        """
        drawn = self.noise(None) if declared is None else declared
        spread = self.golden.spread(self.case.id, "seeded", "float32")
        plain = np.zeros(len(drawn))
        rms, maximum = (spread.rms, spread.maximum) if declared is None else (plain, plain)
        steps = np.arange(len(drawn))
        if len(got) and got.shape[1:] == drawn.shape[1:]:
            own_rms, own_max = measure(got[0], drawn[0])
            if own_max > GENERATOR_ROUNDING:
                return None
            rms, maximum = np.maximum(rms, own_rms), np.maximum(maximum, own_max)
        return Expected(drawn.astype(np.float64), rms, maximum, steps, maximum == 0, drawn)

    def on_the_same_path(self, got: Array, levels: Array) -> bool:
        """Whether draws are the original's Brownian path read at these levels; the first draw is the start latents."""
        wanted, increments = self.noise(None), self.ref.increments
        if increments is None or got.shape != wanted.shape or measure(got[0], wanted[0])[1] > GENERATOR_ROUNDING:
            return False
        drift = [measure(one, other)[0] for one, other in zip(got[1:], wanted[1:], strict=True)]
        grids = (self.golden.observation(self.case.id, "closed", "float32").levels, levels)
        return same_path(drift, wanted[0].size, *(increments(grid.astype(np.float64), **self.case.options) for grid in grids))

    def _sequential(self, count: int) -> Array:
        """`count` consecutive normal draws from the case's seed, as recorded from an original that draws just so.

        `sequential_draws` in codebase.toml names it: an algorithm of the codebase, or a reference of another one.
        """
        base = self.ref.codebase
        golden = load_golden(base.sequential if "/" in base.sequential else f"{base.name}/{base.sequential}")
        for case in reference(golden.name).cases:
            if case.seed == self.case.seed and case.shape == self.case.shape and golden.has(case.id, "seeded", "float32"):
                noise = golden.observation(case.id, "seeded", "float32").noise
                if len(noise) >= count:
                    return noise[:count]
        raise DataError(
            f"{golden.name} has no {count} recorded draws from seed {self.case.seed}",
            reference(golden.name).codebase.recording,
        )

    def closed_sample(self) -> Array:
        """The original's final picture in the closed loop, float64."""
        return self.original("closed").exact.sample

    def sources(self) -> dict[str, Any]:
        """Where the original and the spec stand."""
        return {
            "original_source": self.ref.origin,
            "spec_source": f"references/{self.ref.id}.py:{self.ref.line}",
            "dtype": self.native_dtype,
        }

    def evidence(self, runs: Any, shown: Comparison) -> dict[str, Any]:
        """What a reader needs to see of a comparison."""
        found: dict[str, Any] = {
            **self.sources(),
            "what": shown.what,
            "steps": shown.steps,
            "drift_rms": shown.drift_rms,
            "floor_rms": shown.floor_rms,
            "ratios": shown.ratios,
            "looks": shown.looks,
            **({"marks": shown.marks, "mark_floors": shown.mark_floors} if shown.marks else {}),
            "worst": {"step": shown.worst_step, "index": shown.worst_index, "expected": shown.expected, "got": shown.got},
        }
        if self.layer is Layer.TRAJECTORY and runs.native.observation is not None:
            found["exact"] = self._exact_distance(runs.native.observation)
        return found

    def _exact_distance(self, seen: Observation) -> dict[str, float] | None:
        """RMS distance of both final samples from the fixture's exact solution, where it has one."""
        if self.case.drawn:
            return None
        deterministic = not len(self.noise(None)[1:]) if self.golden.has(self.case.id, "seeded", "float32") else False
        if self.case.network != "mixture" or self.case.guidance is not None or not deterministic:
            return None
        truth = golden_truth(self.golden, self.case.id, "closed").exact
        return {"original": _distance(self.case, truth), "candidate": _distance(self.case, seen)}


def slack() -> float:
    """By how much the rounding of a spec, which stands for that of the original on drawn X, may be smaller than the original's."""
    return float(numbers()["floor"]["slack"])


def _slackened(expected: Expected) -> Expected:
    return replace(expected, floor_rms=expected.floor_rms * slack(), floor_max=expected.floor_max * slack())


def _low(dtype: str) -> str:
    """The dtype, where it has 16 bits; else nothing."""
    return dtype if dtype in LOW else ""


def _distance(case: Case, seen: Observation) -> float:
    angles = theta(seen.levels, seen.level_kind)
    net = network("mixture", schedule(case.schedule))
    first, last = ((float(np.cos(a)), float(np.sin(a))) for a in (angles[0], angles[-1]))
    return measure(seen.sample.astype(np.float64), net.exact(seen.start, first, last))[0]


def _other_calls(seen: Observation) -> Comparison:
    note = f"calls the network {len(seen.told)} times on {len(seen.levels) - 1} steps; the original's update rule needs another number"
    return unlike(note, "network calls")
