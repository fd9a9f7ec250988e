"""What a difference looks like: its size in grey levels, and in words an offset, another scale, one step late. It decides nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import permutations
from typing import Any

import numpy as np

from trueto.distances import measure
from trueto.judge import Expected

__all__ = ["GREY_LEVELS", "from_levels", "grey_levels", "grey_words", "looks_like", "size_of"]

Array = np.ndarray[Any, np.dtype[Any]]

LEFT = 0.05  # share of the difference that an explanation may leave over
FEW = 0.1  # share of the elements that counts as few
ENERGY = 0.99  # share of the squared difference that few elements must hold
MOST_SAMPLES = 6  # a batch of more has too many orders to try
GREY_PER_UNIT = 127.5
GREY_LEVELS = 255  # by which two pictures of 8 bits can differ at most; latents and samples out of range can by more
SIZES = ((0.5, "negligible"), (2.0, "small"), (16.0, "visible"), (math.inf, "another image"))
FLIPS = {"upside down": -2, "left and right swapped": -1, "channels in reverse order": -3}


def looks_like(got: Array, expected: Expected, factor: float, draws: Array | None = None) -> str:
    """The simplest pattern that explains the first row that differs, or nothing.

    `got` (K, ...) is held against the original's values; `draws` (N, B, C, H, W) are the noise that was fed in. A pattern counts when it
    leaves less than 5 % of the difference over.
    """
    values = expected.values
    if got.shape != values.shape or not len(got):
        return ""
    row = _first(got, expected, factor)
    if row is None:
        return ""
    seen, wanted = got[row].astype(np.float64), values[row]
    if not np.isfinite(seen).all():
        return "values that are not finite"
    if not np.isfinite(wanted).all():
        return "numbers where the original has values that are not finite"
    far = measure(seen, wanted)[0]
    for words, explained in _patterns(row, seen, expected, draws):
        if measure(explained, seen)[0] < LEFT * far:
            return words
    return _few(seen - wanted) if seen.size > 1 else ""


def _first(got: Array, expected: Expected, factor: float) -> int | None:
    for row, (seen, wanted) in enumerate(zip(got, expected.values, strict=True)):
        rms, maximum = measure(seen, wanted)
        beyond = not (rms <= factor * expected.floor_rms[row] and maximum <= factor * expected.floor_max[row])
        if beyond or (expected.exact[row] and maximum > 0):
            return row
    return None


def _patterns(row: int, seen: Array, expected: Expected, draws: Array | None) -> Iterator[tuple[str, Array]]:
    """Words and what the row would be if they were the whole truth, the simplest first."""
    values = expected.values
    wanted = values[row]
    for words, other in (("one step late", row - 1), ("one step early", row + 1)):
        if 0 <= other < len(values):
            yield f"{words}: it is what the original has at {'the step before' if other < row else 'the next step'}", values[other]
    if wanted.size == 1:
        return
    yield "the opposite sign", -wanted
    offset = float((seen - wanted).mean())
    yield f"an offset: {offset:.2g} added everywhere", wanted + offset
    scale = float(np.vdot(seen, wanted) / max(float(np.vdot(wanted, wanted)), np.finfo(np.float64).tiny))
    yield f"another scale: {scale:.6g} times the original", scale * wanted
    yield from _places(wanted)
    yield from _noise(seen, wanted, draws)


def _places(wanted: Array) -> Iterator[tuple[str, Array]]:
    """The right values in other places."""
    if 1 < len(wanted) <= MOST_SAMPLES:
        for order in permutations(range(len(wanted))):
            if list(order) != sorted(order):
                yield f"samples of the batch in the order {', '.join(map(str, order))}", wanted[list(order)]
    if wanted.ndim == 4:
        yield from ((words, np.flip(wanted, axis)) for words, axis in FLIPS.items())
        if wanted.shape[-1] == wanted.shape[-2]:
            yield "height and width swapped", wanted.swapaxes(-1, -2)


def _noise(seen: Array, wanted: Array, draws: Array | None) -> Iterator[tuple[str, Array]]:
    """A multiple of one draw too much or too little; then one draw in the place of another."""
    same = [] if draws is None else [np.asarray(draw, np.float64) for draw in draws if draw.shape == wanted.shape]
    shares = [float(np.vdot(seen - wanted, draw) / np.vdot(draw, draw)) for draw in same]
    for index, (draw, share) in enumerate(zip(same, shares, strict=True)):
        yield f"noise: {share:.2g} times draw {index} more than in the original", wanted + share * draw
    for first in range(len(same)):
        for second in range(len(same)):
            if first != second:
                swap = same[second] - same[first]
                share = float(np.vdot(seen - wanted, swap) / np.vdot(swap, swap))
                yield f"noise: draw {second} in the place of draw {first}", wanted + share * swap


def _few(difference: Array) -> str:
    """Whether few elements hold nearly all of the difference."""
    energy = np.sort(np.square(difference).reshape(-1))[::-1]
    few = int(np.searchsorted(np.cumsum(energy), ENERGY * energy.sum()) + 1)
    return f"{few} of {energy.size} elements hold nearly all of it" if few <= FEW * energy.size else ""


def grey_levels(got: Array, expected: Array) -> float:
    """Largest change of the final picture in grey levels of an 8-bit image; a picture in whole numbers has those already.

    The stated linear map: x0 lives in about [-1, 1] and one unit of it is 127.5 grey levels, as when a pixel is written to a file.
    """
    if got.shape != expected.shape:
        return math.inf
    peak = measure(got, expected)[1]
    return math.inf if math.isnan(peak) else peak if _in_levels(expected) else GREY_PER_UNIT * peak


def from_levels(picture: Array) -> Array:
    """A picture from -1 to 1, float64: one in whole numbers has 8 bits, 0 to 255; any other is there already."""
    return picture / GREY_PER_UNIT - 1 if _in_levels(picture) else picture.astype(np.float64)


def _in_levels(picture: Array) -> bool:
    return picture.dtype.kind in "iu"


def grey_words(levels: float, said: str) -> str:
    """Grey levels, written as `said`, with what they are of; a picture of 8 bits has no more than 255 to differ by."""
    if levels > GREY_LEVELS:
        return f"more than {GREY_LEVELS} grey levels"
    return f"{GREY_LEVELS if round(levels) == GREY_LEVELS else said} of {GREY_LEVELS} grey levels"  # not two digits of it, 260


def size_of(levels: float) -> str:
    """Grey levels in plain words: none, negligible (below 0.5), small (below 2), visible (below 16), another image."""
    if levels == 0:
        return "none"
    return next(word for limit, word in SIZES if levels < limit or math.isinf(limit))
