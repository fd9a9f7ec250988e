"""What is expected of one run: the original's values and floors, from a golden or from a certified spec."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trueto.distances import sizes
from trueto.judge import Expected, Spread, expect, factor, same_in_float64
from trueto.model import Layer
from trueto.observe import Observation, theta
from trueto.references import Golden, SpecResult

__all__ = ["Truth", "golden_truth", "parts", "seen_in_float64", "spec_truth"]

Array = np.ndarray[Any, np.dtype[Any]]

# Levels, as angles, at which formulas divide by 0, so that not even rounding is the same. In flow matching pure noise (level 1) is none of
# them: what is computed there, as shift / (1 + (shift - 1)), may round otherwise in another order.
CLEAN, NOISE = 0.0, float(np.pi / 2)
ENDS = {"sigma": (CLEAN, NOISE), "alpha_bar": (CLEAN, NOISE), "flow": (CLEAN,)}


@dataclass(frozen=True, slots=True)
class Truth:
    """One run (open or closed loop) in float32 and float64, with the spread of its repetitions.

    `low` holds the original's own error in 16-bit dtypes: dtype to (rms, maximum) per row.
    """

    native: Observation
    exact: Observation
    spread: Spread | None
    spread64: Spread | None
    low: dict[str, tuple[Array, Array]]


def spec_truth(result: SpecResult, low: str = "", own: tuple[Array, Array] | None = None) -> Truth:
    """The truth that a spec run gives; `own` is the original's recorded error on the same case in the 16-bit dtype `low`."""
    errors = {}
    if low and result.low is not None:
        rms, maximum = result.low
        fits = own is not None and len(own[0]) == len(rms)
        errors[low] = (np.maximum(rms, own[0]), np.maximum(maximum, own[1])) if own is not None and fits else (rms, maximum)
    return Truth(result.native, result.exact, result.spread, result.spread64, errors)


def golden_truth(golden: Golden, case: str, net: str) -> Truth:
    """The truth that a golden gives."""
    native, exact = golden.observation(case, net, "float32"), golden.observation(case, net, "float64")
    if native.error is not None:
        return Truth(native, exact, None, None, {})
    low = {d: found for d in ("float16", "bfloat16") if (found := golden.own_error(case, net, d)) is not None}
    return Truth(native, exact, golden.spread(case, net, "float32"), golden.spread(case, net, "float64"), low)


def _path(truth: Truth, dtype: str, rows: slice) -> Expected:
    steps = np.append(truth.exact.step, len(truth.exact.levels) - 1)[rows]
    path64, path32 = truth.exact.path[rows], truth.native.path[rows]
    spread = None if truth.spread is None else Spread(truth.spread.rms[rows], truth.spread.maximum[rows])
    expected = expect(path64, path32, spread=spread, steps=steps)
    if dtype == "float64":
        spread64 = None if truth.spread64 is None else Spread(truth.spread64.rms[rows], truth.spread64.maximum[rows])
        return expect(path64, path64, dtype="float64", spread=spread64, steps=steps, scale_from=expected)
    if dtype != "float32":
        rms, maximum = truth.low[dtype]
        return Expected(
            path64, np.maximum(rms[rows], expected.floor_rms), np.maximum(maximum[rows], expected.floor_max), steps, expected.exact
        )
    return expected


def _table(exact: Array, native: Array, dtype: str, steps: Array, ends: tuple[float, ...] = ()) -> Expected:
    expected = expect(exact, native, pooled=True, steps=steps, ends=ends)
    if dtype == "float64":
        return expect(exact, exact, dtype="float64", pooled=True, steps=steps, ends=ends, scale_from=expected)
    return expected


def _floors(expected: Expected) -> tuple[Array, Array]:
    return expected.floor_rms, expected.floor_max


def seen_in_float64(expected: Expected) -> Expected:
    """What a candidate's float64 twin is held against: floors such that what is below `same_in_float64` of the signal so far agrees.

    A measured float64 floor is that of one formula; another one with the same float32 rounding can lose other digits, as `1 - a / b` does.
    """
    least = [np.maximum.accumulate(each) * (same_in_float64() / factor()) for each in sizes(expected.values)]
    return replace(expected, floor_rms=np.maximum(expected.floor_rms, least[0]), floor_max=np.maximum(expected.floor_max, least[1]))


def parts(layer: Layer, truth: Truth, got: Observation, dtype: str, *, same_grid: bool = True) -> list[tuple[str, Expected, Array]]:
    """What a layer compares: (name, the original's values, the candidate's values) for each part of it."""
    exact, native = truth.exact, truth.native
    if layer is Layer.SCHEDULE:
        levels = np.arange(len(exact.levels))
        grid = _table(theta(exact.levels, exact.level_kind), theta(native.levels, native.level_kind), dtype, levels, ENDS[exact.level_kind])
        told = _table(exact.told, native.told, dtype, exact.step)
        return [
            ("time told to the network", told, got.told),
            ("noise level", grid, theta(got.levels, got.level_kind)),
        ]
    if layer is Layer.START:
        expected = expect(exact.start[None], native.start[None])
        if dtype == "float64":
            expected = expect(exact.start[None], exact.start[None], dtype="float64", scale_from=expected)
        elif dtype != "float32":
            expected = expect(exact.start[None], native.start[None], dtype=dtype)
            if dtype in truth.low:  # the first state is the start: what is lost in making it, where it is made of more than noise
                rms, maximum = (np.maximum(own, error[:1]) for own, error in zip(_floors(expected), truth.low[dtype], strict=True))
                expected = replace(expected, floor_rms=rms, floor_max=maximum)
        return [("start latents", expected, got.start[None])]
    if same_grid:
        return [("state", _path(truth, dtype, slice(None)), got.path)]
    return [("sample", _path(truth, dtype, slice(-1, None)), got.path[-1:])]
