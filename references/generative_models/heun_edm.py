"""Heun as Stable Diffusion XL's code has it, deterministic unless churned, second order: Karras et al. 2022, algorithm 2.

Not to be confused with DPM-2, whose second call lies half-way, or with k-diffusion's own Heun, whose levels lie elsewhere and which starts
with a little less noise; the update is the same formula (references/k_diffusion/heun.py).
"""

from trueto_references.k_diffusion.heun import KNOBS as UPDATE
from trueto_references.k_diffusion.heun import sample as heun

from trueto.references.card import Card, Promise

from .cases import CHURN, STANDARD, small

CARD = Card(
    title="Heun of Stable Diffusion XL's code",
    plain="""
Heun turns noise into a picture in two looks a step: it asks the neural network what the clean picture looks like, tries the step, asks
again at its end, and takes the step with the mean of both answers. It needs fewer steps than Euler, each of them twice as dear.

Stability AI's code offers it beside Euler. If a library computed it differently, the same prompt and seed would give another picture.""",
    authors="Tero Karras, Miika Aittala, Timo Aila, Samuli Laine; code by Stability AI after Katherine Crowson",
    year=2022,
    paper="Elucidating the Design Space of Diffusion-Based Generative Models, arXiv 2206.00364",
    equations="algorithm 2; denoiser: equation 7; Karras levels: equation 5",
    function="sgm/modules/diffusionmodules/sampling.py: HeunEDMSampler",
    line=218,
    promise=Promise(
        start="x = noise times sqrt(1 + sigma_max squared), so that the network sees noise of variance one",
        grid="as generative_models/euler_edm",
        update="a straight step, taken again with the mean of the slopes at its two ends",
        final_step="one call: a straight step to level 0",
        noise="one draw before the first call of a step where s_churn raises the level, none elsewhere",
    ),
    code_and_paper="the code reads a raised level as the nearest training level; else none known",
    no_counterpart={"diffusers": "its documentation names k-diffusion as the origin of HeunDiscreteScheduler, not this code"},
)
CASES = small((*STANDARD, *CHURN), without=("legacy-30",))
KNOBS = UPDATE


def sample(denoise, x, sigmas, noise, **arguments):
    """Sample from sigmas[0] to sigmas[-1]; one formula for both codebases."""
    return heun(denoise, x, sigmas, noise, **arguments)
