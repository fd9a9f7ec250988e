"""What is seen of one run from outside: every network call, the levels, the start, the sample, the noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from trueto.errors import DataError

__all__ = ["LEVEL_KINDS", "NetworkFunction", "Observation", "Probe", "StepError", "by_branch", "nudge_signs", "theta"]

Array = np.ndarray[Any, np.dtype[Any]]

LEVEL_KINDS = ("sigma", "alpha_bar", "flow")
TENSORS = ("told", "step", "states", "levels", "start", "sample", "noise")
COIN = 0.5
EMPTY: Array = np.zeros((0,), np.float64)


@dataclass(frozen=True, slots=True)
class StepError:
    """An exception that a run ended with: its type, message, and where it started."""

    type: str
    message: str
    where: str = ""
    own: bool = False
    at_call: int = 0


@dataclass(frozen=True, slots=True)
class Observation:
    """One run as seen from outside.

    `told` (K,) are the times given to the network in its K calls, `step` (K,) the sampling step of each call, `states`
    (K, B, C, H, W) the inputs of the calls, which are x / sqrt(alpha^2 + sigma^2), `levels` (S+1,) the noise levels before each
    step and at the end, of kind `sigma` (sigma/alpha), `alpha_bar` or `flow` (sigma = 1 - alpha), `start` and `sample` (B, C, H, W) the
    same scaled state at both ends, `noise` (N, B, C, H, W) the draws that moved Y. `error` is set when the run raised.
    """

    told: Array
    step: Array
    states: Array
    levels: Array
    level_kind: str
    start: Array
    sample: Array
    noise: Array = field(default_factory=lambda: EMPTY)
    error: StepError | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Array:
        """States of all calls followed by the sample, shape (K+1, B, C, H, W)."""
        return np.concatenate([self.states, self.sample[None].astype(self.states.dtype)])

    def tensors(self) -> dict[str, Array]:
        """The arrays by name, for safetensors."""
        return {name: getattr(self, name) for name in TENSORS}

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Array], level_kind: str, error: StepError | None = None, meta: Mapping[str, Any] | None = None
    ) -> Observation:
        """The inverse of `tensors`; DataError when one is missing."""
        missing = [name for name in TENSORS if name not in tensors]
        if missing:
            raise DataError(f"observation lacks {', '.join(missing)}", "trueto doctor")
        fields = {name: tensors[name] for name in TENSORS}
        return cls(**fields, level_kind=level_kind, error=error, meta=meta or {})


def theta(levels: Array, kind: str) -> Array:
    """Angle of a noise level, atan2(sigma, alpha), float64: 0 is clean, pi/2 pure noise."""
    values = levels.astype(np.float64)
    if kind == "sigma":
        return np.arctan2(values, 1.0)
    if kind == "alpha_bar":
        return np.arctan2(np.sqrt(np.maximum(1 - values, 0)), np.sqrt(values))
    if kind == "flow":
        return np.arctan2(values, 1.0 - values)
    raise DataError(f"unknown kind of noise level '{kind}': expected {', '.join(LEVEL_KINDS)}", 'kind = "sigma"')


class NetworkFunction(Protocol):
    """A closed-form network: (x, t, condition) in float64 to float64."""

    def __call__(self, x: Array, t: Array, condition: Array | None = None) -> Array:
        """The prediction for x (B, C, H, W) at t (B,)."""
        ...


def nudge_signs(seed: int, count: int) -> Array:
    """`count` signs, +1 or -1, for the repetition of that number: the same for an original and its spec."""
    return np.where(np.random.default_rng([20260104, seed]).random(count) < COIN, -1.0, 1.0)


def by_branch(net: NetworkFunction, x: Array, t: Array, condition: Array | None) -> Array:
    """The network, one guidance branch at a time: how a caller batches its branches must not change X."""
    if condition is None:
        return net(x, t)
    out = np.empty_like(x)
    for mark in np.unique(condition):
        chosen = condition == mark
        out[chosen] = net(x[chosen], t[chosen], condition[chosen])
    return out


class Probe:
    """The network as an algorithm sees it; writes down what it is called with.

    `run(x, t, step=..., condition=...)` takes x in any float dtype, returns the prediction in that dtype. `canonical` turns what a network
    is fed at a time told into x / sqrt(alpha^2 + sigma^2), where it is fed anything else (variance exploding, sub-VP).
    """

    def __init__(self, net: NetworkFunction) -> None:
        self.net = net
        self.told: list[float] = []
        self.steps: list[int] = []
        self.states: list[Array] = []
        self.on_call: Callable[[], None] | None = None
        self.canonical: Callable[[Array, float], Array] | None = None

    def run(self, x: Array, t: Array, step: int, condition: Array | None = None) -> Array:
        """Evaluate the network on x (B, C, H, W) at t (B,) and record the call; guidance batches collapse to one branch."""
        times = np.asarray(t, np.float64).reshape(-1)
        if times.size == 1:
            times = np.full(x.shape[0], times[0])  # np.broadcast_to takes ten times as long
        branch = x if condition is None else x[condition == condition[-1]]
        self.record(branch, float(times[-1]), step)
        return by_branch(self.net, x.astype(np.float64), times, condition).astype(x.dtype)

    def record(self, x: Array, told: float, step: int) -> None:
        """Write one call down, unless it repeats the last one bit for bit (separate guidance branches)."""
        x = x if self.canonical is None else self.canonical(x, told)
        if self.states and self.steps[-1] == step and self.told[-1] == told and self.states[-1].tobytes() == x.tobytes():
            return
        self.told.append(told)
        self.steps.append(step)
        self.states.append(x.copy())
        if self.on_call is not None:
            self.on_call()

    def observation(
        self, *, levels: Array, level_kind: str, start: Array, sample: Array, meta: Mapping[str, Any] | None = None
    ) -> Observation:
        """Everything recorded so far as an Observation."""
        states = np.stack(self.states) if self.states else np.zeros((0, *sample.shape), sample.dtype)
        return Observation(
            told=np.asarray(self.told, np.float64),
            step=np.asarray(self.steps, np.int64),
            states=states,
            levels=levels,
            level_kind=level_kind,
            start=start,
            sample=sample,
            meta=meta or {},
        )
