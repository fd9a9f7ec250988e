"""Predictor-corrector sampling for the VE SDE with the reverse diffusion predictor: Song et al. 2021 (arXiv 2011.13456), algorithm 2.

Not to be confused with the ancestral predictor, which adds less noise in each step, or with Karras et al.'s 'VE' of stochastic Heun.
"""

import numpy as np

from trueto.references.card import Card, Promise

from .cases import VE, VE_OPTIONS, ve

CARD = Card(
    title="VE predictor-corrector, reverse diffusion",
    plain="""
This turns very strong noise into a picture in about a thousand small steps. Each step first shakes the picture a little at the noise level
it is at, which corrects errors made before, and then goes down one level: it moves along the direction that the neural network gives, and
adds a little fresh noise.

It is how the first high-resolution pictures of score-based models were made (faces of 1024 pixels). If a library computed it differently,
the same noise would become another face.""",
    authors="Yang Song, Jascha Sohl-Dickstein, Diederik Kingma, Abhishek Kumar, Stefano Ermon, Ben Poole",
    year=2021,
    paper="Score-Based Generative Modeling through Stochastic Differential Equations, arXiv 2011.13456",
    equations="predictor: equation 46; corrector: algorithm 4 with the step size of appendix G; together: algorithm 2",
    function="sampling.py: get_pc_sampler",
    line=355,
    default_of="the repository's VE configurations (CIFAR-10, CelebA-HQ, FFHQ, bedrooms, churches), one corrector step",
    promise=Promise(
        start="noise of standard deviation sigma_max",
        grid=(
            "N levels evenly spaced in log sigma from sigma_max to sigma_min, then 0. The network is told sigma(t) at N even times from 1 "
            "to 1e-5, which is the same level but for a rest of at most 1e-5 ln(sigma_max / sigma_min)"
        ),
        update="corrector steps first, whose size follows the norms of noise and score over the whole batch; then one predictor step",
        final_step="returns the mean of the last predictor step, without its noise",
        noise="one draw for each corrector step and one for each predictor step, each after its network call, the last one unused",
    ),
    code_and_paper=(
        "the paper's algorithm predicts first and corrects then, at the new level; the code corrects first. The paper's step size uses "
        "norms of one sample; the code takes the mean of the norms over the batch"
    ),
    variants={"paper": {"corrector_at": "after", "norms": "each"}},
)
CASES = (*VE, *VE_OPTIONS, ve("flow-10", 10, options={"probability_flow": True, "correct_steps": 0}))
KNOBS = {
    "added": ("full", "ancestral"),  # fresh noise of the predictor; ancestral: that of the posterior, a little less
}


def sample(score, x, walk, noise, *, probability_flow=False, added="full"):
    """Walk down the levels s; returns the last state without and with its noise."""
    s = walk.levels
    for i in range(len(walk)):
        x = score.before(x, i, noise)
        gain = s[i] ** 2 - s[i + 1] ** 2
        mean = x + gain * score(x, i) * (0.5 if probability_flow else 1)
        size = np.sqrt(gain) * (s[i + 1] / s[i] if added == "ancestral" else 1)
        noisy = mean if probability_flow else mean + size * noise(i, score.corrections)
        x = score.then(noisy, i, noise)
    return mean, noisy


sample.kind = "ve"
