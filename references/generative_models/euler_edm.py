"""Euler as Stable Diffusion XL uses it, deterministic unless churned, first order: Karras et al. 2022 (arXiv 2206.00364), algorithm 2.

Not to be confused with Euler ancestral, which adds fresh noise after every step, or with k-diffusion's own Euler, whose levels lie
elsewhere and which starts with a little less noise; the update is the same formula (references/k_diffusion/euler.py).
"""

from trueto_references.k_diffusion.euler import KNOBS as UPDATE
from trueto_references.k_diffusion.euler import sample as euler

from trueto.model import Case
from trueto.references.card import Card, Promise

from .cases import CHURN, LEGACY, STANDARD

CARD = Card(
    title="Euler of Stable Diffusion XL",
    plain="""
Euler is the simplest way of turning noise into a picture. At each step it asks the neural network once what the clean picture looks
like, and moves in a straight line towards it, as far as the next noise level says.

Stability AI's own code offers it first for Stable Diffusion XL, and releases Stable Video Diffusion with it. If a library visited other
noise levels, the same prompt and seed would give another picture: often paler or less finished with few steps.""",
    authors="Tero Karras, Miika Aittala, Timo Aila, Samuli Laine; code by Stability AI after Katherine Crowson",
    year=2022,
    paper="Elucidating the Design Space of Diffusion-Based Generative Models, arXiv 2206.00364",
    equations="algorithm 2 without the second-order correction; denoiser: equation 7; Karras levels: equation 5",
    function="sgm/modules/diffusionmodules/sampling.py: EulerEDMSampler",
    line=211,
    default_of="Stable Diffusion XL and 2.1 in Stability AI's demo (50 steps), Stable Video Diffusion (25 steps, Karras levels up to 700)",
    promise=Promise(
        start="x = noise times sqrt(1 + sigma_max squared), so that the network sees noise of variance one",
        grid=(
            "training times in equal steps from the last one, 999, down towards 0, which is left out, cut to whole numbers; or Karras "
            "levels. "
            "Ends in exactly 0"
        ),
        update=(
            "one straight step along dx/dsigma; with s_churn the level is first raised and noise added, and the network sees that, told "
            "the "
            "nearest training time"
        ),
        final_step="as any other: at level 0 the picture is the network's last answer",
        noise="one draw before each call of the network where s_churn raises the level, none elsewhere",
    ),
    code_and_paper=(
        "the paper corrects each step with a second call of the network (heun_edm); the code reads a raised level as the nearest "
        "training level"
    ),
)
CASES = (
    *(case for case in STANDARD if case.id != "svd-12"),
    *CHURN,
    LEGACY("churn-v-10", 10, parameterization="v", options={"s_churn": 3.0}, shape=(2, 4, 3, 2)),
    Case("svd-25", 25, grid="edm", schedule="svd", parameterization="v", quick=True),
    LEGACY("legacy-1000", 1000, shape=(1, 1, 2, 1), layers=("schedule", "trajectory")),
)
KNOBS = {knob: values for knob, values in UPDATE.items() if knob != "clip"}


def sample(denoise, x, sigmas, noise, **arguments):
    """Sample from sigmas[0] to sigmas[-1]; one formula for both codebases."""
    return euler(denoise, x, sigmas, noise, **arguments)
