"""Answers and endings of a run for which no comparison is needed: their cause, and the sentence that says it."""

from __future__ import annotations

import numpy as np

from trueto.fixtures import network, schedule
from trueto.model import Layer, Profile
from trueto.observe import Observation, StepError
from trueto.references.rounded import LOW, round_to
from trueto.running.arms import Bench
from trueto.running.client import Outcome

__all__ = ["cause_of_death", "ineffective", "malformed", "out_of_memory", "precision_says_nothing"]


def out_of_memory(raised: StepError) -> bool:
    """Whether an exception says that memory ran out; torch says it in its own ways."""
    return raised.type in ("MemoryError", "OutOfMemoryError") or "allocate memory" in raised.message


def cause_of_death(died: str) -> str:
    """The word for a run that ended without an answer: time-out, garbage or crash."""
    return next((word for word in ("time-out", "garbage") if word in died), "crash")


def malformed(seen: Observation, bench: Bench) -> tuple[str, str] | None:
    """Cause and sentence for results that no comparison is needed for."""
    shape = tuple(seen.sample.shape)
    if shape != bench.case.shape:
        return "wrong shape", f"returns a sample of shape {shape} where {bench.case.shape} was asked for"
    if str(seen.sample.dtype) not in bench.numpy_dtypes:
        return "wrong dtype", f"returns {seen.sample.dtype} where latents in {bench.profile.dtype} were given"
    if seen.states.shape[1:] != bench.case.shape:
        return "wrong shape", f"asks the network about latents of shape {seen.states.shape[1:]} where {bench.case.shape} were given"
    if seen.start.shape != bench.case.shape:
        return "wrong shape", f"starts from latents of shape {seen.start.shape} where {bench.case.shape} were given"
    if bench.layer is not Layer.NOISE and not len(seen.told):
        return "no network call", "never calls the network"
    return None if bench.loses_samples() or _too_narrow(seen, bench) else _not_finite(seen)


def ineffective(outcome: Outcome, profile: Profile) -> tuple[str, str] | None:
    """Cause and sentence where a run says that it did not do what the profile asks for: it says nothing of that profile."""
    idle = outcome.meta.get("ineffective")
    return ("profile", f"profile {profile.id} took no effect: {idle}") if idle else None


def precision_says_nothing(seen: Observation, bench: Bench) -> tuple[str, str] | None:
    """Cause and sentence where nothing can be said of the layer in this precision."""
    if missing := bench.cannot_judge():
        return "precision not recorded", missing
    narrow = "" if bench.layer in (Layer.SCHEDULE, Layer.START, Layer.NOISE) else _too_narrow(seen, bench)
    return ("precision too narrow", narrow) if narrow else None


def _too_narrow(seen: Observation, bench: Bench) -> str:
    """Why no network of 16 bits has finite answers on this case, or nothing: at the original's own states one is too large for the dtype.

    It excuses a candidate whose start, and states and times up to that call, are finite; one that loses them before is at fault itself.
    """
    low = bench.native_dtype
    if low not in LOW or bench.case.drawn or np.isfinite(seen.sample).all():
        return ""
    call, largest = _overflow(bench, low)
    given = (seen.states[: call + 1], seen.told[: call + 1], seen.start)
    if call < 0 or len(seen.told) <= call or not all(np.isfinite(values).all() for values in given) or np.isnan(seen.levels).any():
        return ""
    return f"in {low} there is no finite sample: at the original's own states the network answers {largest:.0f} in call {call}"


def _overflow(bench: Bench, low: str) -> tuple[int, float]:
    """The first call of the original in float64 whose answer is infinite in a 16-bit dtype, and its size; -1 where there is none."""
    case = bench.case
    exact = bench.golden.observation(case.id, bench.net, "float64")
    net = network("open" if bench.net == "open" else case.network, schedule(case.schedule), case.parameterization)
    batch = case.shape[0]
    for call, (x, told) in enumerate(zip(exact.states, exact.told, strict=True)):
        marks = (None,) if case.guidance is None else (np.zeros(batch), np.ones(batch))
        largest = max(float(np.abs(net(x, np.full(batch, told), mark)).max()) for mark in marks)
        if not np.isfinite(round_to(np.asarray([largest], np.float32), low)).all():
            return call, largest
    return -1, 0.0


def _not_finite(seen: Observation) -> tuple[str, str] | None:
    parts = {
        "sample": seen.sample,
        "picture that the network is asked about": seen.states,
        "time told to the network": seen.told,
        "start": seen.start,
    }
    for name, values in parts.items():
        if not np.isfinite(values).all():
            return "not finite", f"the {name} has NaN or infinite values"
    return ("not finite", "a noise level is NaN") if np.isnan(seen.levels).any() else None
