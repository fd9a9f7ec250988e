"""Multistep sampling of a consistency model: Song et al. 2023 (arXiv 2303.01469), algorithm 1.

Not to be confused with multistep solvers such as DPM++ 2M, which remember earlier answers: this one starts anew from each.
"""

import numpy as np

from trueto.references.card import Card, Promise

from .cases import MULTISTEP
from .frame import consistency

CARD = Card(
    title="Consistency models, multistep",
    plain="""
A consistency model jumps from noise to a picture at once. This sampler lets it jump several times: it adds fresh noise to the picture, a
little less each time, and lets the model jump again. Two jumps are usual.

With so few steps nothing evens out. If a library visited other noise levels, or added the noise in another amount, every picture would
change visibly.""",
    authors="Yang Song, Prafulla Dhariwal, Mark Chen, Ilya Sutskever",
    year=2023,
    paper="Consistency Models, arXiv 2303.01469",
    equations="algorithm 1; the function around the network: appendix C, equation 5 with EDM's c_in; levels: EDM's equation 5",
    function="cm/karras_diffusion.py: stochastic_iterative_sampler",
    line=657,
    default_of="the released models with two steps (scripts/launch.sh)",
    promise=Promise(
        start="x = noise times sigma_max, 80, whatever level is visited first",
        grid="the levels with the given numbers among 40, 151 or 201 of EDM's, the last one at least sigma_min",
        update="ask for the picture, clip it to [-1, 1], add noise of size sqrt(sigma_next^2 - sigma_min^2)",
        final_step="the same, which at sigma_min adds nothing; clipped to [-1, 1] once more",
        noise="one draw in each step, multiplied by 0 in the last",
    ),
    code_and_paper="the paper does not clip; the code does unless told not to, and always at the end",
)
CASES = MULTISTEP
KNOBS = {
    "boundary": ("kept", "dropped"),  # dropped: EDM's scalings, which do not give x back at sigma_min
}


@consistency
def sample(denoise, x, sigmas, noise):
    """Sample along the levels `sigmas`, the last of which is sigma_min unless a run ends early."""
    low = denoise.low
    for i in range(len(sigmas) - 1):
        after = np.maximum(sigmas[i + 1], low)
        clean = denoise(x, sigmas[i], i)  # line 5
        x = clean + np.sqrt(denoise.above_low(after)) * noise(i)  # line 4 of the next step
    return x
