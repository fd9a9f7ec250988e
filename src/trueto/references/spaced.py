"""Levels and times that libraries space by themselves over a training table, where the originals have others; parts of composed settings.

Levels are sigma / alpha. Karras et al. 2022 (arXiv 2206.00364), equation 5; exponential: evenly spaced in log(sigma), as k-diffusion has
them; beta: quantiles of the beta distribution (Lee et al. 2024, arXiv 2407.12173).
Whole times: Lin et al. 2023 (arXiv 2305.08891), table 2.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from trueto.references.edm import karras_levels
from trueto.references.flow import shifted
from trueto.references.spec import SpecInputs

__all__ = ["FLOW", "LEVELS", "SPACINGS", "beta_quantiles", "flow_levels", "spaced_levels", "told_times", "whole_times"]

Array = np.ndarray[Any, np.dtype[Any]]

LEVELS = ("original", "karras", "exponential", "beta")  # values of the knob `levels` of frames that have them
# Of frames that take networks of flow matching too, which have levels s of their own, x = (1 - s) x0 + s noise: how these are shifted, and
# between what they are even before. 1: of UniPC in diffusers, from pure noise, or 1e-6 below it, to 0.001.
FLOW = {"flow_shift": ("1", "3", "7"), "flow_from": ("0.999", "1")}
SPACINGS = ("leading", "trailing")
SHAPE = 0.6  # both parameters of the beta distribution
TERMS, HALVINGS = 64, 60
TRAINED = 1000  # training times of a flow-matching network
SHORT_OF_NOISE = 1e-6  # where alpha would be 0, whose logarithm is needed


def spaced_levels(name: str, n: int, table: Array) -> Array:
    """N levels from the noisiest to the cleanest of a table (T,) that rises, in float64.

    `log_snr` is `exponential` between logarithms in the precision of the table (the grid of Lu et al. 2022, arXiv 2206.00927).
    """
    low, high = float(table[0]), float(table[-1])
    ramp = np.linspace(0, 1, n)
    if name == "karras":
        return karras_levels(ramp, low, high)
    if name == "beta":
        return low + beta_quantiles(n) * (high - low)
    if name == "log_snr":
        top, bottom = (float(end) for end in np.log(table[[-1, 0]]))
        return np.exp(top + ramp * (bottom - top))
    return np.exp(np.linspace(np.log(high), np.log(low), n))


def flow_levels(inputs: SpecInputs) -> tuple[Array, Array]:
    """The n levels s of flow matching from noisy to clean, and the times told there, 1000 s or cut down; both (n,), in float64.

    Even from 0.999 to 0 before they are shifted (Esser et al. 2024, arXiv 2403.03206, equation 23), or from 1 to 0.001; the last of the
    n + 1, which is clean or nearly so, is left out.
    """
    shift = float(inputs.knob("flow_shift", "1"))
    even = np.linspace(1, 1 / TRAINED, inputs.case.steps + 1)
    if inputs.knob("flow_from", "0.999") == "1":
        found = shifted(even[:-1], shift)
        found[0] -= SHORT_OF_NOISE
    else:
        found = shifted(1 - even, shift)[:0:-1]
    return found, np.floor(found * TRAINED) if inputs.knob("told", "exact") == "truncated" else found * TRAINED


@cache
def beta_quantiles(n: int) -> Array:
    """The quantiles of Beta(0.6, 0.6) at n even probabilities from 1 to 0."""
    k = np.arange(TERMS)
    series = np.cumprod(np.concatenate([[1.0], (k[1:] - SHAPE) / k[1:]])) / (k + SHAPE)  # of the integral of (t (1 - t))^(SHAPE - 1)

    def integral(x: Array) -> Array:
        """From 0 to x, for x up to one half, where the series converges."""
        return x**SHAPE * (x[:, None] ** k * series).sum(axis=1)

    p = 1 - np.linspace(0, 1, n)
    wanted = np.minimum(p, 1 - p) * 2 * integral(np.array([0.5]))
    low, high = np.zeros(n), np.full(n, 0.5)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = integral(middle) < wanted
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    x = np.where(wanted == 0, 0.0, (low + high) / 2)
    return np.where(p > 1 / 2, 1 - x, x)


def told_times(levels: Array, table: Array, how: str = "exact", log_table: str = "native") -> Array:
    """The training times of levels, linear in log(sigma): as they are, `rounded` or `truncated` to whole ones.

    Rounding decides which whole number is told, so the precision of the table's logarithms matters (`log_table`).
    """
    logs = np.log(table)
    logs = (logs.astype(np.float32) if log_table == "float32" else logs).astype(np.float64)
    given = np.log(np.asarray(levels, np.float64))
    low = np.clip(np.searchsorted(logs, given, side="right") - 1, 0, len(logs) - 2)
    weight = np.clip((logs[low] - given) / (logs[low] - logs[low + 1]), 0, 1)
    times = (1 - weight) * low + weight * (low + 1)
    return {"exact": times, "rounded": np.round(times), "truncated": np.floor(times)}[how]


def whole_times(spacing: str, n: int, total: int, kept: int | None = None) -> Array:
    """N whole training times, and 0 at the end. `kept`: how many of the `total` there are, where the noisiest are cut off."""
    kept = total if kept is None else kept
    if spacing == "leading":
        return np.append(np.arange(n, 0, -1) * (kept // (n + 1)) + 1, 0)
    if spacing == "trailing":
        return np.append(np.round(np.arange(kept, 0, -total / n)[:n]).astype(int) - 1, 0)
    return np.round(np.linspace(0, kept - 1, n + 1)).astype(int)[::-1]
