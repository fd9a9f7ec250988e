"""Predictor-corrector sampling for the VP SDE with DDPM's ancestral predictor: Song et al. 2021 (arXiv 2011.13456), equation 4.

Not to be confused with DDPM's own code, which clips the picture that the network sees and has the posterior's variance as another choice.
"""

import numpy as np

from trueto.references.card import Card, Promise

from .cases import VP_SHORT, vp

CARD = Card(
    title="VP predictor-corrector, ancestral",
    plain="""
This is the sampler of the first diffusion models in the words of this paper: each step scales the state up a little, moves it along the
direction that the network gives, and adds as much noise as the forward step did.

It is what the discrete variance preserving models of score_sde are sampled with. If a library computed it differently, the same noise would
become another picture.""",
    authors="Yang Song, Jascha Sohl-Dickstein, Diederik Kingma, Abhishek Kumar, Stefano Ermon, Ben Poole",
    year=2021,
    paper="Score-Based Generative Modeling through Stochastic Differential Equations, arXiv 2011.13456",
    equations="predictor: equation 4; corrector: algorithm 5",
    function="sampling.py: get_pc_sampler",
    line=355,
    default_of="the repository's discrete VP configurations (vp/ddpm, cifar10_ddpmpp), without a corrector, 1000 steps",
    promise=Promise(
        start="noise of standard deviation one",
        grid="N even times from 1 to 0.001; a continuous network is told 999 t, one trained on DDPM's table (N - 1) t",
        update="corrector steps first, where asked for; then (x + beta score) / sqrt(1 - beta), plus noise of size sqrt(beta)",
        final_step="returns the mean of the last step, without its noise",
        noise="one draw for each corrector step and one for each predictor step, each after its network call, the last one unused",
    ),
    code_and_paper=(
        "with a corrector, the paper's algorithm predicts first and corrects then; the code corrects first. A single step, or as few as "
        "20, divide by sqrt(1 - 20 / N) and are not finite"
    ),
    variants={"paper": {"corrector_at": "after", "norms": "each"}},
)
CASES = (*VP_SHORT, vp("ddpm-1000", 1000, "linear", options={"continuous": False}, shape=(1, 4, 1, 1), layers=("schedule", "trajectory")))
KNOBS = {
    "scale": ("divided", "reversed"),  # of x in a step: 1 / sqrt(1 - beta), or 2 - sqrt(1 - beta) as the reverse diffusion predictor
}


def sample(score, x, walk, noise, *, probability_flow=False, scale="divided"):
    """Walk down the times; returns the last state without and with its noise."""
    for i in range(len(walk)):
        x = score.before(x, i, noise)
        beta = walk.betas[i]
        root = np.sqrt(1 - beta)
        moved = beta * score(x, i)
        mean = (x + moved) / root if scale == "divided" else (2 - root) * x + moved
        noisy = mean + np.sqrt(beta) * noise(i, score.corrections)
        x = score.then(noisy, i, noise)
    return mean, noisy


sample.kind = "vp"
