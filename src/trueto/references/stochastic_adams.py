"""The stochastic Adams step of SA-Solver (Xue et al. 2023, arXiv 2309.05019), for data and for noise prediction.

lambda = log(alpha / sigma) is the half log-SNR. The network's answers are interpolated in lambda by Lagrange polynomials, and the
interpolation is integrated exactly against the exponential weight of the variance-controlled diffusion SDE.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Levels", "Rule", "step"]

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Levels:
    """alpha, sigma and lambda of each noise level, (S + 1,)."""

    alpha: Array
    sigma: Array
    lam: Array


@dataclass(frozen=True, slots=True)
class Rule:
    """How a step is taken.

    `tau`: how stochastic it is (0: the ODE, 1: the SDE of the forward process). `data`: whether answers are clean samples, else noise.
    `rescaled`: whether the weights of two answers are changed as appendix D does.
    """

    tau: float
    data: bool
    rescaled: bool


def integrals(start: Any, end: Any, rate: Any, count: int) -> list[Any]:
    """Integral of exp(rate l) l^k from start to end for k = 0 ... count - 1, each from the one before by parts."""
    found: list[Any] = []
    for k in range(count):
        edges = end**k * np.exp(rate * end) - start**k * np.exp(rate * start)
        found.append((edges - k * found[-1] if k else edges) / rate)
    return found


def lagrange(nodes: Array) -> list[Array]:
    """For each node the polynomial that is 1 there and 0 at the others, as coefficients of l^0, l^1, ..."""
    found = []
    for i, own in enumerate(nodes):
        polynomial = np.ones(1, nodes.dtype)
        for other in np.delete(nodes, i):
            polynomial = np.convolve(polynomial, np.array([-other, 1], nodes.dtype)) / (own - other)
        found.append(polynomial)
    return found


def weights(nodes: Array, start: Any, end: Any, rate: Any) -> list[Any]:
    """Weight of each node's answer in the integral from start to end (equations 15 and 18, as the original cites them)."""
    powers = integrals(start, end, rate, len(nodes))
    return [sum(c * power for c, power in zip(polynomial, powers, strict=True)) for polynomial in lagrange(nodes)]


def step(levels: Levels, to: int, x: Array, nodes: Sequence[int], answers: Sequence[Array], rule: Rule, z: Array) -> Array:
    """Carry x from level `to` - 1 to level `to`, given the network's `answers` at the levels `nodes`, newest first; `z` is fresh noise.

    Without level `to` among the nodes this is the predictor, with it the corrector.
    """
    alpha, sigma, lam = levels.alpha, levels.sigma, levels.lam
    begin, end = lam[to - 1], lam[to]
    c, h = 1 + lam.dtype.type(rule.tau) ** 2, end - begin
    w = weights(lam[list(nodes)], begin, end, c if rule.data else lam.dtype.type(-1))
    if rule.data and rule.rescaled and len(nodes) == 2:
        remainder = (h * c - 1 + np.exp(-c * h)) / c**2
        if nodes[0] == to:
            shift = np.exp(c * end) * (h / 2 - remainder / h)
        else:
            shift = np.exp(c * end) * (h**2 / 2 - remainder) / (begin - lam[nodes[1]])
        w = [w[0] + shift, w[1] - shift]
    total = sum(weight * answer for weight, answer in zip(w, answers, strict=True))
    if rule.data:
        moved = np.exp((1 - c) * h) * (sigma[to] / sigma[to - 1]) * x + c * sigma[to] * np.exp((1 - c) * end) * total
        return moved + sigma[to] * np.sqrt(-np.expm1(-2 * (c - 1) * h)) * z
    moved = alpha[to] / alpha[to - 1] * x - c * alpha[to] * total
    return moved + lam.dtype.type(rule.tau) * sigma[to] * np.sqrt(np.expm1(2 * h)) * z
