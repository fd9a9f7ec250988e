"""DDPM with learned variance on respaced times: Nichol and Dhariwal 2021 (arXiv 2102.09672), section 3.1 and 4.

Not to be confused with the DDPM of Ho et al., whose variance is fixed, or with DDIM at eta = 1, which is `fixed_small` without clipping.
"""

import numpy as np

from trueto.references.card import Card, Promise
from trueto.references.gaussian import COEFFICIENTS, clean_from_noise, posterior_mean

from .cases import RAISES, long

CARD = Card(
    title="Improved DDPM",
    plain="""
Improved DDPM turns random noise into a picture in 4000 steps as it was trained, or in 50 to 200 evenly chosen ones. At each step it asks
the neural network two things: which part of the picture is noise, and how much fresh noise the step should add.

The second answer is what makes so few steps possible; DiT, GLIDE, unCLIP and IF have taken it over. A library that reads it in
another way adds too much or too little noise everywhere, which shows as grain or as blur.""",
    authors="Alex Nichol, Prafulla Dhariwal; code by OpenAI",
    year=2021,
    paper="Improved Denoising Diffusion Probabilistic Models, arXiv 2102.09672",
    equations="learned variance: equation 15; respacing: section 4; step: Ho et al. 2020, arXiv 2006.11239, algorithm 2 and equation 7",
    function="improved_diffusion/gaussian_diffusion.py: GaussianDiffusion.p_sample_loop",
    line=389,
    default_of="improved-diffusion's models (4000 times, cosine or linear, learned_range)",
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid=(
            "'N': n times from 0 to T - 1, evenly, rounded half to even; 'ddimN': the smallest whole stride from 0 that gives n "
            "times; 'A,B,C': a spacing for each section. One step alone is an IndexError. With rescale_timesteps the network "
            "is told t x 1000 / T"
        ),
        update="the posterior between two visited times, given the estimate of the clean picture, clipped to [-1, 1] unless that is off",
        final_step="without noise, to alpha_bar = 1: the picture is the network's last answer, clipped",
        noise="one draw a step, after the network call; the last one is multiplied by zero but still drawn",
    ),
    code_and_paper="the paper puts the predicted noise into the mean; the code estimates the clean picture first, so that it can clip it",
)
RANGE = {"variance": "learned_range"}
CASES = (
    long("cosine-50", 50, schedule="cosine4000", options=RANGE, quick=True),
    long("cosine-ddim-20", 20, schedule="cosine4000", grid="ddim", options=RANGE, network="smooth"),
    long("linear-25", 25, options=RANGE, network="smooth", seed=1),
    long("rescaled-cosine-15", 15, schedule="cosine4000_rescaled", grid="ddim", options={**RANGE, "rescale_timesteps": True}),
    long("rescaled-linear-30", 30, schedule="linear4000_rescaled", options={**RANGE, "rescale_timesteps": True}, network="smooth"),
    long("rescaled-1000-12", 12, schedule="linear", options={**RANGE, "rescale_timesteps": True}, seed=1),
    long("thousand-28", 28, schedule="linear", options={**RANGE, "clip_denoised": False}),
    long("small-14", 14, options={"variance": "fixed_small"}, network="smooth"),
    long("large-7", 7, options={"variance": "fixed_large"}, seed=1),
    long("learned-10", 10, options={"variance": "learned"}),
    long("x0-12", 12, parameterization="x0", options=RANGE, network="smooth"),
    long("sections-15", 15, grid="sections", options={**RANGE, "sections": "8,4,3"}),
    long("spaced-2", 2, options=RANGE),
    long("spaced-1", 1, layers=RAISES),
)

KNOBS = COEFFICIENTS


def sample(model, x, walk, noise, *, variance="fixed_large", clip_denoised=True, coefficients="float64"):
    """Walk down the levels from a = alpha_bar before to b = alpha_bar after each step."""
    for i in range(len(walk)):
        a, b, alpha, beta = walk.step(i, coefficients)
        out, learned = model(x, i, learned=variance.startswith("learned"))
        x0 = out if model.kind == "x0" else clean_from_noise(x, out, a, coefficients)
        x0 = np.clip(x0, -1, 1) if clip_denoised else x0
        x = posterior_mean(x0, x, a, b, alpha, beta)  # Ho et al. 2020, equation 7
        if i < len(walk) - 1:
            x = x + np.exp(walk.log_variance(i, variance, learned, coefficients) / 2) * noise(i)  # equation 15
    return x
