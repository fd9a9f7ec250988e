"""A Brownian path that is read at other levels than the original's: how far each draw must then be from the original's.

An increment between two levels over the root of their distance is a standard normal number. Two such increments of one path have the
correlation rho = overlap / sqrt(length * other length), so that their difference is normal with variance 2 (1 - rho), whatever the path.
It says how large a difference of levels makes the difference of noise; another seed, or increments between other levels, make another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["same_path", "variance"]

Array = np.ndarray[Any, np.dtype[Any]]

TREE = 1e-6  # torchsde's BrownianTree finds a level to within its `tol`, which both have as it is
ULPS = 4  # of a level in float32: rounding of a level between two others
SIGMAS = 6.0  # standard deviations that a mean of squares may be off: once in 10^9 draws


def variance(original: Array, own: Array) -> tuple[Array, Array]:
    """The least and the largest variance of each difference, for increments between pairs of levels, both (draws, 2), largest first."""
    lengths = np.stack([pair[:, 0] - pair[:, 1] for pair in (original, own)])
    overlap = np.maximum(np.minimum(original[:, 0], own[:, 0]) - np.maximum(original[:, 1], own[:, 1]), 0.0)
    exact = 2 * (1 - overlap / np.sqrt(lengths.prod(axis=0)))
    unsure = TREE + ULPS * np.finfo(np.float32).eps * np.maximum(original[:, 0], own[:, 0])
    more = 4 * unsure / lengths.min(axis=0)  # both ends, in units of a length, twice
    return np.maximum(exact - more, 0.0), np.minimum(exact + more, 2.0)


def same_path(drift_rms: Sequence[float], size: int, original: Array, own: Array) -> bool:
    """Whether draws of `size` numbers each are as far from the original's (RMS) as one path read at both pairs of levels makes them.

    False too where the levels are so different that other noise would be as far.
    """
    if not len(drift_rms) == len(original) == len(own) > 0 or (original <= 0).any() or (own <= 0).any():
        return False
    least, largest = variance(original, own)
    square, (low, high) = np.square(drift_rms), _mean_square(size)
    rounding = np.square(ULPS * np.finfo(np.float32).eps)
    within = (low * least <= square + rounding) & (square <= high * largest + rounding)
    return bool(within.all() and (high * largest < low * 2.0).any())


def _mean_square(count: int) -> tuple[float, float]:
    """Between what the mean of `count` squares of standard normal numbers lies (Wilson and Hilferty, 1931)."""
    share = 2 / (9 * count)
    low, high = ((1 - share + sign * SIGMAS * np.sqrt(share)) ** 3 for sign in (-1, 1))
    return max(float(low), 0.0), float(high)
