"""DDPM with the larger of its two variances: Ho et al. 2020 (arXiv 2006.11239), algorithm 2, on any sub-sequence of training times.

Not to be confused with DDIM at eta = 1, which has the smaller variance and does not clip.
"""

import numpy as np

from trueto.references.bounded import BOUNDS, bounded
from trueto.references.card import Card, Promise
from trueto.references.vp import PREDICTS, read_as

from .cases import STANDARD

CARD = Card(
    title="DDPM (as the DDIM authors have it)",
    plain="""
DDPM is the sampler that diffusion models began with. At each of up to 1000 steps it asks the neural network which part of the picture is
noise, takes a small step towards the clean picture that follows from it, and adds a little fresh noise.

This is the version that the authors of DDIM published beside their own, for comparison. If a library computed it differently, the same
noise would give another picture.""",
    authors="Jonathan Ho, Ajay Jain, Pieter Abbeel; code by Jiaming Song, Chenlin Meng, Stefano Ermon",
    year=2020,
    paper="Denoising Diffusion Probabilistic Models, arXiv 2006.11239",
    equations="algorithm 2; mean: equation 7; variance: beta_t, the first of the two choices of section 3.2",
    function="functions/denoising.py: ddpm_steps",
    line=35,
    default_of="this repository's main.py with --sample_type ddpm_noisy: uniform, 1000 steps",
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid=(
            "uniform: every (1000 // n)-th training time, counted from 0, so that n that do not divide 1000 take more steps than asked "
            "(38 for 37); quad: n squares from 0 to 800, cut down to whole numbers, of which the first can come twice"
        ),
        update="the mean of the posterior given the estimate of the clean picture, which is clipped to [-1, 1]; then fresh noise",
        final_step="ends at exactly alpha_bar = 1 without fresh noise: the picture is the network's last, clipped estimate of it",
        noise="one draw a step, after the network call; at training time 0 it is multiplied by zero but still drawn",
    ),
    code_and_paper=(
        "on fewer than all times beta_t is 1 - alpha_bar_t / alpha_bar_next; the paper's algorithm 2 takes all times, and does not clip"
    ),
    variants={"paper": {"clip": "none"}},
)
CASES = STANDARD
KNOBS = {
    **PREDICTS,
    # Where a step ends. neighbour: MONAI, t - 1 even where the next step begins further on, and with the table's own beta.
    "previous": ("visited", "neighbour"),
    "variance": ("large", "posterior"),  # posterior: the other choice of section 3.2; diffusers' default variance_type
    "clip": ("x0", *(bound for bound in BOUNDS if bound != "x0")),  # none: diffusers with clip_sample=False; others of its bounds
}


def sample(network, x, walk, noise, *, variance="large", clip="x0", predicts="eps", previous="visited"):
    """Walk down the levels from a = alpha_bar before to b = alpha_bar after each step."""
    after = walk.after if previous == "visited" else walk.below(1)
    for i in range(len(walk)):
        a, b = walk.before[i], after[i]
        beta = 1 - a / b if previous == "visited" else walk.betas[walk.times[i]]
        x0, _ = read_as(predicts, network(x, walk.times[i], i), x, a)
        x0 = bounded(x0, clip)
        x = (np.sqrt(b) * beta * x0 + np.sqrt(1 - beta) * (1 - b) * x) / (1 - a)  # equation 7
        if walk.times[i] > 0:  # all steps but those from training time 0, where the original's times end
            spread = beta if variance == "large" else beta * (1 - b) / (1 - a)
            x = x + np.sqrt(spread) * noise(i)
    return x
