"""Answers and endings of a run for which no comparison is needed: their cause, and the sentence that says it."""

from __future__ import annotations

import numpy as np

from trueto.model import Layer
from trueto.observe import Observation, StepError
from trueto.running.arms import Bench

__all__ = ["cause_of_death", "malformed", "out_of_memory"]


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
    return None if bench.loses_samples() else _not_finite(seen)


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
