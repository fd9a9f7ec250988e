"""Running a spec: the certified short form of an original, on any X, in any dtype, with knobs set."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import numpy as np

from trueto.fixtures import network, schedule, start_noise, tape
from trueto.fixtures.noise import Tape
from trueto.fixtures.schedules import Schedule
from trueto.judge import Spread, expect, spread_of
from trueto.model import Case
from trueto.observe import NetworkFunction, Observation, Probe, nudge_signs
from trueto.references.library import STATE, Reference, reference
from trueto.references.rounded import STATES, LowProbe, low_latents

__all__ = ["LEVEL_NUDGES", "NUDGES", "SpecInputs", "SpecResult", "nudged", "observe_spec"]

Array = np.ndarray[Any, np.dtype[Any]]

NUDGES = 8
LEVEL_NUDGES = 4
COIN = 0.5


@dataclass(slots=True)
class SpecInputs:
    """What a spec's frame is given.

    `levels`, `told` and `start` override the spec's own grid, times and start state: this is how an update rule is judged on a
    candidate's own levels. `copies` is the number of runs stacked along the batch, `nudge` the number of a repetition in which
    the levels are moved by one unit in the last place.
    """

    case: Case
    dtype: np.dtype[Any]
    schedule: Schedule
    probe: Probe
    start_noise: Array
    noise: Tape
    knobs: Mapping[str, str] = field(default_factory=dict)
    levels: Array | None = None
    told: Array | None = None
    start: Array | None = None
    copies: int = 1
    nudge: int | None = None
    low: str = ""
    state: str = STATES[0]

    def latents(self, values: Array) -> Array:
        """A picture that the run is fed, in its dtype; in a run in the 16-bit dtype `low` rounded to it, and as `state` says."""
        whole = np.concatenate([values] * self.copies) if self.copies > 1 else values
        return low_latents(whole, self.low, self.state) if self.low else whole.astype(self.dtype)

    def nudged(self, levels: Array) -> Array:
        """The noise levels, moved by one unit in the last place in a nudged repetition; an exact 0 stays."""
        if self.nudge is None:
            return levels
        targets = (nudge_signs(self.nudge, len(levels)) * np.inf).astype(levels.dtype)
        return np.where(levels == 0, levels, np.nextafter(levels, targets))

    def nudged_steps(self, levels: Array) -> Array:
        """The same for levels (S + 1,) from one to the next of which a step is taken: one of no length stays one."""
        moved = self.nudged(levels)
        return np.where(levels == np.append(np.nan, levels[:-1]), np.append(np.nan, moved[:-1]), moved).astype(levels.dtype)

    def knob(self, name: str, default: str) -> str:
        """The chosen value of a knob."""
        return self.knobs.get(name, default)

    def draw(self, step: int, order: int = 0) -> Array:
        """A recorded draw in the run's dtype, repeated for every stacked copy."""
        values = self.noise.draw(step, order).astype(self.dtype)
        return np.concatenate([values] * self.copies) if self.copies > 1 else values


@dataclass(frozen=True, slots=True)
class SpecResult:
    """A spec seen in float32 and float64 with the spread of its nudged repetitions, where asked for: as good as a golden for any X.

    `low` is its own error in the 16-bit dtype that was asked for, (rms, maximum) per row.
    """

    native: Observation
    exact: Observation
    spread: Spread | None = None
    spread64: Spread | None = None
    low: tuple[Array, Array] | None = None


def nudged(values: Array, count: int = NUDGES) -> Array:
    """`count` copies of `values` along the first axis, every element moved by one unit in the last place, up or down."""
    rng = np.random.default_rng(20260103)
    targets = np.where(rng.random((count, *values.shape)) < COIN, -np.inf, np.inf).astype(values.dtype)
    return np.concatenate(list(np.nextafter(values[None], targets)))


def _idle() -> NetworkFunction:
    """A network that does not look at x, and never gives the same answer twice running.

    So no two calls of a step are shown the same state, and taken for two branches of one call; three answers, for two branches. None of
    them is 0, by whose norm a corrector would divide.
    """
    answers = itertools.cycle((0.5, 1.0, 2.0))

    def answer(x: Array, t: Array, condition: Array | None = None) -> Array:
        del t, condition
        return np.full_like(x, next(answers))

    return answer


def _called(case: Case, net: str) -> NetworkFunction:
    """The network of a run: `open` looks at the place in the batch and at the time, not at x, so what it answered is known."""
    if net == "idle":
        return _idle()
    if net != "open":
        return network(case.network, schedule(case.schedule), case.parameterization)

    batch = case.shape[0]

    def answer(x: Array, t: Array, condition: Array | None = None) -> Array:
        marks = None if condition is None else condition[:batch].tobytes()
        given = _open_answer(case.schedule, case.parameterization, (batch, *x.shape[1:]), t[:batch].tobytes(), marks)
        return np.concatenate([given] * (len(x) // batch)) if len(x) > batch else given  # a run may ask for its stacked copies one by one

    return answer


@lru_cache(maxsize=1024)
def _open_answer(levels: str, parameterization: str, shape: tuple[int, ...], times: bytes, marks: bytes | None) -> Array:
    """What `open` answers at times (B,): the same in every precision and every nudged repetition, which are told the same times."""
    condition = None if marks is None else np.frombuffer(marks)
    answer = network("open", schedule(levels), parameterization)(np.zeros(shape), np.frombuffer(times), condition)
    answer.flags.writeable = False
    return answer


def _once(ref: Reference, case: Case, net: str, dtype: str, knobs: Mapping[str, str], overrides: Mapping[str, Any]) -> Observation:
    levels = schedule(case.schedule)
    copies = overrides.get("copies", 1)
    noise = start_noise(case.seed, case.shape).astype(dtype)
    if copies > 1:
        noise = nudged(noise, copies)
    fields = {k: v for k, v in overrides.items() if k not in ("copies", "start", "low")}
    start = overrides.get("start")
    if start is not None:
        start = np.asarray(start, dtype)
        start = nudged(start, copies) if copies > 1 else start
    called = _called(case, net)
    low, state = overrides.get("low", ""), knobs.get(STATE, STATES[0])
    if low:
        noise = low_latents(noise, low, state)
        start = None if start is None else low_latents(start, low, state)
    inputs = SpecInputs(
        case=case,
        dtype=np.dtype(dtype),
        schedule=levels,
        probe=LowProbe(called, low, state) if low else Probe(called),
        start_noise=noise,
        noise=tape(case.seed, case.shape),
        knobs={name: value for name, value in knobs.items() if name != STATE},
        copies=copies,
        start=start,
        low=low,
        state=state,
        **fields,
    )
    run: Callable[..., Observation] = ref.frame.run
    with np.errstate(all="ignore"):
        return run(ref.sample, inputs)


def _spread(
    ref: Reference, case: Case, net: str, dtype: str, knobs: Mapping[str, str], overrides: Mapping[str, Any], base: Observation
) -> Spread:
    """Spread of 8 repetitions: 4 ways to move the levels, each with 2 ways to move the start, stacked along the batch."""
    found = []
    for nudge in range(LEVEL_NUDGES):
        copies = NUDGES // LEVEL_NUDGES
        path = _once(ref, case, net, dtype, knobs, {**overrides, "copies": copies, "nudge": nudge}).path
        found.append(path.reshape(path.shape[0], copies, case.shape[0], *path.shape[2:]).swapaxes(0, 1))
    return spread_of(np.concatenate(found), base.path)


def _own_error(
    ref: Reference, case: Case, net: str, low: str, knobs: Mapping[str, str], overrides: Mapping[str, Any], exact: Observation
) -> tuple[Array, Array]:
    """How far 16-bit latents take the spec from itself, per row."""
    path = np.asarray(_once(ref, case, net, "float32", knobs, {**overrides, "low": low}).path).view(np.ndarray)
    expected = expect(exact.path, path, dtype=low)
    return expected.floor_rms, expected.floor_max


def observe_spec(
    ref: Reference,
    case: Case,
    net: str,
    knobs: Mapping[str, str] | None = None,
    *,
    spread: str | None = None,
    low: str = "",
    **overrides: Array,
) -> SpecResult:
    """Run a spec in float32 and float64, and 8 times nudged by one unit in the last place in the dtype that `spread` names.

    `low` names a 16-bit dtype, for its own error there.

    `net` is `open`, `closed`, or `idle` (looks at nothing: enough for the grid and the start, and has no spread); `levels`, `told`, `start`
    in `overrides` replace the spec's own. Results are remembered: layers and arms ask for the same ones.
    """
    frozen = tuple((name, value.dtype.str, value.shape, value.tobytes()) for name, value in sorted(overrides.items()))
    return _remembered(ref.id, json.dumps(case.to_json(), sort_keys=True), net, tuple(sorted((knobs or {}).items())), spread, low, frozen)


Frozen = tuple[tuple[str, str, tuple[int, ...], bytes], ...]


@lru_cache(maxsize=512)
def _remembered(
    name: str, case: str, net: str, knobs: tuple[tuple[str, str], ...], spread: str | None, low: str, frozen: Frozen
) -> SpecResult:
    ref, made, chosen, overrides = reference(name), Case.from_json(json.loads(case)), dict(knobs), _thawed(frozen)
    native, exact = _both(name, case, net, knobs, frozen)
    if native.error is not None or exact.error is not None:
        return SpecResult(native, exact)
    own = _own_error(ref, made, net, low, chosen, overrides, exact) if low else None
    if net == "idle" or spread is None:
        return SpecResult(native, exact, low=own)
    found = _spread(ref, made, net, spread, chosen, overrides, native if spread == "float32" else exact)
    in32, in64 = (found if spread == dtype else None for dtype in ("float32", "float64"))
    return SpecResult(native, exact, in32, in64, own)


@lru_cache(maxsize=512)
def _both(name: str, case: str, net: str, knobs: tuple[tuple[str, str], ...], frozen: Frozen) -> tuple[Observation, Observation]:
    """The spec in float32 and in float64: the same ones whichever spread is asked for."""
    run = partial(_once, reference(name), Case.from_json(json.loads(case)), net, knobs=dict(knobs), overrides=_thawed(frozen))
    return run("float32"), run("float64")


def _thawed(frozen: Frozen) -> dict[str, Array]:
    return {key: np.frombuffer(data, dtype).reshape(shape) for key, dtype, shape, data in frozen}
