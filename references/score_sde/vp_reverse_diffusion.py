"""Predictor-corrector sampling for the VP SDE with the reverse diffusion predictor: Song et al. 2021 (arXiv 2011.13456), algorithm 3.

Not to be confused with the ancestral predictor, which divides by sqrt(1 - beta) instead of multiplying by 2 - sqrt(1 - beta).
"""

import numpy as np

from trueto.references.card import Card, Promise

from .cases import VP_SHORT, vp

CARD = Card(
    title="VP predictor-corrector, reverse diffusion",
    plain="""
This turns noise into a picture in about a thousand small steps. Each step undoes one step of the forward process of the first diffusion
models, written as an equation of motion and turned round: it adds as much noise as the forward step did.

It is the variant with which the paper compares its correctors. If a library computed it differently, the same noise would become another
picture.""",
    authors="Yang Song, Jascha Sohl-Dickstein, Diederik Kingma, Abhishek Kumar, Stefano Ermon, Ben Poole",
    year=2021,
    paper="Score-Based Generative Modeling through Stochastic Differential Equations, arXiv 2011.13456",
    equations="predictor: equation 46 with the discretisation of DDPM (appendix E); corrector: algorithm 5",
    function="sampling.py: get_pc_sampler",
    line=355,
    default_of="no released configuration that we know of; compared in the paper's table 1",
    promise=Promise(
        start="noise of standard deviation one",
        grid="N even times from 1 to 0.001; a continuous network is told 999 t, one trained on DDPM's table (N - 1) t",
        update=(
            "corrector steps first, where asked for; then x times 2 - sqrt(1 - beta), plus beta times the score, plus noise of size "
            "sqrt(beta)"
        ),
        final_step="returns the mean of the last step, without its noise",
        noise="one draw for each corrector step and one for each predictor step, each after its network call, the last one unused",
    ),
    code_and_paper="with a corrector, the paper's algorithm predicts first and corrects then; the code corrects first",
    variants={"paper": {"corrector_at": "after", "norms": "each"}},
)
CASES = (*VP_SHORT, vp("flow-28", 28, options={"probability_flow": True}))
KNOBS = {
    "scale": ("reversed", "divided"),  # of x in a step: 2 - sqrt(1 - beta), or 1 / sqrt(1 - beta) as in DDPM
}


def sample(score, x, walk, noise, *, probability_flow=False, scale="reversed"):
    """Walk down the times; returns the last state without and with its noise."""
    for i in range(len(walk)):
        x = score.before(x, i, noise)
        beta = walk.betas[i]
        root = np.sqrt(1 - beta)
        kept = x - (root * x - x) if scale == "reversed" else x / root
        mean = kept + beta * score(x, i) * (0.5 if probability_flow else 1)
        noisy = mean if probability_flow else mean + np.sqrt(beta) * noise(i, score.corrections)
        x = score.then(noisy, i, noise)
    return mean, noisy


sample.kind = "vp"
