"""DDIM with clipping, deterministic or stochastic, on respaced times: Song et al. 2020 (arXiv 2010.02502), equation 12.

Not to be confused with CompVis' DDIM, which counts times from 1, ends at training time 0 and does not clip.
"""

import numpy as np

from trueto.references.card import Card, Promise
from trueto.references.gaussian import COEFFICIENTS, clean_from_noise, gradient, noise_from_clean

from .cases import NO_NOISE, RAISES, linear

CARD = Card(
    title="DDIM with clipping (guided-diffusion)",
    plain="""
DDIM turns random noise into a picture in about 25 steps. At each step it asks the neural network which part of the picture is noise, works
out what the clean picture looks like, keeps that within black and white, and goes to a slightly less noisy version of it.

It is how the ADM models and GLIDE's upsampler are sampled quickly. The clipping is what sets it apart: after it the noise is worked out
anew, so that clean picture and noise still fit together. A library that forgets this gives another picture wherever one is very bright or
dark.""",
    authors="Jiaming Song, Chenlin Meng, Stefano Ermon; code by OpenAI",
    year=2021,
    paper="Denoising Diffusion Implicit Models, arXiv 2010.02502",
    equations="step: equation 12; noise: equation 16; classifier: Dhariwal and Nichol 2021, arXiv 2105.05233, algorithm 2",
    function="guided_diffusion/gaussian_diffusion.py: GaussianDiffusion.ddim_sample_loop",
    line=625,
    default_of="ADM with `--use_ddim True --timestep_respacing ddim25`, as its README has it",
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid=(
            "'ddimN': the smallest whole stride from 0 that gives n times, a ValueError where none does; 'N': n times from 0 to 999, "
            "evenly, rounded half to even; 'A,B,C': a spacing for each section"
        ),
        update=(
            "the estimate of the clean picture, clipped to [-1, 1] unless that is switched off, and the noise that fits it, mixed anew at "
            "the next level"
        ),
        final_step="to alpha_bar = 1: the picture is the network's last answer, clipped",
        noise="one draw a step, after the network call, multiplied by zero at eta 0 and in the last step but still drawn",
    ),
    code_and_paper="the paper does not clip; without clipping the step is its equation 12",
)
CASES = (
    linear("ddim-25", 25, grid="ddim", quick=True),
    linear("ddim-50", 50, grid="ddim", network="smooth"),
    linear("ddim-30", 30, grid="ddim", seed=1),
    linear("ddim-7", 7, grid="ddim", network="smooth", seed=1),
    linear("ddim-15", 15, grid="ddim"),
    linear("ddim-2", 2, grid="ddim"),
    linear("ddim-1", 1, grid="ddim", layers=RAISES),
    linear("unclipped-20", 20, grid="ddim", options={"clip_denoised": False}),
    linear("spaced-20", 20),
    linear("spaced-28", 28, network="smooth"),
    linear("x0-12", 12, grid="ddim", parameterization="x0", network="smooth"),
    linear("eta1-20", 20, grid="ddim", options={"eta": 1.0}),
    linear("eta0.5-cosine-10", 10, grid="ddim", schedule="cosine", options={"eta": 0.5}, network="smooth", seed=1),
    linear("eta1-unclipped-12", 12, grid="ddim", options={"eta": 1.0, "clip_denoised": False}, network="smooth"),
    linear("range-10", 10, grid="ddim", options={"variance": "learned_range"}, layers=NO_NOISE),
    linear("classifier-12", 12, options={"classifier_scale": 0.5}, network="smooth", seed=1),
)
KNOBS = {
    **COEFFICIENTS,
    "clip": ("x0_and_noise", "x0"),  # x0: diffusers unless use_clipped_model_output=True: the noise stays what the network said
    "previous": ("visited", "stride"),  # where a step ends; stride: diffusers, t - T // n, whatever the spacing
}


def sample(
    model, x, walk, noise, *,
    eta=0.0, clip_denoised=True, variance="", classifier_scale=None, coefficients="float64", clip="x0_and_noise", previous="visited",
):  # fmt: skip
    """Walk down the levels from a = alpha_bar before to b = alpha_bar after each step; a learned variance is not used."""
    weight = walk.dtype.type
    for i in range(len(walk)):
        a, b, _, _ = walk.step(i, "native")  # the mixing is worked out in the precision of the state, the two estimates are not
        b = b if previous == "visited" else walk.strided(i, "native")
        exact = walk.step(i, coefficients)[0]
        out, _ = model(x, i, learned=variance.startswith("learned"))
        x0 = out if model.kind == "x0" else clean_from_noise(x, out, exact, coefficients)  # 'predicted x0' of equation 12
        eps = out if model.kind == "eps" else noise_from_clean(x, x0, exact, coefficients)
        x0 = np.clip(x0, -1, 1) if clip_denoised else x0
        if clip == "x0_and_noise":
            eps = noise_from_clean(x, x0, exact, coefficients)
        if classifier_scale is not None:  # Dhariwal and Nichol 2021, algorithm 2; what comes of it is not clipped again
            eps = eps - weight(np.sqrt(1 - a)) * gradient(x, classifier_scale)
            x0 = clean_from_noise(x, eps, exact, coefficients)
            eps = noise_from_clean(x, x0, exact, coefficients)
        sigma = weight(eta) * np.sqrt((1 - b) / (1 - a)) * np.sqrt(1 - a / b)  # equation 16
        x = np.sqrt(b) * x0 + np.sqrt(1 - b - sigma**2) * eps  # equation 12
        if eta and i < len(walk) - 1:
            x = x + sigma * noise(i)
    return x
