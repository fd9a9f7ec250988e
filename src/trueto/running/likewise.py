"""Named outputs held against those of the original, value by value: a block of a network, a loss, a picture."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np

from trueto.distances import BLOCK, measure, same_bits
from trueto.judge import Expected, Spread, compare, expect, factor
from trueto.model import Comparison
from trueto.outputs import Outputs
from trueto.running.client import Outcome
from trueto.running.truth import seen_in_float64

__all__ = ["compare_outputs", "expected_of", "held_by_float32", "ill_conditioned", "is_picture", "valid_twin"]

Array = np.ndarray[Any, np.dtype[Any]]

PICTURE, FILE = "image", "png"  # a picture from -1 to 1, and the same in 8 bits
READ = "picture"  # one that was read from a file, from -1 to 1 as well, or of 8 bits
GREY = 127.5  # grey levels in one unit of a picture


def is_picture(name: str) -> bool:
    """Whether an output is a picture: `image`, `image.left`, or `image#2`, the second that was given; or a `picture` read."""
    return re.split(r"[.#]", name)[0] in (PICTURE, READ)


def expected_of(place: int, name: str, exact: Outputs, native: Outputs, dtype: str) -> Expected:
    """One value of the original with its floor in float32 or float64, as one row; whole numbers have no rounding of their own."""
    wanted, seen = (outputs.arrays[name][None] for outputs in (exact, native))
    spread = _spread(native, place)
    if name.partition("#")[0] == FILE and PICTURE in exact.arrays:
        own = PICTURE + name.removeprefix(FILE)  # of several pictures the file's own; a batch is one picture with a file for each sample
        cut = _of_cut_picture(own if own in exact.arrays else PICTURE, exact, native, dtype)
        return Expected(wanted.astype(np.float64), cut.rms, cut.maximum, np.array([place]), cut.maximum == 0, seen)
    if wanted.dtype.kind == "i":
        rms, maximum = measure(seen, wanted)
        floors = [max(own, float(spread_[0])) for own, spread_ in zip((rms, maximum), (spread.rms, spread.maximum), strict=True)]
        floor_rms, floor_max = (np.array([floor]) for floor in floors)
        return Expected(wanted.astype(np.float64), floor_rms, floor_max, np.array([place]), floor_max == 0, seen)
    steps = np.array([place])
    expected = expect(wanted, seen, spread=spread, steps=steps)
    if dtype == "float32":
        return expected
    return expect(wanted, wanted, dtype="float64", spread=_spread(exact, place), steps=steps, scale_from=expected)


def _of_cut_picture(picture: str, exact: Outputs, native: Outputs, dtype: str) -> Spread:
    """How far a picture's own rounding moves its 8-bit file.

    Moved by d grey levels, a share d of the values comes out as the next whole number, for they lie anywhere between two. A faithful
    picture is moved by no more than the factor times its floor. With one value more, that may lie just where the number changes, the
    share is factor (d + 1 / size), its RMS the root of that, and no value is more than one level off. The judge multiplies floors by
    the factor, so that it is taken out of them here.
    """
    place, size = list(exact.arrays).index(picture), exact.arrays[picture].size
    moved = GREY * float(expected_of(place, picture, exact, native, dtype).floor_rms[0])
    share = factor() * (moved + 1 / size)
    return Spread(np.array([math.sqrt(share) / factor()]), np.array([1 / factor()]))


def _spread(outputs: Outputs, place: int) -> Spread:
    if outputs.spread_rms is None or outputs.spread_max is None:
        return Spread(np.zeros(1), np.zeros(1))
    return Spread(outputs.spread_rms[place : place + 1], outputs.spread_max[place : place + 1])


def ill_conditioned(exact: Outputs, native: Outputs, limit: float) -> str:
    """The first floating value whose own rounding exceeds that share of its size, or nothing."""
    for place, (name, value) in enumerate(exact.arrays.items()):
        if value.dtype.kind == "f":
            floor = expected_of(place, name, exact, native, "float32").floor_rms[0]
            if not floor <= limit * measure(value, np.zeros_like(value))[0]:
                return name
    return ""


def compare_outputs(got: Outputs, exact: Outputs, native: Outputs, dtype: str) -> Comparison | str:
    """All values in one comparison, a row each, in the order in which the original gives them; or why they cannot be compared."""
    if missing := [name for name in exact.arrays if name not in got.arrays]:
        return f"does not give {', '.join(missing[:5])}, which the original does"
    rows: list[Comparison] = []
    for place, name in enumerate(exact.arrays):
        expected = expected_of(place, name, exact, native, dtype)
        if dtype == "float64" and exact.arrays[name].dtype.kind == "f":
            expected = seen_in_float64(expected)
        rows.append(compare(got.arrays[name][None], expected, name))
    if shapeless := next((row for row in rows if row.note), None):
        return f"{shapeless.what}: {shapeless.note}"
    worst = max(rows, key=lambda row: row.ratio)
    beyond = next((place for place, row in enumerate(rows) if row.ratio > factor()), None)
    shown = worst if beyond is None else rows[beyond]
    return replace(
        shown,
        identical=all(row.identical for row in rows),
        agrees=beyond is None,
        ratio=worst.ratio,
        drift_rms=tuple(row.drift for row in rows),
        floor_rms=tuple(row.floor for row in rows),
        drift_max=tuple(row.drift_max[0] for row in rows),
        floor_max=tuple(row.floor_max[0] for row in rows),
        ratios=tuple(row.ratio for row in rows),
        steps=tuple(range(len(rows))),
        first_step=beyond,
        worst_step=rows.index(worst),
    )


def valid_twin(twin: Outcome | None, exact: Outputs) -> tuple[Outputs | None, str]:
    """The float64 twin's outputs, or why it has no say: it ended, or something in it was computed in less than float64.

    Numbers that float32 holds and that are not the original's were computed in float32, whatever was asked for, as numpy is by `astype`.
    """
    if twin is None:
        return None, "this profile has no float64 twin"
    if twin.outputs is None:
        return None, f"not valid: {twin.died or twin.failed or (twin.raised and twin.raised.message) or 'no answer'}"
    if twin.meta.get("below"):
        return None, f"not valid: {twin.meta['below']} still returns less than float64"
    found = twin.outputs.arrays
    if low := next((name for name, value in found.items() if value.dtype.kind == "f" and value.dtype != np.float64), None):
        return None, f"not valid: {low} is {found[low].dtype}"
    single = (name for name, value in found.items() if name in exact.arrays and not same_bits(value, exact.arrays[name]))
    if low := next((name for name in single if held_by_float32(found[name])), None):
        return None, f"not valid: {low} holds float32 numbers, whatever is asked for"
    return twin.outputs, ""


def held_by_float32(values: Array) -> bool:
    """Whether float32 holds every one of several numbers, of which some are no whole ones; in constant memory."""
    flat, fractions = values.reshape(-1), False
    for begin in range(0, flat.size if values.dtype == np.float64 and values.size > 1 else 0, BLOCK):
        part = flat[begin : begin + BLOCK]
        with np.errstate(over="ignore"):
            if not (part == part.astype(np.float32)).all():
                return False
        fractions = fractions or bool((part != np.rint(part)).any())
    return fractions
