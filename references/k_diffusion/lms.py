"""LMS, deterministic, to fourth order, multistep: Adams-Bashforth with unequal steps on the ODE of Karras et al. 2022 (arXiv 2206.00364).

Not to be confused with PLMS (compvis/plms), which uses the coefficients of equal steps inside DDIM's step, or with iPNDM.
"""

import numpy as np

from trueto.model import Case
from trueto.references.card import Card, Promise

from .cases import OTHER_GRIDS, STANDARD

CARD = Card(
    title="LMS",
    plain="""
LMS (linear multistep) remembers. At each step it asks the neural network once for a direction, draws a smooth curve through this and the
last three directions, and follows that curve to the next noise level.

This is cheap, one call of the network a step, and accurate once it has a history. If a library computed it differently, the first few
steps and unevenly spaced noise levels are where its pictures would part from the original's.""",
    authors="Katherine Crowson; the method is John Couch Adams's and Francis Bashforth's, from 1883",
    year=2022,
    paper="none of its own; the equation that it solves: arXiv 2206.00364. The same method is called rho-AB in DEIS, arXiv 2204.13902",
    equations="arXiv 2206.00364, equation 3 with sigma(t) = t; the Lagrange polynomial through the last slopes, integrated over the step",
    function="k_diffusion/sampling.py: sample_lms",
    line=261,
    default_of="early versions of InvokeAI (as 'k_lms')",
    promise=Promise(
        start="x = noise times the largest level, sigma_max",
        grid="whatever levels it is given; the released models' own levels, or Karras levels, ending in exactly 0",
        update="the integral of the polynomial through the last (up to 4) slopes; fewer in the first steps",
        final_step="as any other, at full order: the picture is not the network's last answer",
    ),
    code_and_paper="the code integrates numerically with a relative tolerance of 1e-4, which is exact for these polynomials",
)
CASES = (
    *STANDARD,
    *OTHER_GRIDS,
    *(Case(f"order-{order}", 12, grid="karras", options={"order": order}) for order in (1, 2, 3)),
    Case("order-4-linear", 12, schedule="linear", network="smooth", seed=1, options={"order": 4}),
)
KNOBS = {
    "coefficients": ("unequal_steps", "equal_steps"),  # equal_steps: the textbook numbers, as PLMS uses them
    "final_step": ("full_order", "first_order"),
    # Begun part-way, how many earlier slopes the weights are made for: those that there are, or as many as if the levels that were left
    # out had been walked.
    "counted": ("walked", "left_out_too"),
}
# Adams-Bashforth for equal steps, by order, newest slope first.
TEXTBOOK = {1: (1.0,), 2: (3 / 2, -1 / 2), 3: (23 / 12, -16 / 12, 5 / 12), 4: (55 / 24, -59 / 24, 37 / 24, -9 / 24)}
NODES, SHARES = (values.tolist() for values in np.polynomial.legendre.leggauss(3))  # exact up to fifth degree


def weight(sigmas, i, order, j):
    """Integral from sigmas[i] to sigmas[i + 1] of the Lagrange polynomial that is 1 at sigmas[i - j], 0 at the other levels used."""
    middle, half = (sigmas[i] + sigmas[i + 1]) / 2, (sigmas[i + 1] - sigmas[i]) / 2
    total = 0.0
    for node, share in zip(NODES, SHARES, strict=True):
        tau = middle + half * node
        others = [k for k in range(order) if k != j]
        factors = [(tau - sigmas[i - k]) / (sigmas[i - j] - sigmas[i - k]) for k in others]
        total += share * np.prod(factors, dtype=sigmas.dtype)
    return half * total


def sample(denoise, x, sigmas, noise, *, order=4, coefficients="unequal_steps", final_step="full_order", counted="walked"):
    """Sample from sigmas[0] to sigmas[-1]."""
    slopes = []  # newest first
    before = denoise.before if counted == "left_out_too" else sigmas[:0]
    levels = np.concatenate([before, sigmas])
    for i in range(len(sigmas) - 1):
        slopes = [(x - denoise(x, sigmas[i], i)) / sigmas[i], *slopes][:order]
        used = 1 if sigmas[i + 1] == 0 and final_step == "first_order" else min(len(before) + i + 1, order)
        if coefficients == "equal_steps":
            weights = [share * (sigmas[i + 1] - sigmas[i]) for share in TEXTBOOK[used]]
        else:
            weights = [weight(levels, len(before) + i, used, j) for j in range(used)]
        x = x + sum(w * slope for w, slope in zip(weights, slopes, strict=False))
    return x
