"""Predictor-corrector sampling for the VE SDE with the ancestral predictor: Song et al. 2021 (arXiv 2011.13456), equation 47.

Not to be confused with the reverse diffusion predictor, which adds more noise in each step, or with k-diffusion's Euler ancestral, which
shares the split but takes the deterministic part as an Euler step.
"""

import numpy as np

from trueto.references.card import Card, Promise

from .cases import VE, VE_OPTIONS

CARD = Card(
    title="VE predictor-corrector, ancestral",
    plain="""
This turns very strong noise into a picture in many small steps, as its neighbour with the reverse diffusion predictor does. It differs in
how much fresh noise a step adds: just as much as the noisy training pictures of neighbouring levels differ by, so that no noise is left in
the end.

It is the older rule, that of the first diffusion models carried over. If a library mixed the two up, pictures would be a little blurred or
a little grainy.""",
    authors="Yang Song, Jascha Sohl-Dickstein, Diederik Kingma, Abhishek Kumar, Stefano Ermon, Ben Poole",
    year=2021,
    paper="Score-Based Generative Modeling through Stochastic Differential Equations, arXiv 2011.13456",
    equations="predictor: equation 47 (appendix F); corrector: algorithm 4 with the step size of appendix G",
    function="sampling.py: get_pc_sampler",
    line=355,
    default_of="no released configuration that we know of; compared in the paper's table 1",
    promise=Promise(
        start="noise of standard deviation sigma_max",
        grid=(
            "N levels evenly spaced in log sigma from sigma_max to sigma_min, then 0; the network is told sigma(t) at N even times from 1 "
            "to 1e-5"
        ),
        update="corrector steps first, then one predictor step with the noise of the posterior",
        final_step="as any other; at level 0 no noise is left to add",
        noise="one draw for each corrector step and one for each predictor step, each after its network call, the last one without effect",
    ),
    code_and_paper="the paper's algorithm predicts first and corrects then, at the new level; the code corrects first",
    variants={"paper": {"corrector_at": "after", "norms": "each"}},
)
CASES = (*VE, *VE_OPTIONS)
KNOBS = {
    "added": ("ancestral", "full"),  # fresh noise of the predictor; full: that of the reverse diffusion predictor
}


def sample(score, x, walk, noise, *, probability_flow=False, added="ancestral"):
    """Walk down the levels s; returns the last state without and with its noise."""
    s = walk.levels
    for i in range(len(walk)):
        x = score.before(x, i, noise)
        gain = s[i] ** 2 - s[i + 1] ** 2
        mean = x + gain * score(x, i)
        variance = s[i + 1] ** 2 * gain / s[i] ** 2 if added == "ancestral" else gain
        noisy = mean + np.sqrt(variance) * noise(i, score.corrections)
        x = score.then(noisy, i, noise)
    return mean, noisy


sample.kind = "ve"
