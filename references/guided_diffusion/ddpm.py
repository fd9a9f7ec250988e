"""DDPM, stochastic ancestral sampling on respaced times: Ho et al. 2020 (arXiv 2006.11239), algorithm 2; Nichol and Dhariwal 2021.

Not to be confused with DDIM at eta = 1, which is `fixed_small` without clipping, or with Euler ancestral, the same at other levels.
"""

import numpy as np

from trueto.references.card import Card, Promise
from trueto.references.gaussian import COEFFICIENTS, clean_from_noise, gradient, posterior_mean

from .cases import LONE, NO_NOISE, TINY, linear

CARD = Card(
    title="DDPM",
    plain="""
DDPM turns random noise into a picture in small steps, 1000 of them as it was trained, or 250 to 25 evenly chosen ones. At each step
it asks the neural network what the clean picture looks like, moves a little towards it, and adds a little fresh noise.

It is how diffusion models were first sampled, and what ADM, the models that first beat GANs, were released with; the amount of fresh noise
is fixed, or told by the network itself. If a library computed it differently, the same seed would give another picture, and
the variance that the network has learned would be read as something else.""",
    authors="Jonathan Ho, Ajay Jain, Pieter Abbeel; Alex Nichol, Prafulla Dhariwal; code by OpenAI",
    year=2021,
    paper="Diffusion Models Beat GANs on Image Synthesis, arXiv 2105.05233; Improved DDPM, arXiv 2102.09672; DDPM, arXiv 2006.11239",
    equations="step: 2006.11239, algorithm 2, equation 7; learned variance: 2102.09672, equation 15; classifier: 2105.05233, algorithm 1",
    function="guided_diffusion/gaussian_diffusion.py: GaussianDiffusion.p_sample_loop",
    line=441,
    default_of="ADM: the ImageNet and LSUN models of guided-diffusion (learned_range; 250 steps in its README)",
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid=(
            "'N': n times from 0 to 999, evenly, rounded half to even; 'ddimN': the smallest whole stride from 0 that gives n "
            "times; 'A,B,C': a spacing for each section. One step alone is an IndexError"
        ),
        update=(
            "the posterior between two visited times, given the estimate of the clean picture, which is clipped to [-1, 1] unless that "
            "is switched off; with a classifier the mean is moved by variance times gradient"
        ),
        final_step="without noise, to alpha_bar = 1: the picture is the network's last answer, clipped",
        noise="one draw a step, after the network call; the last one is multiplied by zero but still drawn",
    ),
    code_and_paper=(
        "equation 11 of the paper puts the predicted noise into the mean; the code estimates the clean picture first, so that it can clip "
        "it: without clipping both are the same"
    ),
)
CASES = (
    linear("large-50", 50, quick=True),
    linear("small-20", 20, options={"variance": "fixed_small"}, network="smooth"),
    linear("range-25", 25, options={"variance": "learned_range"}, seed=1),
    linear("range-cosine-20", 20, schedule="cosine", options={"variance": "learned_range"}),
    linear("unclipped-15", 15, options={"variance": "fixed_small", "clip_denoised": False}),
    linear("x0-14", 14, parameterization="x0", options={"variance": "fixed_large"}, network="smooth"),
    linear("ddim-30", 30, grid="ddim", options={"variance": "learned_range"}, seed=1),
    linear("spaced-7", 7, options={"variance": "fixed_small"}, network="smooth", seed=1),
    linear("spaced-28", 28, options={"variance": "learned_range"}, network="smooth"),
    linear("spaced-2", 2, options={"variance": "learned_range"}),
    LONE,
    linear("sections-15", 15, grid="sections", options={"sections": "8,4,3", "variance": "learned_range"}, network="smooth"),
    linear("spaced-1000", 1000, options={"variance": "fixed_small"}, shape=TINY, layers=NO_NOISE),
    linear("learned-10", 10, options={"variance": "learned"}),
    linear("previous-10", 10, parameterization="x0", options={"mean": "previous_x", "variance": "learned_range"}, network="smooth"),
    linear("classifier-12", 12, options={"variance": "learned_range", "classifier_scale": 2.0}, network="smooth", seed=1),
)
KNOBS = {
    **COEFFICIENTS,
    "learned_as": ("log_variance", "variance"),  # variance: diffusers' variance_type "learned", which takes its square root
}


def sample(
    model, x, walk, noise, *,
    variance="fixed_large", clip_denoised=True, mean="x0", classifier_scale=None, coefficients="float64", learned_as="log_variance",
):  # fmt: skip
    """Walk down the levels from a = alpha_bar before to b = alpha_bar after each step."""
    for i in range(len(walk)):
        a, b, alpha, beta = walk.step(i, coefficients)
        last = i == len(walk) - 1
        out, learned = model(x, i, learned=variance.startswith("learned"))
        log_variance = walk.log_variance(i, variance, learned, coefficients)
        if mean == "previous_x":  # the network says where the step goes; there is nothing to clip
            centre = out
        else:
            x0 = out if model.kind == "x0" else clean_from_noise(x, out, a, coefficients)  # equation 15
            x0 = np.clip(x0, -1, 1) if clip_denoised else x0
            centre = posterior_mean(x0, x, a, b, alpha, beta)  # equation 7
        if classifier_scale is not None and not (last and variance == "fixed_small"):
            centre = centre + np.exp(log_variance) * gradient(x, classifier_scale)  # Dhariwal and Nichol 2021, algorithm 1
        spread = np.sqrt(log_variance) if variance == "learned" and learned_as == "variance" else np.exp(log_variance / 2)
        x = centre if last else centre + spread * noise(i)  # line 4 of algorithm 2
    return x
