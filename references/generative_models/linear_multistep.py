"""LMS as Stable Diffusion XL's code has it, deterministic, linear multistep of up to fourth order, on the equation of arXiv 2206.00364.

Not to be confused with PLMS, whose weights are those of equal steps, or with k-diffusion's own LMS, whose levels lie elsewhere and which
starts with a little less noise; the update is the same formula (references/k_diffusion/lms.py).
"""

from trueto_references.k_diffusion.lms import KNOBS as UPDATE
from trueto_references.k_diffusion.lms import sample as lms

from trueto.references.card import Card, Promise

from .cases import LEGACY, STANDARD, small

CARD = Card(
    title="Linear multistep of Stable Diffusion XL's code",
    plain="""
LMS asks the neural network once a step, lays a smooth curve through its last four answers, and follows that curve to the next noise level.

Stability AI's code offers it beside Euler. If a library computed it differently, the same prompt and seed would give another picture.""",
    authors="Katherine Crowson; the method is John Couch Adams's and Francis Bashforth's, from 1883; this code by Stability AI",
    year=2022,
    paper="none of its own; the equation that it solves: arXiv 2206.00364. The same method is called rho-AB in DEIS, arXiv 2204.13902",
    equations="arXiv 2206.00364, equation 3 with sigma(t) = t; the Lagrange polynomial through the last slopes, integrated over the step",
    function="sgm/modules/diffusionmodules/sampling.py: LinearMultistepSampler",
    line=173,
    promise=Promise(
        start="x = noise times sqrt(1 + sigma_max squared), so that the network sees noise of variance one",
        grid="as generative_models/euler_edm",
        update="orders 1, 2, 3, 4, 4, ... with weights for the unequal steps",
        final_step="as any other, of full order",
    ),
    code_and_paper="the code integrates numerically with a relative tolerance of 1e-4, which is exact for these polynomials",
    no_counterpart={"diffusers": "its documentation names k-diffusion as the origin of LMSDiscreteScheduler, not this code"},
)
CASES = (
    *small(STANDARD),
    LEGACY("order-2-12", 12, options={"order": 2}, network="smooth", shape=(2, 3, 3, 2)),
)
KNOBS = {knob: values for knob, values in UPDATE.items() if knob != "counted"}  # that is of k-diffusion's frame


def sample(denoise, x, sigmas, noise, **arguments):
    """Sample from sigmas[0] to sigmas[-1]; one formula for both codebases."""
    return lms(denoise, x, sigmas, noise, **arguments)
