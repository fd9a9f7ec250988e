"""What users may ask of any sampler that no original has: to begin part-way with a picture, or to walk a list of times of their own.

A frame that knows them takes their knobs (`STRENGTH`, `GIVEN`) among its own. A sampler is handed what is left of its grid, and a state
at the level where that begins; the rest of the spec is the certified one, which is what makes its verdicts `consistent with`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from trueto.fixtures.noise import first_of
from trueto.fixtures.pictures import known_picture
from trueto.references.spec import SpecInputs

__all__ = ["COUNTED", "GIVEN", "STRENGTH", "beta_quantiles", "buried", "first_picture", "skipped"]

Array = np.ndarray[Any, np.dtype[Any]]

# Meng et al. 2021 (SDEdit, arXiv 2108.01073): how much of the way is walked, from a picture with noise added.
STRENGTH = {"strength": ("whole", "0.3", "0.5", "0.8", "1")}
# How many steps a run has that is begun part-way, where orders depend on that: those that are left, or all that were asked for.
COUNTED = {"counted": ("left", "asked")}
# Times or levels in the place of the original's grid. original: k-diffusion's own levels, from its float64 table; ays: Align Your Steps;
# beta: quantiles of a Beta distribution (Lee et al. 2024, arXiv 2407.12173), which are training times there, and levels in diffusers.
GIVEN = {"given": ("none", "original", "ays", "beta"), "beta_of": ("time", "sigma")}
SHAPE = 0.6  # both parameters of that distribution, as the libraries that have it take them
TERMS, HALVINGS = 60, 100


def skipped(inputs: SpecInputs, steps: int) -> int:
    """How many of `steps` are left out at the noisy end: all but int(n strength), n the step count that was asked for."""
    strength = inputs.knob("strength", "whole")
    return 0 if strength == "whole" else max(steps - int(inputs.case.steps * float(strength)), 0)


def first_picture(inputs: SpecInputs) -> Array | None:
    """The picture to begin with, for every stacked copy, or None where the whole way is walked."""
    if inputs.knob("strength", "whole") == "whole":
        return None
    return np.concatenate([known_picture(inputs.case.shape, first_of(inputs.case.seed)).astype(inputs.dtype)] * inputs.copies)


def buried(inputs: SpecInputs, alpha: Array, sigma: Array) -> Array | None:
    """The variance-preserving state to begin with part-way, alpha x0 + sigma noise; None where the whole way is walked."""
    picture = first_picture(inputs)
    return None if picture is None else alpha * picture + sigma * inputs.start_noise


def beta_quantiles(n: int) -> Array:
    """Quantiles (n,) of the Beta distribution with both parameters 0.6, at n even places from 1 down to 0: from noisy to clean."""
    places = np.linspace(1, 0, n)
    lower = _below(np.minimum(places, 1 - places))
    return np.where(places > 1 / 2, 1 - lower, lower)


def _below(places: Array) -> Array:
    """The quantiles at places up to a half, by halving an interval (the distribution is symmetric)."""
    low, high = np.zeros_like(places), np.full_like(places, 0.5)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        less = _area(middle) < places
        low, high = np.where(less, middle, low), np.where(less, high, middle)
    return high


def _area(x: Array) -> Array:
    """The share of the distribution below x (up to a half), by the power series of t^(a-1) (1-t)^(a-1) integrated term by term."""
    term, total = np.ones_like(x), np.zeros_like(x)
    for k in range(TERMS):
        total = total + term / (SHAPE + k)
        term = term * x * (k + 1 - SHAPE) / (k + 1)
    return x**SHAPE * total * math.gamma(2 * SHAPE) / math.gamma(SHAPE) ** 2
