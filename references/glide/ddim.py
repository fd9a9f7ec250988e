"""DDIM as GLIDE's upsampler runs it, clipped, on 27 hand-picked times: Song et al. 2020 (arXiv 2010.02502), equation 12.

Not to be confused with CompVis' DDIM, which does not clip. The step is that of guided-diffusion; GLIDE's own are the times ('fast27').
"""

import numpy as np

from trueto.references.card import Card, Promise
from trueto.references.gaussian import COEFFICIENTS, clean_from_noise, noise_from_clean

from .cases import RAISES, base, upsampler

CARD = Card(
    title="GLIDE's DDIM",
    plain="""
DDIM turns random noise into a picture in few steps, without fresh noise. GLIDE enlarges its small pictures with it in 27 steps, most of
them near the end, where details are made.

A library that visited other times, or forgot to work the noise out anew after clipping the picture, would give other details.""",
    authors="Jiaming Song, Chenlin Meng, Stefano Ermon; code by OpenAI",
    year=2021,
    paper="Denoising Diffusion Implicit Models, arXiv 2010.02502",
    equations="step: equation 12; noise: equation 16",
    function="glide_text2im/gaussian_diffusion.py: GaussianDiffusion.ddim_sample_loop",
    line=541,
    default_of="GLIDE's upsampler ('fast27', start times 0.997) in notebooks/text2im.ipynb",
    promise=Promise(
        start="x = noise of variance one, unscaled; the notebook's upsampler multiplies it by 0.997",
        grid="'fast27': 10, 10, 3, 2 and 2 times in five sections, the last, 999, replaced by 997; 'ddimN' and 'N' as in guided-diffusion",
        update="the clipped estimate of the clean picture, and the noise that fits it, mixed anew at the next level",
        final_step="to alpha_bar = 1: the picture is the network's last answer, clipped",
        noise="one draw a step, after the network call, multiplied by zero at eta 0 and in the last step but still drawn",
    ),
    code_and_paper="the paper does not clip; without clipping the step is its equation 12",
)
CASES = (
    upsampler("fast27", 27, grid="fast27", options={"temperature": 0.997}, quick=True),
    upsampler("ddim-25", 25, grid="ddim", network="smooth"),
    base("base-ddim-20", 20, grid="ddim", guidance=3.0),
    upsampler("spaced-28", 28, seed=1),
    upsampler("ddim-7", 7, grid="ddim", network="smooth", seed=1),
    upsampler("ddim-2", 2, grid="ddim"),
    upsampler("spaced-1", 1, layers=RAISES),
    upsampler("unclipped-15", 15, grid="ddim", options={"clip_denoised": False}),
    upsampler("eta1-12", 12, grid="ddim", options={"eta": 1.0}),
    upsampler("eta0.5-fast27", 27, grid="fast27", options={"eta": 0.5}, network="smooth"),
)
KNOBS = {
    **COEFFICIENTS,
    "clip": ("x0_and_noise", "x0"),  # x0: diffusers unless use_clipped_model_output=True: the noise stays what the network said
    "previous": ("visited", "stride"),  # where a step ends; stride: diffusers, t - T // n, whatever the spacing
}


def sample(model, x, walk, noise, *, eta=0.0, clip_denoised=True, coefficients="float64", clip="x0_and_noise", previous="visited"):
    """Walk down the levels from a = alpha_bar before to b = alpha_bar after each step; the learned variance is not used."""
    for i in range(len(walk)):
        a, b, _, _ = walk.step(i, "native")  # the mixing is worked out in the precision of the state, the two estimates are not
        b = b if previous == "visited" else walk.strided(i, "native")
        exact = walk.step(i, coefficients)[0]
        eps, _ = model(x, i)
        x0 = clean_from_noise(x, eps, exact, coefficients)
        x0 = np.clip(x0, -1, 1) if clip_denoised else x0
        if clip == "x0_and_noise":
            eps = noise_from_clean(x, x0, exact, coefficients)
        sigma = walk.dtype.type(eta) * np.sqrt((1 - b) / (1 - a)) * np.sqrt(1 - a / b)  # equation 16
        x = np.sqrt(b) * x0 + np.sqrt(1 - b - sigma**2) * eps  # equation 12
        if eta and i < len(walk) - 1:
            x = x + sigma * noise(i)
    return x
