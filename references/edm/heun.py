"""EDM's own sampler, second order, with or without added noise: Karras et al. 2022 (arXiv 2206.00364), algorithm 2.

Not to be confused with k-diffusion's heun, which is the same rule with the state in the network's precision, or with the generalised
sampler of the ablations (ablation).
"""

import numpy as np

from trueto.references.card import Card, Promise
from trueto.references.edm import churned_level

from .cases import CHURN, EDM, RANGE
from .frame import BOUNDED, LAST_CALL, LATENTS

CARD = Card(
    title="EDM (Heun)",
    plain="""
The sampler that came with EDM, the paper from which today's lists of noise levels stem. At each step it asks the neural network what
the clean picture looks like, moves towards it, asks once more at the new place, and takes the mean of both directions. It can first add
some noise, which corrects errors of earlier steps.

Many samplers in today's libraries are written after it. If a library computed it differently, the published quality of a model could not
be reached with it, and the same seed would give another picture.""",
    authors="Tero Karras, Miika Aittala, Timo Aila, Samuli Laine",
    year=2022,
    paper="Elucidating the Design Space of Diffusion-Based Generative Models, arXiv 2206.00364",
    equations="algorithm 2; levels: equation 5; the wrapper around the network: equation 7",
    function="generate.py: edm_sampler",
    line=25,
    default_of="the models released with the paper (18, 40 or 256 steps, by the README)",
    promise=Promise(
        start="x = noise times the largest level, 80",
        grid="equation 5 from 80 to 0.002 with rho = 7, then exactly 0",
        update="raise the level by s_churn / n between s_min and s_max; one Euler step, corrected by the trapezoidal rule",
        final_step="not corrected: the picture is the network's last answer",
        noise="one float64 draw before each step, multiplied by 0 where the level is not raised",
    ),
    code_and_paper="no difference known; one step is not defined in either (it divides by n - 1, and the code returns NaN)",
)
CASES = (*EDM, *CHURN, RANGE)
KNOBS = {
    **LATENTS,
    **BOUNDED,
    **LAST_CALL,
    "end": ("level", "sum"),  # where a step is corrected; sum: at the raised level and the step added up, PhysicsNeMo's solver
    "most_churn": (
        "root_2",
        "any",
    ),  # by how much a level can be raised, however few steps there are; any: PhysicsNeMo's stochastic_sampler
}


def sample(
    denoise, x, walk, noise, *, s_churn=0.0, s_min=0.0, s_max=float("inf"), s_noise=1.0, last_call="one", end="level",
    most_churn="root_2",
):  # fmt: skip
    """Sample from the first level of the walk to 0 (algorithm 2, with its line numbers)."""
    sigmas, steps = walk.sigmas, len(walk)
    most = 2**0.5 - 1 if most_churn == "root_2" else np.inf
    for i in range(steps):
        sigma, after = sigmas[i], sigmas[i + 1]
        raised = churned_level(sigma, steps, s_churn, s_min, s_max, most)  # line 5
        x = x + np.sqrt(raised**2 - sigma**2) * s_noise * noise(i)  # line 6
        slope = (x - denoise(x, raised, i)) / raised  # line 7
        moved = x + (after - raised) * slope  # line 8
        if after > 0:
            reached = after if end == "level" else raised + (after - raised)
            corrected = (moved - denoise(moved, reached, i)) / reached  # line 10
            moved = x + (after - raised) * (slope + corrected) / 2  # line 11
        elif last_call == "two":
            denoise(moved, raised, i)
        x = moved
    return x
