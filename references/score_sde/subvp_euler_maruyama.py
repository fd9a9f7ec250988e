"""Euler-Maruyama sampling of the sub-VP SDE backwards: Song et al. 2021 (arXiv 2011.13456), appendix B.

Not to be confused with the VP SDE, whose drift it shares and whose noise is larger.
"""

import numpy as np

from trueto.references.card import Card, Promise

from .cases import small, vp
from .frame import BETA_MAX, BETA_MIN

CARD = Card(
    title="sub-VP SDE, Euler-Maruyama",
    plain="""
This turns noise into a picture in about a thousand small steps, for models trained with a gentler kind of noise, with which the paper
reached its best likelihoods. Each step goes straight along the direction that holds at its beginning, and adds fresh noise.

It is what the sub-VP models of score_sde are sampled with. If a library computed it differently, the same noise would become another
picture.""",
    authors="Yang Song, Jascha Sohl-Dickstein, Diederik Kingma, Abhishek Kumar, Stefano Ermon, Ben Poole",
    year=2021,
    paper="Score-Based Generative Modeling through Stochastic Differential Equations, arXiv 2011.13456",
    equations="equation 6 with the coefficients of equation 28",
    function="sampling.py: get_pc_sampler",
    line=355,
    default_of="the repository's sub-VP configurations (cifar10_ddpmpp_continuous), without a corrector",
    promise=Promise(
        start="noise of standard deviation one",
        grid="N even times from 1 to 0.001; a continuous network is told 999 t, one trained on DDPM's table (N - 1) t",
        update="x moves by the drift f - g^2 score times 1 / N, and by noise of size g / sqrt(N)",
        final_step="returns the mean of the last step, without its noise",
        noise="one draw after each network call, the last one unused",
    ),
    code_and_paper=(
        "samples with a corrector cannot be made with this code: it raises AttributeError, because its sub-VP SDE has no table of alphas. "
        "With probability_flow it raises TypeError"
    ),
)
CASES = small(
    (
        vp("vp-30", 30, "subvp_sde", quick=True),
        vp("vp-50", 50, "subvp_sde", network="smooth", shape=(2, 4, 3, 2)),
        vp("vp-7", 7, "subvp_sde", seed=1),
        vp("vp-2", 2, "subvp_sde"),
        vp("vp-1", 1, "subvp_sde", network="smooth"),
        vp("noisy-14", 14, "subvp_sde", options={"noise_removal": False}),
        vp("flow-15", 15, "subvp_sde", options={"probability_flow": True}, layers=("schedule", "trajectory")),
        vp("corrected-10", 10, "subvp_sde", options={"correct_steps": 1}, layers=("schedule", "trajectory")),
    )
)
KNOBS = {
    "discount": ("applied", "ignored"),  # of the noise, 1 - exp(-2 int beta); ignored: the VP SDE
}


def sample(score, x, walk, noise, *, probability_flow=False, discount="applied"):
    """Walk down the times; returns the last state without and with its noise."""
    n = len(walk)
    for i in range(n):
        x = score.before(x, i, noise)
        t, beta = walk.times[i], walk.beta(i)
        less = 1 - np.exp(-2 * BETA_MIN * t - (BETA_MAX - BETA_MIN) * t**2) if discount == "applied" else 1
        squared = beta * less  # g^2
        mean = x + (0.5 * beta * x + squared * score(x, i)) / n
        noisy = mean + np.sqrt(squared) * (1 / n) ** 0.5 * noise(i, score.corrections)
        x = score.then(noisy, i, noise)
    return mean, noisy


sample.kind, sample.by_time = "subvp", True
