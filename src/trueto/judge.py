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

from trueto.model import Comparison

__all__ = [
    "Expected",
    "Spread",
    "alike",
    "compare",
    "expect",
    "factor",
    "measure",
    "same_bits",
    "same_in_float64",
    "sizes",
    "spread_of",
    "unlike",
]

Array = np.ndarray[Any, np.dtype[Any]]

EPS = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}
BLOCK = 1 << 15  # elements of a block, whose difference stays in the cache
DOT = 1 << 13  # elements up to which BLAS starts no threads, which would wait for each other on a busy machine
LONG = 1 << 12  # elements from which squares are summed by rows
ROW = 256  # squares that are summed in float32, to within a millionth; such sums are added in float64
SAFE = (1e-15, 1e15)  # differences whose squares are neither lost nor infinite in float32
WHOLE = 1 << 17  # elements up to which a stack of rows is compared in one piece
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


def _rows(values: Array) -> Array:
    return np.asarray(values, np.float64).reshape(len(values), math.prod(values.shape[1:]))


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

    The floor of a row is the largest of |native - exact|, the spread of nudged runs, the floors of earlier rows, and half a unit
    in the last place of the signal. `pooled` takes one floor for all rows (tables). `scale_from` is the float32 floor of the
    same values, of which a float64 floor is at least 2^-29. Rows equal to one of `ends`, and all-zero rows, demand equality.
    """
    rms, maximum = _apart(native, exact)
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


def sizes(values: Array) -> tuple[Array, Array]:
    """RMS and maximum of each row of (K, ...), in constant memory."""
    return _apart(values, np.broadcast_to(np.zeros((), np.float64), values.shape))


def _apart(first: Array, second: Array) -> tuple[Array, Array]:
    """RMS and maximum of the difference of each row."""
    rms, maximum, _ = _distances(first, second)
    return np.array(rms), np.array(maximum)


def same_bits(first: Array, second: Array) -> bool:
    """Whether two arrays have the same dtype, shape and bits; in constant memory."""
    if first.dtype != second.dtype or first.shape != second.shape:
        return False
    if first.size <= BLOCK:
        return first.tobytes() == second.tobytes()
    one, other = first.reshape(-1), second.reshape(-1)
    return all(one[begin : begin + BLOCK].tobytes() == other[begin : begin + BLOCK].tobytes() for begin in range(0, one.size, BLOCK))


def measure(got: Array, expected: Array) -> tuple[float, float]:
    """RMS and maximum of |got - expected| in constant memory; NaN where any element is not finite.

    Any float dtypes, equal shapes. Works in blocks of 256 KiB, so that the size of the tensors does not matter. Two float32 tensors are
    subtracted as such, which is exact within a factor of two of each other and else right to half a unit in the last place of the
    difference, and their RMS is right to a millionth of itself; everything else is in float64, and so are they where a difference
    or a square overflows.
    """
    return _measured(got, expected)[:2]


def _measured(got: Array, expected: Array) -> tuple[float, float, slice]:
    """The same, and the block in which the difference is largest, or not a number."""
    flat_got, flat_expected = got.reshape(-1), expected.reshape(-1)
    if got.dtype == expected.dtype == np.float32:
        with np.errstate(over="ignore", invalid="ignore"):
            found = _by_blocks(flat_got, flat_expected, np.float32)
        if math.isfinite(found[0]):
            return found
    return _by_blocks(flat_got, flat_expected, np.float64)


def _by_blocks(got: Array, expected: Array, dtype: type[np.floating[Any]]) -> tuple[float, float, slice]:
    """RMS, maximum and its block of two flat arrays, subtracted in `dtype` and summed in float64."""
    size = got.size
    total, peak, place = 0.0, 0.0, 0
    room = np.empty(min(size, BLOCK), dtype)
    for begin in range(0, size, BLOCK):
        block = room[: size - begin]
        if got.dtype == dtype:
            np.subtract(got[begin : begin + BLOCK], expected[begin : begin + BLOCK], out=block)
        else:  # casting first takes less time than numpy's subtraction of two dtypes
            block[...] = got[begin : begin + BLOCK]
            np.subtract(block, expected[begin : begin + BLOCK], out=block)
        here = max(float(np.maximum.reduce(block)), -float(np.minimum.reduce(block)))
        if not (here <= peak or math.isnan(peak)):
            peak, place = here, begin
        total += _squares(block, here)
    return math.sqrt(total / max(size, 1)), math.nan if math.isnan(total) else peak, slice(place, place + BLOCK)


def _squares(block: Array, largest: float) -> float:
    """The sum of the squares of a flat array; of float32 by rows as such, where its `largest` element says that no square is lost."""
    by_rows = block.dtype == np.float32 and block.size >= LONG and SAFE[0] < largest < SAFE[1] and hasattr(np, "vecdot")  # numpy 2
    whole = block.size - block.size % ROW if by_rows else 0
    total = 0.0
    if whole:
        rows = block[:whole].reshape(-1, ROW)
        total = float(np.add.reduce(np.vecdot(rows, rows), dtype=np.float64))
    exact = block[whole:].astype(np.float64, copy=False)
    for start in range(0, exact.size, DOT):
        part = exact[start : start + DOT]
        total += float(part.dot(part))
    return total


def _distances(got: Array, expected: Array) -> tuple[list[float], list[float], list[slice]]:
    """RMS and maximum of |got - expected| for each row, and where in it the maximum is; in one piece where that is small."""
    if len(got) == 1 or got.size > WHOLE:
        found = [_measured(row, other) for row, other in zip(got, expected, strict=True)]
        return [rms for rms, _, _ in found], [maximum for _, maximum, _ in found], [place for _, _, place in found]
    rms, maximum = _norms(_rows(np.subtract(got, expected, dtype=np.float64)))
    return rms.tolist(), maximum.tolist(), [slice(None)] * len(got)


def _ratio(drift: float, floor: float) -> float:
    """Drift over floor; 0/0 is 0, and what is not a number is beyond any."""
    if drift == 0:
        return 0.0
    ratio = drift / floor if floor else math.inf
    return math.inf if math.isnan(ratio) else ratio


def _largest(got: Array, expected: Array, part: slice) -> int:
    """Where |got - expected| is largest (or not a number) in this part, as an index into the flat arrays."""
    block = np.subtract(got.reshape(-1)[part], expected.reshape(-1)[part], dtype=np.float64)
    return (part.start or 0) + int(np.abs(block, out=block).argmax())


def _index(element: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A flat index as one index an axis."""
    found: list[int] = []
    for size in reversed(shape):
        element, here = divmod(element, size)
        found.append(here)
    return tuple(reversed(found))


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
    rms, maximum, places = _distances(got, values)
    floor_rms, floor_max = expected.floor_rms.tolist(), expected.floor_max.tolist()
    ratios = [max(_ratio(r, fr), _ratio(m, fm)) for r, fr, m, fm in zip(rms, floor_rms, maximum, floor_max, strict=True)]
    if True in (must := expected.exact.tolist()):
        ratios = [math.inf if exact and far > 0 else ratio for exact, far, ratio in zip(must, maximum, ratios, strict=True)]
    worst = ratios.index(max(ratios))
    beyond = next((row for row, ratio in enumerate(ratios) if ratio > bound), None)
    element = _largest(got[worst], values[worst], places[worst])
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
        worst_index=_index(element, values.shape[1:]),
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
