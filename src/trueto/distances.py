"""How far arrays are apart: norms of differences, in constant memory. It measures; what a distance means is judge.py's to say."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["BLOCK", "apart", "distances", "index_of", "largest", "measure", "norms", "rows", "same_bits", "sizes"]

Array = np.ndarray[Any, np.dtype[Any]]

BLOCK = 1 << 16  # elements of a block, whose difference stays in the cache
DOT = 1 << 13  # elements up to which BLAS starts no threads, which would wait for each other on a busy machine
LONG = 1 << 12  # elements from which squares are summed by rows
ROW = 256  # squares that are summed in float32, to within a millionth; such sums are added in float64
SAFE = (1e-15, 1e15)  # differences whose squares are neither lost nor infinite in float32
WHOLE = 1 << 17  # elements up to which a stack of rows is compared in one piece


def rows(values: Array) -> Array:
    """(K, ...) as (K, N) in float64."""
    return np.asarray(values, np.float64).reshape(len(values), math.prod(values.shape[1:]))


def norms(difference: Array) -> tuple[Array, Array]:
    """RMS and maximum of each row of a (K, N) array."""
    width = max(difference.shape[1], 1)
    rms = np.sqrt(np.einsum("ij,ij->i", difference, difference) / width)
    maximum = np.abs(difference).max(axis=1, initial=0.0)
    return rms, maximum


def measure(got: Array, expected: Array) -> tuple[float, float]:
    """RMS and maximum of |got - expected| in constant memory; NaN where any element is not finite.

    Any float dtypes, equal shapes. Works in blocks of at most 512 KiB, so that the size of the tensors does not matter. Two float32 tensors
    are subtracted as such, which is exact within a factor of two of each other and else right to half a unit in the last place of the
    difference, and their RMS is right to a millionth of itself; everything else is in float64, and so are they where a difference
    or a square overflows.
    """
    return _measured(got, expected)[:2]


@np.errstate(over="ignore", invalid="ignore")
def _measured(got: Array, expected: Array) -> tuple[float, float, slice]:
    """The same, and the block in which the difference is largest, or not a number."""
    flat_got, flat_expected = got.reshape(-1), expected.reshape(-1)
    if got.dtype == expected.dtype == np.float32:
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


@np.errstate(over="ignore", invalid="ignore")
def distances(got: Array, expected: Array) -> tuple[list[float], list[float], list[slice]]:
    """RMS and maximum of |got - expected| for each row, and where in it the maximum is; in one piece where that is small."""
    if len(got) == 1 or got.size > WHOLE:
        found = [_measured(row, other) for row, other in zip(got, expected, strict=True)]
        return [rms for rms, _, _ in found], [maximum for _, maximum, _ in found], [place for _, _, place in found]
    rms, maximum = norms(rows(np.subtract(got, expected, dtype=np.float64)))
    return rms.tolist(), maximum.tolist(), [slice(None)] * len(got)


def apart(first: Array, second: Array) -> tuple[Array, Array]:
    """RMS and maximum of the difference of each row."""
    rms, maximum, _ = distances(first, second)
    return np.array(rms), np.array(maximum)


def sizes(values: Array) -> tuple[Array, Array]:
    """RMS and maximum of each row of (K, ...), in constant memory."""
    return apart(values, np.broadcast_to(np.zeros((), np.float64), values.shape))


def same_bits(first: Array, second: Array) -> bool:
    """Whether two arrays have the same dtype, shape and bits; in constant memory."""
    if first.dtype != second.dtype or first.shape != second.shape:
        return False
    if first.size <= BLOCK:
        return first.tobytes() == second.tobytes()
    one, other = first.reshape(-1), second.reshape(-1)
    return all(one[begin : begin + BLOCK].tobytes() == other[begin : begin + BLOCK].tobytes() for begin in range(0, one.size, BLOCK))


def largest(got: Array, expected: Array, part: slice) -> int:
    """Where |got - expected| is largest (or not a number) in this part, as an index into the flat arrays."""
    block = np.subtract(got.reshape(-1)[part], expected.reshape(-1)[part], dtype=np.float64)
    return (part.start or 0) + int(np.abs(block, out=block).argmax())


def index_of(element: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A flat index as one index an axis."""
    found: list[int] = []
    for size in reversed(shape):
        element, here = divmod(element, size)
        found.append(here)
    return tuple(reversed(found))
