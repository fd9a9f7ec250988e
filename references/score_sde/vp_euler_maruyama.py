"""Euler-Maruyama sampling of the VP SDE backwards: Song et al. 2021 (arXiv 2011.13456), equation 6.

Not to be confused with DDPM's ancestral sampling, of which it is the limit for small steps, or with the probability flow ODE.
"""

import numpy as np

from trueto.references.card import Card, Promise

from .cases import FEW, VP, vp

CARD = Card(
    title="VP SDE, Euler-Maruyama",
    plain="""
This turns noise into a picture in about a thousand small steps. Each step follows the reversed equation of motion in the simplest way:
straight along the direction that holds at its beginning, plus fresh noise for the length of the step.

It is what the continuous variance preserving models of score_sde are sampled with, and what diffusers' ScoreSdeVpScheduler does. If a
library computed it differently, the same noise would become another picture.""",
    authors="Yang Song, Jascha Sohl-Dickstein, Diederik Kingma, Abhishek Kumar, Stefano Ermon, Ben Poole",
    year=2021,
    paper="Score-Based Generative Modeling through Stochastic Differential Equations, arXiv 2011.13456",
    equations="equations 6 and 32",
    function="sampling.py: get_pc_sampler",
    line=355,
    default_of="the repository's continuous VP configurations (cifar10_ddpmpp_continuous), without a corrector",
    promise=Promise(
        start="noise of standard deviation one",
        grid="N even times from 1 to 0.001; a continuous network is told 999 t, one trained on DDPM's table (N - 1) t",
        update=(
            "x moves by the drift f - g^2 score times 1 / N, and by noise of size g / sqrt(N); the step is 1 / N although the times lie a "
            "little further apart"
        ),
        final_step="returns the mean of the last step, without its noise",
        noise="one draw for each corrector step and one for each predictor step, each after its network call, the last one unused",
    ),
    code_and_paper=(
        "with a corrector, the paper's algorithm predicts first and corrects then; the code corrects first. The code's step is 1 / N where "
        "its times are (1 - 0.001) / (N - 1) apart. With probability_flow it raises TypeError"
    ),
    variants={"paper": {"corrector_at": "after", "norms": "each"}},
)
CASES = (
    *VP,
    *FEW,
    vp("flow-20", 20, options={"probability_flow": True}, layers=("schedule", "trajectory")),
    vp("eps-12", 12, options={"sampling_eps": 0.01}, network="smooth"),
)
KNOBS = {
    "step": ("one_over_n", "between_times"),  # the size of a step
}


def sample(score, x, walk, noise, *, probability_flow=False, step="one_over_n"):
    """Walk down the times; returns the last state without and with its noise."""
    n = len(walk)
    dt = 1 / n if step == "one_over_n" else (1 - float(walk.times[-1])) / max(n - 1, 1)
    for i in range(n):
        x = score.before(x, i, noise)
        beta = walk.beta(i)  # g^2, and f = -beta x / 2
        mean = x + (0.5 * beta * x + beta * score(x, i)) * dt
        noisy = mean + np.sqrt(beta) * dt**0.5 * noise(i, score.corrections)
        x = score.then(noisy, i, noise)
    return mean, noisy


sample.kind, sample.by_time = "vp", True
