"""The only place that compares tensors: floors, drifts and ratios.

A *floor* says how far the original is from itself by its own rounding; a *drift* how far a candidate is from the
original computed in float64; their ratio decides. Nothing here is tuned by hand: the one factor comes from
benchmarks/calibration.py, which writes judge.toml.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from trueto.distances import apart, distances, index_of, largest, norms, rows, same_bits, sizes
from trueto.model import Comparison

__all__ = [
    "Expected",
    "Spread",
    "alike",
    "compare",
    "expect",
    "factor",
    "same_in_float64",
    "spread_of",
    "unlike",
]

Array = np.ndarray[Any, np.dtype[Any]]

EPS = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}
MARKS = 16  # elements whose signed differences are kept as the fingerprint of a fault


@cache
def _figure(name: str) -> float:
    return float(tomllib.loads((Path(__file__).parent / "judge.toml").read_text())[name])


def factor() -> float:
    """How many floors a faithful candidate may be away; one number for everything, from judge.toml."""
    return _figure("factor")


def same_in_float64() -> float:
    """The share of the signal below which two float64 results are told apart by nothing but rounding, from judge.toml."""
    return _figure("same_in_float64")


@dataclass(frozen=True, slots=True)
class Spread:
    """How far nudged repetitions of one run end up from each other, per row: `rms` (K,) and `maximum` (K,)."""

    rms: Array
    maximum: Array


@dataclass(frozen=True, slots=True)
class Expected:
    """The original's values and its own floor, row by row.

    `values` (K, ...) float64; `floor_rms`, `floor_max` (K,); `steps` (K,) names the sampling step of each row; `exact` (K,)
    marks rows that must match exactly.
    """

    values: Array
    floor_rms: Array
    floor_max: Array
    steps: Array
    exact: Array
    native: Array | None = None


@np.errstate(over="ignore", invalid="ignore")
def spread_of(runs: Array, base: Array) -> Spread:
    """Largest RMS and maximum distance of `runs` (R, K, ...) from `base` (K, ...); NaN where both have an infinite number."""
    reference = rows(base)
    rms, maximum = np.zeros(len(reference)), np.zeros(len(reference))
    for run in runs:
        run_rms, run_max = norms(rows(run) - reference)
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
    """The original's values with their floor.

    The floor of a row is the largest of |native - exact|, the spread of nudged runs, the floors of earlier rows, and half a unit
    in the last place of the signal. `pooled` takes one floor for all rows (tables). `scale_from` is the float32 floor of the
    same values, of which a float64 floor is at least 2^-29. Rows equal to one of `ends`, and all-zero rows, demand equality.
    """
    rms, maximum = apart(native, exact)
    if spread is not None:
        rms, maximum = np.maximum(rms, spread.rms), np.maximum(maximum, spread.maximum)
    signal_rms, signal_max = sizes(exact)
    rms = np.maximum(rms, EPS[dtype] * signal_rms)
    maximum = np.maximum(maximum, EPS[dtype] * signal_max)
    if scale_from is not None:
        shrink = EPS[dtype] / EPS["float32"]
        rms, maximum = np.maximum(rms, shrink * scale_from.floor_rms), np.maximum(maximum, shrink * scale_from.floor_max)
    if pooled:
        rms, maximum = np.full_like(rms, rms.max(initial=0.0)), np.full_like(maximum, maximum.max(initial=0.0))
    rms, maximum = np.maximum.accumulate(rms), np.maximum.accumulate(maximum)
    values = np.asarray(exact, np.float64)
    must = np.full(len(values), not signal_max.any()) if pooled else signal_max == 0
    if ends and values.size == len(values):
        must = must | np.isin(values.reshape(-1), ends)
    names = np.arange(len(values)) if steps is None else steps
    return Expected(values, rms, maximum, names, must, native)


def _ratio(drift: float, floor: float) -> float:
    """Drift over floor; 0/0 is 0, and what is not a number is beyond any."""
    if drift == 0:
        return 0.0
    ratio = drift / floor if floor else math.inf
    return math.inf if math.isnan(ratio) else ratio


def compare(got: Array, expected: Expected, what: str, limit: float | None = None) -> Comparison:
    """Judge `got` (K, ...) against the original's values, row by row.

    `limit` is the factor (default: the calibrated one). A shape mismatch, NaN or infinity never agrees.
    """
    bound = factor() if limit is None else limit
    values = expected.values
    if got.shape != values.shape:
        return unlike(_shapes(got.shape, values.shape), what)
    if not len(got):
        return unlike("nothing was recorded", what)
    rms, maximum, places = distances(got, values)
    floor_rms, floor_max = expected.floor_rms.tolist(), expected.floor_max.tolist()
    ratios = [max(_ratio(r, fr), _ratio(m, fm)) for r, fr, m, fm in zip(rms, floor_rms, maximum, floor_max, strict=True)]
    if True in (must := expected.exact.tolist()):
        ratios = [math.inf if exact and far > 0 else ratio for exact, far, ratio in zip(must, maximum, ratios, strict=True)]
    worst = ratios.index(max(ratios))
    beyond = next((row for row, ratio in enumerate(ratios) if ratio > bound), None)
    element = largest(got[worst], values[worst], places[worst])
    return Comparison(
        identical=expected.native is not None and same_bits(got, expected.native),
        agrees=beyond is None,
        ratio=ratios[worst],
        drift=rms[worst],
        floor=floor_rms[worst],
        drift_rms=tuple(rms),
        floor_rms=tuple(floor_rms),
        drift_max=tuple(maximum),
        floor_max=tuple(floor_max),
        ratios=tuple(ratios),
        steps=tuple(expected.steps.tolist()),
        what=what,
        first_step=None if beyond is None else int(expected.steps[beyond]),
        worst_step=int(expected.steps[worst]),
        worst_index=index_of(element, values.shape[1:]),
        expected=float(values[worst].reshape(-1)[element]),
        got=float(got[worst].reshape(-1)[element]),
        marks=() if beyond is None else _marked(got, values),
        mark_floors=() if beyond is None else tuple(floor_max[place * len(got) // got.size] for place in _places(got.size)),
    )


def _places(size: int) -> list[int]:
    """Up to MARKS elements of a flat array, spread evenly."""
    count = min(MARKS, size)
    return [index * (size - 1) // max(count - 1, 1) for index in range(count)]


def _marked(got: Array, values: Array) -> tuple[float, ...]:
    """Signed differences at these places."""
    places = _places(got.size)
    return tuple((got.reshape(-1)[places].astype(np.float64) - values.reshape(-1)[places]).tolist())


def alike(drifts: Sequence[float], others: Sequence[float], floors: Sequence[float]) -> bool:
    """Whether two lists of differences from one original are the same difference: within the factor times its rounding, place by place."""
    if not len(drifts) == len(others) == len(floors):
        return False
    pairs = zip(drifts, others, floors, strict=True)
    return all(abs(drift - other) <= factor() * floor for drift, other, floor in pairs)


def _shapes(got: tuple[int, ...], expected: tuple[int, ...]) -> str:
    if len(got) == len(expected) and got[1:] == expected[1:]:
        return f"{got[0]} of them where the original has {expected[0]}"
    return f"shape {got} where the original has {expected}"


def unlike(note: str, what: str) -> Comparison:
    """A comparison that cannot be made: shapes or numbers of calls differ. It never agrees."""
    inf = math.inf
    return Comparison(
        identical=False, agrees=False, ratio=inf, drift=inf, floor=0.0, drift_rms=(), floor_rms=(), drift_max=(), floor_max=(),
        ratios=(), steps=(), what=what, first_step=0, worst_step=0, note=note,
    )  # fmt: skip
