"""EDM's generalised sampler, second order: Karras et al. 2022 (arXiv 2206.00364), algorithm 1 with any path, levels and alpha.

The superset of the samplers that the paper compares. Not to be confused with edm/heun, the sampler that the paper proposes, which is
this one on levels 'edm' with a path on which t is sigma.
"""

import numpy as np

from trueto.references.card import Card, Promise
from trueto.references.edm import churned_level

from .cases import CHURN, MIDPOINTS, OTHER_PATHS, VE
from .frame import LAST_CALL, LATENTS, VP

CARD = Card(
    title="EDM ablation (Heun on any path)",
    plain="""
The workbench of the EDM paper: one sampler in which everything that earlier samplers did differently can be chosen. Which noise levels are
visited, whether steps are straight in the noise level or in time, whether the picture is scaled on the way, and how the second look of each
step is weighed.

With it the paper shows what makes samplers good. A library that takes over only parts of a choice, as the list of levels without the
meaning of its numbers, gets a sampler that nobody has ever tested.""",
    authors="Tero Karras, Miika Aittala, Timo Aila, Samuli Laine",
    year=2022,
    paper="Elucidating the Design Space of Diffusion-Based Generative Models, arXiv 2206.00364",
    equations="algorithm 1, and algorithm 3 for alpha below 1; dx/dt: equation 81; paths and levels: table 1",
    function="generate.py: ablation_sampler",
    line=66,
    promise=Promise(
        start="x = noise times the first level (times s(t) where the path is scaled)",
        grid="one of four: EDM (equation 5), VP, VE or iDDPM, each with its own range, then exactly 0",
        update="raise the level by s_churn / n between s_min and s_max; a second look after the share alpha of the step corrects it",
        final_step="not corrected",
        noise="one float64 draw before each step, multiplied by 0 where the level is not raised",
    ),
    code_and_paper="no difference known; one step is not defined (it divides by n - 1, and the code returns NaN)",
)
CASES = (*OTHER_PATHS, *VE, *MIDPOINTS, CHURN[0])
KNOBS = {**LATENTS, **LAST_CALL, **VP}


def sample(denoise, x, walk, noise, *, alpha=1.0, s_churn=0.0, s_min=0.0, s_max=float("inf"), s_noise=1.0, last_call="one"):
    """Sample from the first time of the walk to 0."""
    path, steps = walk.path, len(walk)
    for i in range(steps):
        t, after = walk.times[i], walk.times[i + 1]
        sigma = path.sigma(t)
        raised = path.inverse(churned_level(sigma, steps, s_churn, s_min, s_max))
        more = np.sqrt(np.maximum(path.sigma(raised) ** 2 - sigma**2, 0)) * path.scale(raised)
        x_hat = path.scale(raised) / path.scale(t) * x + more * s_noise * noise(i)
        h = after - raised
        slope = walk.slope(x_hat, denoise(x_hat / path.scale(raised), path.sigma(raised), i), raised)
        if i < steps - 1:
            # With alpha = 1 the middle is the end; as a sum it would lose small levels where the walk is in float32.
            middle, x_middle = after if alpha == 1 else raised + alpha * h, x_hat + alpha * h * slope
            again = walk.slope(x_middle, denoise(x_middle / path.scale(middle), path.sigma(middle), i), middle)
            slope = slope + (again - slope) / (2 * alpha)
        elif last_call == "two":
            middle, x_middle = raised if alpha == 1 else raised + alpha * h, x_hat + alpha * h * slope
            denoise(x_middle / path.scale(middle), path.sigma(middle), i)
        x = x_hat + h * slope
    return x
