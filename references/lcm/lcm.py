"""LCM multistep sampling, stochastic: Luo et al. 2023 (arXiv 2310.04378), algorithm 3.

Not to be confused with TCD, which goes part of the way towards the next level without fresh noise, or with DDIM, which goes all of it.
"""

import numpy as np

from trueto.references.bounded import BOUNDS, bounded
from trueto.references.card import Card, Promise

from .cases import STANDARD
from .frame import tabulated

CARD = Card(
    title="LCM",
    plain="""
LCM makes a picture in one to eight steps, with a model that was taught (distilled) to see the finished picture at once. Each step asks
it what the clean picture looks like, and then buries that answer under fresh noise again, a little less each time. The last answer is
the picture.

It is what LCM models and LCM-LoRAs are sampled with. With so few steps each one counts: visiting another noise level in one of four steps
gives visibly another picture from the same prompt and seed.""",
    authors="Simian Luo, Yiqin Tan, Longbo Huang, Jian Li, Hang Zhao",
    year=2023,
    paper="Latent Consistency Models: Synthesizing High-Resolution Images with Few-Step Inference, arXiv 2310.04378",
    equations="algorithm 3",
    function="lcm_scheduler.py: LCMScheduler.step",
    line=338,
    default_of="LCM_Dreamshaper_v7 in its authors' demonstration, 4 steps by default in lcm_pipeline.py",
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid=(
            "of the 50 training times 19, 39, ..., 999 that the model was distilled at, every (50 // n)-th from 999 down, n of them: for n "
            "that do not divide 50 the times stop short of the clean end (26 steps stop at 499); above 50 steps a ValueError"
        ),
        update=(
            "the clean picture, mixed with a little of x so that at time 0 it would be x itself; then noise again, to the level of the "
            "next time. It is not clipped, whatever clip_sample says"
        ),
        final_step="no noise: the picture is the clean picture of the last time visited",
        noise=(
            "one draw a step, after the network call, from torch's global generator (a generator that is passed is ignored), the last "
            "one for nothing; none in a run of a single step"
        ),
    ),
    code_and_paper=(
        "not compared word by word. The network is also told the guidance scale w as an embedding; the networks here ignore it, so "
        "that nothing is said about w"
    ),
)
CASES = STANDARD
KNOBS = {
    "clip": BOUNDS,  # of the clean picture: diffusers' clip_sample and thresholding
    "noise_by": ("own", "sd_v1"),  # whose table says how much fresh noise belongs to a time; sd_v1: refiners, whatever the model's betas
}
SIGMA_DATA = 0.5
SCALING = 10  # training times are multiplied by it in the boundary condition


def boundary(t, dtype):
    """c_skip and c_out at training time t, with c_skip(0) = 1 and c_out(0) = 0: f(x, 0) = x (Song et al. 2023, arXiv 2303.01469)."""
    scaled = np.asarray(t).astype(dtype) * dtype.type(SCALING)
    total = scaled**2 + dtype.type(SIGMA_DATA**2)
    return dtype.type(SIGMA_DATA**2) / total, scaled / np.sqrt(total)


def sample(see, x, walk, noise, *, clip="none", noise_by="own"):
    """Walk down the levels from a = alpha_bar before to b = alpha_bar after each step; algorithm 3."""
    for i in range(len(walk)):
        x0, _ = see(x, i)
        c_skip, c_out = boundary(walk.times[i], x.dtype)
        clean = c_skip * x + c_out * bounded(x0, clip)  # the consistency function f(x, t)
        if i == len(walk) - 1:
            return clean
        b = walk.after[i] if noise_by == "own" else tabulated(x.dtype)[int(walk.times[i + 1])]
        x = np.sqrt(b) * clean + np.sqrt(1 - b) * noise(i)
    return x
