"""DDIM with clipping on 4000 respaced times: Song et al. 2020 (arXiv 2010.02502), equation 12.

Not to be confused with CompVis' DDIM, which does not clip. The step is that of guided-diffusion; what differs is the training times.
"""

import numpy as np

from trueto.references.card import Card, Promise
from trueto.references.gaussian import COEFFICIENTS, clean_from_noise, noise_from_clean

from .cases import NO_NOISE, RAISES, long

CARD = Card(
    title="DDIM with clipping (improved-diffusion)",
    plain="""
DDIM turns random noise into a picture in about 50 steps. At each step it asks the neural network which part of the picture is noise, works
out what the clean picture looks like, keeps that within black and white, and goes to a slightly less noisy version of it.

Improved-diffusion offers it beside its own sampler, for models with 4000 training times. After the clipping the noise is worked out anew; a
library that forgets this gives another picture wherever one is very bright or dark.""",
    authors="Jiaming Song, Chenlin Meng, Stefano Ermon; code by OpenAI",
    year=2021,
    paper="Denoising Diffusion Implicit Models, arXiv 2010.02502",
    equations="step: equation 12; noise: equation 16",
    function="improved_diffusion/gaussian_diffusion.py: GaussianDiffusion.ddim_sample_loop",
    line=562,
    default_of="none; improved-diffusion with `--use_ddim True`",
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid=(
            "'ddimN': the smallest whole stride from 0 that gives n times, a ValueError where none does; 'N': n times from 0 to "
            "T - 1, evenly, rounded half to even. With rescale_timesteps the network is told t x 1000 / T"
        ),
        update="the clipped estimate of the clean picture, and the noise that fits it, mixed anew at the next level",
        final_step="to alpha_bar = 1: the picture is the network's last answer, clipped",
        noise="one draw a step, after the network call, multiplied by zero at eta 0 and in the last step but still drawn",
    ),
    code_and_paper="the paper does not clip; without clipping the step is its equation 12",
)
CASES = (
    long("ddim-50", 50, grid="ddim", quick=True),
    long("cosine-20", 20, schedule="cosine4000", grid="ddim", network="smooth"),
    long("ddim-30", 30, grid="ddim", seed=1),
    long("ddim-7", 7, grid="ddim", network="smooth", seed=1),
    long("ddim-2", 2, grid="ddim"),
    long("ddim-1", 1, grid="ddim", layers=RAISES),
    long("spaced-28", 28),
    long("rescaled-14", 14, schedule="linear4000_rescaled", grid="ddim", options={"rescale_timesteps": True}, network="smooth"),
    long("unclipped-15", 15, grid="ddim", options={"clip_denoised": False}),
    long("x0-12", 12, grid="ddim", parameterization="x0", network="smooth"),
    long("eta1-12", 12, grid="ddim", options={"eta": 1.0}, seed=1),
    long("eta0.5-unclipped-10", 10, grid="ddim", options={"eta": 0.5, "clip_denoised": False}, network="smooth"),
    long("range-10", 10, grid="ddim", options={"variance": "learned_range"}, layers=NO_NOISE),
)
KNOBS = {
    **COEFFICIENTS,
    "clip": ("x0_and_noise", "x0"),  # x0: diffusers unless use_clipped_model_output=True: the noise stays what the network said
    "previous": ("visited", "stride"),  # where a step ends; stride: diffusers, t - T // n, whatever the spacing
}


def sample(
    model, x, walk, noise, *,
    eta=0.0, clip_denoised=True, variance="", coefficients="float64", clip="x0_and_noise", previous="visited",
):  # fmt: skip
    """Walk down the levels from a = alpha_bar before to b = alpha_bar after each step; a learned variance is not used."""
    for i in range(len(walk)):
        a, b, _, _ = walk.step(i, "native")  # the mixing is worked out in the precision of the state, the two estimates are not
        b = b if previous == "visited" else walk.strided(i, "native")
        exact = walk.step(i, coefficients)[0]
        out, _ = model(x, i, learned=variance.startswith("learned"))
        x0 = out if model.kind == "x0" else clean_from_noise(x, out, exact, coefficients)
        eps = out if model.kind == "eps" else noise_from_clean(x, x0, exact, coefficients)
        x0 = np.clip(x0, -1, 1) if clip_denoised else x0
        if clip == "x0_and_noise":
            eps = noise_from_clean(x, x0, exact, coefficients)
        sigma = walk.dtype.type(eta) * np.sqrt((1 - b) / (1 - a)) * np.sqrt(1 - a / b)  # equation 16
        x = np.sqrt(b) * x0 + np.sqrt(1 - b - sigma**2) * eps  # equation 12
        if eta and i < len(walk) - 1:
            x = x + sigma * noise(i)
    return x
