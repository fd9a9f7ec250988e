"""Running a spec: the certified short form of an original, on any X, in any dtype, with knobs set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from trueto.fixtures import Network, network, schedule, start_noise, tape
from trueto.fixtures.noise import Tape
from trueto.fixtures.schedules import Schedule
from trueto.judge import Spread, spread_of
from trueto.model import Case
from trueto.observe import NetworkFunction, Observation, Probe
from trueto.references.library import Reference

__all__ = ["NUDGES", "SpecInputs", "SpecResult", "nudged", "observe_spec"]

Array = np.ndarray[Any, np.dtype[Any]]

NUDGES = 8


@dataclass(slots=True)
class SpecInputs:
    """What a spec's frame is given.

    `levels`, `told` and `start` override the spec's own grid, times and start state: this is how an update rule is judged on a
    candidate's own levels. `copies` is the number of runs stacked along the batch.
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

    def knob(self, name: str, default: str) -> str:
        """The chosen value of a knob."""
        return self.knobs.get(name, default)

    def draw(self, step: int, order: int = 0) -> Array:
        """A recorded draw in the run's dtype, repeated for every stacked copy."""
        values = self.noise.draw(step, order).astype(self.dtype)
        return np.concatenate([values] * self.copies) if self.copies > 1 else values


@dataclass(frozen=True, slots=True)
class SpecResult:
    """A spec seen in float32 and float64 with the spread of its nudged repetitions: as good as a golden for any X."""

    native: Observation
    exact: Observation
    spread: Spread
    spread64: Spread


def nudged(values: Array, count: int = NUDGES) -> Array:
    """`count` copies of `values` along the first axis, every element moved by one unit in the last place, up or down."""
    rng = np.random.default_rng(20260103)
    targets = np.where(rng.random((count, *values.shape)) < 0.5, -np.inf, np.inf).astype(values.dtype)
    return np.concatenate(list(np.nextafter(values[None], targets)))


def _stacked(net: Network, batch: int, copies: int) -> NetworkFunction:
    """The network for `copies` runs stacked along the batch: `open` treats the samples of a batch differently, so it is asked copy by copy."""
    if copies == 1 or net.name != "open":
        return net

    def one_by_one(x: Array, t: Array, condition: Array | None = None) -> Array:
        blocks = [slice(begin, begin + batch) for begin in range(0, len(x), batch)]
        return np.concatenate([net(x[b], t[b], None if condition is None else condition[b]) for b in blocks])

    return one_by_one


def _once(reference: Reference, case: Case, net: str, dtype: str, knobs: Mapping[str, str], overrides: Mapping[str, Any]) -> Observation:
    levels = schedule(case.schedule)
    name = case.network if net == "closed" else net
    copies = overrides.get("copies", 1)
    noise = start_noise(case.seed, case.shape).astype(dtype)
    if copies > 1:
        noise = nudged(noise, copies)
    fields = {k: v for k, v in overrides.items() if k not in ("copies", "start")}
    start = overrides.get("start")
    if start is not None:
        start = np.asarray(start, dtype)
        start = nudged(start, copies) if copies > 1 else start
    inputs = SpecInputs(
        case=case,
        dtype=np.dtype(dtype),
        schedule=levels,
        probe=Probe(_stacked(network(name, levels, case.parameterization), case.shape[0], copies)),
        start_noise=noise,
        noise=tape(case.seed, case.shape),
        knobs=knobs,
        copies=copies,
        start=start,
        **fields,
    )
    run: Callable[..., Observation] = reference.frame.run
    with np.errstate(all="ignore"):
        return run(reference.sample, inputs)


def _spread(reference: Reference, case: Case, net: str, dtype: str, knobs: Mapping[str, str], overrides: Mapping[str, Any], base: Observation) -> Spread:
    stacked = _once(reference, case, net, dtype, knobs, {**overrides, "copies": NUDGES})
    path = stacked.path
    runs = path.reshape(path.shape[0], NUDGES, case.shape[0], *path.shape[2:]).swapaxes(0, 1)
    return spread_of(runs, base.path)


def observe_spec(
    reference: Reference,
    case: Case,
    net: str,
    knobs: Mapping[str, str] | None = None,
    *,
    exact_knobs: Mapping[str, str] | None = None,
    **overrides: Any,
) -> SpecResult:
    """Run a spec in float32 and float64, and 8 times each nudged by one unit in the last place.

    `net` is `open` or `closed`; `exact_knobs` (default: the same) are used for the float64 run; `levels`,
    `told`, `start` in `overrides` replace the spec's own.
    """
    chosen = dict(knobs or {})
    chosen64 = chosen if exact_knobs is None else dict(exact_knobs)
    native = _once(reference, case, net, "float32", chosen, overrides)
    exact = _once(reference, case, net, "float64", chosen64, overrides)
    if native.error is not None or exact.error is not None:
        empty = Spread(np.zeros(0), np.zeros(0))
        return SpecResult(native, replace(exact), empty, empty)
    return SpecResult(
        native=native,
        exact=exact,
        spread=_spread(reference, case, net, "float32", chosen, overrides, native),
        spread64=_spread(reference, case, net, "float64", chosen64, overrides, exact),
    )
