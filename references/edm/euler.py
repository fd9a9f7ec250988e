"""EDM's first-order sampler, with or without added noise: Karras et al. 2022 (arXiv 2206.00364), algorithm 2 without its correction.

It is the generalised sampler of the ablations with solver 'euler'. Not to be confused with Euler ancestral, which adds noise after a step.
"""

import numpy as np

from trueto.references.card import Card, Promise
from trueto.references.edm import churned_level

from .cases import CHURN, EDM, OTHER_PATHS, RANGE
from .frame import LATENTS

CARD = Card(
    title="EDM (Euler)",
    plain="""
The simplest sampler of EDM. At each step it asks the neural network once what the clean picture looks like and moves in a straight line
towards it, as far as the next noise level says. It can first add some noise, and then the network sees the noisier picture.

It takes half as many network calls as EDM's own sampler and is less exact. A library that adds the noise after the network was asked
computes something else.""",
    authors="Tero Karras, Miika Aittala, Timo Aila, Samuli Laine",
    year=2022,
    paper="Elucidating the Design Space of Diffusion-Based Generative Models, arXiv 2206.00364",
    equations="algorithm 1 or 2 without the correction; dx/dt: equation 81; paths and levels: table 1",
    function="generate.py: ablation_sampler",
    line=66,
    promise=Promise(
        start="x = noise times the first level (times s(t) where the path is scaled)",
        grid="one of four: EDM (equation 5), VP, VE or iDDPM, each with its own range, then exactly 0",
        update="raise the level by s_churn / n between s_min and s_max; one straight step in t, which is sigma unless the path is VP or VE",
        final_step="as any other",
        noise="one float64 draw before each step, multiplied by 0 where the level is not raised",
    ),
    code_and_paper="no difference known; one step is not defined (it divides by n - 1, and the code returns NaN)",
)
CASES = (*EDM, *CHURN, RANGE, *OTHER_PATHS)
KNOBS = {
    **LATENTS,
    # When noise is added. after_network: the network was asked before, at the lower level, and its answer is read as one about the raised.
    "churn": ("before_network", "after_network"),
}


def sample(denoise, x, walk, noise, *, s_churn=0.0, s_min=0.0, s_max=float("inf"), s_noise=1.0, churn="before_network"):
    """Sample from the first time of the walk to 0."""
    path, steps = walk.path, len(walk)
    for i in range(steps):
        t, after = walk.times[i], walk.times[i + 1]
        sigma = path.sigma(t)
        raised = path.inverse(churned_level(sigma, steps, s_churn, s_min, s_max))
        more = np.sqrt(np.maximum(path.sigma(raised) ** 2 - sigma**2, 0)) * path.scale(raised)
        x_hat = path.scale(raised) / path.scale(t) * x + more * s_noise * noise(i)
        if churn == "before_network":
            denoised = denoise(x_hat / path.scale(raised), path.sigma(raised), i)
        else:
            denoised = denoise(x, sigma, i, read_as=(x_hat, path.sigma(raised)))
        x = x_hat + (after - raised) * walk.slope(x_hat, denoised, raised)
    return x
