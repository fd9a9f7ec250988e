"""Euler, deterministic unless churned, first order: Karras et al. 2022 (arXiv 2206.00364), algorithm 2 without its correction.

Not to be confused with Euler ancestral, which adds fresh noise after every step, or with Euler for flow-matching models.
"""

from trueto.references.asked import COUNTED
from trueto.references.bounded import BOUNDS
from trueto.references.card import Card, Promise

from .cases import CHURN, EDM, EDM_CHURN, OTHER_GRIDS, STANDARD
from .frame import churned

CARD = Card(
    title="Euler",
    plain="""
Euler is the simplest way of turning noise into a picture. At each step it asks the neural network once what the clean picture looks
like, and moves in a straight line towards it, as far as the next noise level says.

It is the yardstick for all others, and what many models are released with. If a library computed it differently, every picture made with it
would change; because it is so simple, the difference is nearly always in the list of noise levels or in the moment when noise is added.""",
    authors="Tero Karras, Miika Aittala, Timo Aila, Samuli Laine; code by Katherine Crowson",
    year=2022,
    paper="Elucidating the Design Space of Diffusion-Based Generative Models, arXiv 2206.00364",
    equations="algorithm 2 without the second-order correction; with s_churn = 0 the same as DDIM at eta = 0",
    function="k_diffusion/sampling.py: sample_euler",
    line=118,
    default_of="Stable Diffusion XL 1.0 in diffusers (EulerDiscreteScheduler)",
    promise=Promise(
        start="x = noise times the largest level, sigma_max",
        grid="whatever levels it is given; the released models' own levels, or Karras levels, ending in exactly 0",
        update="one straight step along dx/dsigma; with s_churn the level is first raised and noise added, and the network sees that",
        final_step="as any other: at level 0 the picture is the network's last answer",
        noise="one draw before each call of the network, used only where s_churn raises the level",
    ),
    code_and_paper="the paper corrects each step with a second call of the network (heun); the code draws noise also where it adds none",
)
CASES = (*STANDARD, *OTHER_GRIDS, *CHURN, *EDM, *EDM_CHURN)
KNOBS = {
    # When the extra noise is added. Some add it after the network was called at the lower level, and read the answer as one about the
    # raised level; for v models some of those mix both levels.
    "churn": ("before_network", "after_network", "after_network_v_unraised", "ignored"),
    **COUNTED,  # over how many steps s_churn is spread
    "clip": BOUNDS,  # of the clean picture; no library is known to clip here, but ports do by mistake
}


def sample(denoise, x, sigmas, noise, *, s_churn=0.0, s_tmin=0.0, s_tmax=float("inf"), s_noise=1.0, churn="before_network", counted="left"):
    """Sample from sigmas[0] to sigmas[-1] (Karras et al. 2022, algorithm 2)."""
    steps = len(sigmas) - 1
    spread = steps if counted == "left" else denoise.steps
    for i in range(steps):
        amount = 0.0 if churn == "ignored" else s_churn
        x_hat, sigma_hat = churned(x, sigmas[i], noise(i), spread, amount, s_tmin, s_tmax, s_noise)
        if churn.startswith("after_network"):
            unraised = churn == "after_network_v_unraised" and denoise.kind == "v"
            denoised = denoise(x, sigmas[i], i, read_as=(x_hat, sigmas[i] if unraised else sigma_hat))
        else:
            denoised = denoise(x_hat, sigma_hat, i)
        slope = (x_hat - denoised) / sigma_hat  # dx/dsigma, equation 3 with s(t) = 1 and sigma(t) = t
        x = x_hat + (sigmas[i + 1] - sigma_hat) * slope
    return x
