"""DDIM, deterministic or stochastic, first order: Song et al. 2020 (arXiv 2010.02502), equation 12.

Not to be confused with DDPM, which is its eta = 1 over all 1000 times, or with Euler in sigma, which is its eta = 0 on another grid
and ends at exactly 0.
"""

import numpy as np

from trueto.model import Case
from trueto.references.bounded import BOUNDS, bounded
from trueto.references.card import Card, Promise
from trueto.references.vp import PREDICTS, ddim_sigma, ddim_step, read_as

from .cases import STANDARD
from .frame import PREVIOUS

CARD = Card(
    title="DDIM",
    plain="""
DDIM turns random noise into a picture in 20 to 200 steps. At each step it asks the neural network which part of the picture is
noise, works out from that what the clean picture looks like, and goes to a slightly less noisy version of it. The setting eta says
how much fresh noise each step adds: none at 0, so that the picture follows from the first noise alone, much at 1.

It was the first fast sampler and is still the one that others are measured against; CompVis' own scripts use it by default. If
a library computed it differently, the same prompt and seed would give another picture.""",
    authors="Jiaming Song, Chenlin Meng, Stefano Ermon; code by CompVis",
    year=2020,
    paper="Denoising Diffusion Implicit Models, arXiv 2010.02502",
    equations="step: equation 12; noise: equation 16",
    function="ldm/models/diffusion/ddim.py: DDIMSampler.sample",
    line=56,
    default_of=(
        "CompVis' scripts/txt2img.py, eta 0: latent diffusion with 200 steps, Stable Diffusion v1 with 50; Stable Diffusion 2 and 2.1 at "
        "768 pixels as released for diffusers (DDIMScheduler), whose network predicts v: not recorded, judged from the spec (predicts=v)"
    ),
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid=(
            "every (1000 // n)-th training time, counted from 1: for n that do not divide 1000 more steps than asked (31 for "
            "30); for n whose 1000 // n divides 999 (3, 9, 27, 36, 37, 101 to 111, 251 to 333, all above 500) an IndexError"
        ),
        update="the estimate of the clean picture and the predicted noise, mixed anew at the next level; it is not clipped",
        final_step=(
            "as any other, fresh noise included, down to the level of training time 0, which is not quite clean (alpha_bar "
            "0.99915 for Stable Diffusion)"
        ),
        noise="one draw a step, after the network call, in the default dtype; at eta 0 it is multiplied by zero but still drawn",
    ),
    code_and_paper="the paper ends at alpha_bar = 1 and counts one training time lower; the code ends at training time 0 and counts from 1",
    variants={"paper": {"offset": "zero", "final_alpha": "one"}},
)
CASES = (
    *STANDARD,
    Case("eta1-50", 50, grid="uniform", options={"eta": 1.0}),
    Case("eta1-7", 7, grid="uniform", options={"eta": 1.0}, network="smooth", seed=1),
    Case("eta1-1", 1, grid="uniform", options={"eta": 1.0}),
    Case("eta1-linear-10", 10, grid="uniform", schedule="linear", options={"eta": 1.0}, network="smooth"),
    Case("eta0.5-20", 20, grid="uniform", options={"eta": 0.5}),
    Case("eta0.5-guided-15", 15, grid="uniform", options={"eta": 0.5}, guidance=7.5, network="smooth"),
)
KNOBS = {
    # x0: diffusers' default clip_sample; x0_and_eps: guided-diffusion, GLIDE; the others are other bounds of the two, and Imagen's.
    "clip": (*BOUNDS, "x0_and_eps"),
    "variance": ("posterior", "large"),  # large: the paper's sigma hat, 'fixedlarge' of DDPM, for the fresh noise only
    **PREDICTS,
    **PREVIOUS,
    # picture: the last step leaves the clean picture times alpha of the last level, without noise; refiners
    "ends_as": ("state", "picture"),
    "last_noise": ("added", "left_out"),  # left_out: guided-diffusion masks the noise of the last step
}


def sample(
    predict, x, walk, noise, *,
    eta=0.0, clip="none", variance="posterior", last_noise="added", predicts="eps", previous="visited", ends_as="state",
):  # fmt: skip
    """Walk down the levels from a = alpha_bar before to b = alpha_bar after each step."""
    for i in range(len(walk)):
        a, b = walk.before[i], walk.ends(previous)[i]
        x0, eps = read_as(predicts, predict(x, walk.times[i], i), x, a)
        if clip != "none":
            x0 = bounded(x0, "x0" if clip == "x0_and_eps" else clip)
        if clip == "x0_and_eps":
            eps = (x - np.sqrt(a) * x0) / np.sqrt(1 - a)
        sigma = eta * ddim_sigma(a, b)  # equation 16
        x = ddim_step(x0, eps, b, sigma)  # equation 12
        if eta and (last_noise == "added" or i < len(walk) - 1):
            x = x + (eta * np.sqrt(1 - a / b) if variance == "large" else sigma) * noise(i)
    return x if ends_as == "state" else np.sqrt(walk.after[-1]) * x0
