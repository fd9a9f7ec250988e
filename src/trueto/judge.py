"""The only place that compares tensors: floors, drifts, ratios, and the size of a drift in grey levels.

A *floor* says how far the original is from itself by its own rounding; a *drift* how far a candidate is from the
original computed in float64; their ratio decides. Nothing here is tuned by hand: the one factor comes from
benchmarks/calibration.py, which writes judge.toml.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from trueto.model import Comparison

__all__ = ["Expected", "Spread", "compare", "expect", "factor", "grey_levels", "measure", "same_bits", "size_of", "spread_of"]

Array = np.ndarray[Any, np.dtype[Any]]

EPS = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}
BLOCK = 1 << 15
GREY_PER_UNIT = 127.5
SIZES = ((0.5, "negligible"), (2.0, "small"), (16.0, "visible"), (math.inf, "another image"))


@cache
def factor() -> float:
    """How many floors a faithful candidate may be away; one number for everything, from judge.toml."""
    return float(tomllib.loads((Path(__file__).parent / "judge.toml").read_text())["factor"])


@dataclass(frozen=True, slots=True)
class Spread:
    """How far nudged repetitions of one run end up from each other, per row: `rms` (K,) and `maximum` (K,)."""

    rms: Array
    maximum: Array


@dataclass(frozen=True, slots=True)
class Expected:
    """The original's values and its own floor, row by row.

    `values` (K, ...) float64; `floor_rms`, `floor_max` (K,); `steps` (K,) names the sampling step of each row; `exact` (K,) marks rows that must match exactly.
    """

    values: Array
    floor_rms: Array
    floor_max: Array
    steps: Array
    exact: Array
    native: Array | None = None


def _rows(values: Array) -> Array:
    return np.asarray(values, np.float64).reshape(len(values), -1)


def _norms(difference: Array) -> tuple[Array, Array]:
    """RMS and maximum of each row of a (K, N) array."""
    width = max(difference.shape[1], 1)
    rms = np.sqrt(np.einsum("ij,ij->i", difference, difference) / width)
    maximum = np.abs(difference).max(axis=1, initial=0.0)
    return rms, maximum


def spread_of(runs: Array, base: Array) -> Spread:
    """Largest RMS and maximum distance of `runs` (R, K, ...) from `base` (K, ...)."""
    reference = _rows(base)
    rms, maximum = np.zeros(len(reference)), np.zeros(len(reference))
    for run in runs:
        run_rms, run_max = _norms(_rows(run) - reference)
        rms, maximum = np.maximum(rms, run_rms), np.maximum(maximum, run_max)
    return Spread(rms, maximum)


def expect(
    exact: Array,
    native: Array,
    *,
    dtype: str = "float32",
    spread: Spread | None = None,
    steps: Array | None = None,
    pooled: bool = False,
    ends: tuple[float, ...] = (),
    scale_from: Expected | None = None,
) -> Expected:
    """The original's values with their floor (DESIGN.md, section 4).

    The floor of a row is the largest of |native - exact|, the spread of nudged runs, the floors of earlier rows, and half a unit in the last place of the
    signal. `pooled` takes one floor for all rows (tables). `scale_from` is the float32 floor of the same
    values, of which a float64 floor is at least 2^-29. Rows equal to one of `ends`, and all-zero rows, demand equality.
    """
    values = _rows(exact)
    rms, maximum = _norms(_rows(native) - values)
    if spread is not None:
        rms, maximum = np.maximum(rms, spread.rms), np.maximum(maximum, spread.maximum)
    signal_rms, signal_max = _norms(values)
    rms = np.maximum(rms, EPS[dtype] * signal_rms)
    maximum = np.maximum(maximum, EPS[dtype] * signal_max)
    if scale_from is not None:
        shrink = EPS[dtype] / EPS["float32"]
        rms, maximum = np.maximum(rms, shrink * scale_from.floor_rms), np.maximum(maximum, shrink * scale_from.floor_max)
    if pooled:
        rms, maximum = np.full_like(rms, rms.max(initial=0.0)), np.full_like(maximum, maximum.max(initial=0.0))
    rms, maximum = np.maximum.accumulate(rms), np.maximum.accumulate(maximum)
    must = signal_max == 0
    if ends and values.shape[1] == 1:
        must = must | np.isin(values[:, 0], ends)
    names = np.arange(len(values)) if steps is None else steps
    return Expected(np.asarray(exact, np.float64), rms, maximum, names, must, native)


def same_bits(first: Array, second: Array) -> bool:
    """Whether two arrays have the same dtype, shape and bits."""
    return first.dtype == second.dtype and first.shape == second.shape and first.tobytes() == second.tobytes()


def measure(got: Array, expected: Array) -> tuple[float, float]:
    """RMS and maximum of |got - expected| in constant memory; NaN where any element is not finite.

    Any float dtypes, equal shapes. Works in blocks of 256 KiB, so that the size of the tensors does not matter.
    """
    flat_got, flat_expected = got.reshape(-1), expected.reshape(-1)
    if flat_got.size <= BLOCK:
        difference = np.subtract(flat_got, flat_expected, dtype=np.float64)
        peak = max(float(difference.max(initial=0.0)), -float(difference.min(initial=0.0)))
        return math.sqrt(float(difference.dot(difference)) / max(flat_got.size, 1)), peak
    total, peak = 0.0, 0.0
    buffer = np.empty(BLOCK, np.float64)
    for begin in range(0, flat_got.size, BLOCK):
        part = flat_got[begin : begin + BLOCK]
        block = buffer[: part.size]
        np.subtract(part, flat_expected[begin : begin + BLOCK], out=block, dtype=np.float64)
        total += float(block.dot(block))
        peak = max(peak, float(block.max()), -float(block.min()))
    peak = math.nan if math.isnan(total) else peak
    return math.sqrt(total / flat_got.size), peak


def _ratios(drift: Array, floor: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = drift / floor
    ratio[(drift == 0) & (floor == 0)] = 0.0
    ratio[np.isnan(ratio)] = np.inf
    return ratio


def compare(got: Array, expected: Expected, what: str, limit: float | None = None) -> Comparison:
    """Judge `got` (K, ...) against the original's values, row by row.

    `limit` is the factor (default: the calibrated one). A shape mismatch, NaN or infinity never agrees.
    """
    bound = factor() if limit is None else limit
    if got.shape != expected.values.shape:
        return _unlike(f"shape {got.shape} where the original has {expected.values.shape}", what)
    difference = _rows(got) - _rows(expected.values)
    rms, maximum = _norms(difference)
    ratios = np.maximum(_ratios(rms, expected.floor_rms), _ratios(maximum, expected.floor_max))
    ratios[expected.exact & (maximum > 0)] = np.inf
    if not len(ratios):
        return _unlike("nothing was recorded", what)
    worst = int(np.argmax(ratios))
    beyond = np.flatnonzero(~(ratios <= bound))
    element = int(np.argmax(np.abs(difference[worst]))) if difference.shape[1] else 0
    identical = expected.native is not None and same_bits(got, expected.native)
    return Comparison(
        identical=identical,
        agrees=not len(beyond),
        ratio=float(ratios[worst]),
        drift=float(rms[worst]),
        floor=float(expected.floor_rms[worst]),
        drift_rms=tuple(rms.tolist()),
        floor_rms=tuple(expected.floor_rms.tolist()),
        drift_max=tuple(maximum.tolist()),
        floor_max=tuple(expected.floor_max.tolist()),
        ratios=tuple(ratios.tolist()),
        what=what,
        first_step=int(expected.steps[beyond[0]]) if len(beyond) else None,
        worst_step=int(expected.steps[worst]),
        worst_index=tuple(int(i) for i in np.unravel_index(element, expected.values.shape[1:])) if expected.values.ndim > 1 else (),
        expected=float(_rows(expected.values)[worst, element]),
        got=float(_rows(got)[worst, element]),
    )


def _unlike(note: str, what: str) -> Comparison:
    inf = math.inf
    return Comparison(False, False, inf, inf, 0.0, (), (), (), (), (), what, 0, 0, note=note)


def grey_levels(got: Array, expected: Array) -> float:
    """Largest change of the final picture in grey levels of an 8-bit image.

    The stated linear map: x0 lives in about [-1, 1] and one unit of it is 127.5 grey levels, as when a pixel is written to a file.
    """
    if got.shape != expected.shape:
        return math.inf
    peak = measure(got, expected)[1]
    return math.inf if math.isnan(peak) else GREY_PER_UNIT * peak


def size_of(levels: float) -> str:
    """Grey levels in plain words: none, negligible (below 0.5), small (below 2), visible (below 16), another image."""
    if levels == 0:
        return "none"
    return next(word for limit, word in SIZES if levels < limit or math.isinf(limit))
