"""The sampler for the EDM models from which consistency models are distilled: Karras et al. 2022 (arXiv 2206.00364), algorithm 2.

It is k-diffusion's Heun with clipping. Not to be confused with edm/heun, whose state is kept in float64.
"""

import numpy as np

from trueto.references.card import Card, Promise
from trueto.references.edm import churned_level

from .cases import HEUN

CARD = Card(
    title="Consistency models, Heun for EDM models",
    plain="""
The sampler of the teachers: the ordinary diffusion models that consistency models learn from. At each step it asks the network what the
clean picture looks like, moves towards it, asks once more at the new place, and takes the mean of both directions.

What the consistency models imitate is this sampler's result. If a library computed it differently, its teacher would be another one.""",
    authors="Tero Karras, Miika Aittala, Timo Aila, Samuli Laine; code by Katherine Crowson and OpenAI",
    year=2023,
    paper="Elucidating the Design Space of Diffusion-Based Generative Models, arXiv 2206.00364",
    equations="algorithm 2; levels: equation 5; the wrapper around the network: equation 7",
    function="cm/karras_diffusion.py: sample_heun",
    line=497,
    default_of="the released EDM models with 40 steps (scripts/launch.sh)",
    promise=Promise(
        start="x = noise times sigma_max, 80",
        grid="EDM's levels (equation 5, rho = 7), then exactly 0",
        update="raise the level by s_churn / n between s_tmin and s_tmax; one Euler step, corrected by the trapezoidal rule",
        final_step="not corrected; clipped to [-1, 1]",
        noise="one draw before each step, used only where s_churn raises the level",
    ),
    code_and_paper="the paper does not clip; the code clips each answer unless told not to, and always the picture",
)
CASES = HEUN


def sample(denoise, x, sigmas, noise, *, s_churn=0.0, s_tmin=0.0, s_tmax=float("inf"), s_noise=1.0):
    """Sample from sigmas[0] to sigmas[-1] = 0 (algorithm 2, with its line numbers)."""
    steps = len(sigmas) - 1
    for i in range(steps):
        sigma, after = sigmas[i], sigmas[i + 1]
        raised = churned_level(sigma, steps, s_churn, s_tmin, s_tmax)  # line 5
        x = x + np.sqrt(raised**2 - sigma**2) * s_noise * noise(i)  # line 6
        slope = (x - denoise(x, raised, i)) / raised  # line 7
        moved = x + (after - raised) * slope  # line 8
        if after > 0:
            moved = x + (after - raised) * (slope + (moved - denoise(moved, after, i)) / after) / 2  # lines 10 and 11
        x = moved
    return x
