"""DPM-Solver++(2M), deterministic, second order, multistep: Lu et al. 2022 (arXiv 2211.01095), algorithm 2.

Not to be confused with DPM-Solver++(2S), which calls the network twice a step, or with the SDE form (dpmpp_2m_sde).
"""

import numpy as np

from trueto.references.bounded import BOUNDS, RETURNED
from trueto.references.card import Card, Promise

from .cases import EDM, OTHER_GRIDS, STANDARD

CARD = Card(
    title="DPM++ 2M",
    plain="""
DPM++ 2M turns random noise into a picture in about 20 steps. At each step it asks the neural network once what the clean picture looks
like, and combines that answer with the one from the step before to move further without losing accuracy.

It is the sampler that most users of Stable Diffusion web interfaces pick. If a library computed it differently, the same prompt and
seed would give another picture: slightly other textures after a rounding-sized change, another composition after a real one.""",
    authors="Cheng Lu, Yuhao Zhou, Fan Bao, Jianfei Chen, Chongxuan Li, Jun Zhu; code by Katherine Crowson",
    year=2022,
    paper="DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models, arXiv 2211.01095",
    equations="algorithm 2; first order step: equation 14 with k = 1 (the same as DDIM)",
    function="k_diffusion/sampling.py: sample_dpmpp_2m",
    line=585,
    default_of="the usual choice in web interfaces for Stable Diffusion (as 'DPM++ 2M' and 'DPM++ 2M Karras')",
    promise=Promise(
        start="x = noise times the largest level, sigma_max",
        grid="whatever levels it is given; the released models' own levels, or Karras levels, ending in exactly 0",
        update="second order from the second step on, using the previous answer of the network",
        final_step="first order: the picture is the network's last answer",
    ),
    code_and_paper="the paper ends at a small positive time; the code's last step goes to sigma = 0, where only first order is defined",
)
CASES = (*STANDARD, *OTHER_GRIDS, *EDM)
KNOBS = {
    "clip": BOUNDS,  # of the denoised picture; diffusers' thresholding
    **RETURNED,
    # The last step, where it goes to 0; some lower it in short runs, or always, also where it ends above 0.
    "final_step": ("first_order", "second_order", "first_order_below_15", "first_order_always"),
    "midpoint": ("corrected", "plain"),  # whether unequal step sizes enter the extrapolation
}


def sample(denoise, x, sigmas, noise, *, final_step="first_order", midpoint="corrected"):
    """Sample from sigmas[0] to sigmas[-1]; lambda = -log sigma is the half log-SNR of the paper (alpha = 1)."""
    old_denoised, h_last = None, None
    steps = len(sigmas) - 1
    for i in range(steps):
        denoised = denoise(x, sigmas[i], i)
        h = np.log(sigmas[i]) - np.log(sigmas[i + 1])  # h_i = lambda_i - lambda_{i-1}
        direction = denoised
        lowered = final_step == "first_order_always" or (final_step == "first_order_below_15" and denoise.steps < 15)  # steps asked for
        lower = old_denoised is None or (lowered and i == steps - 1) or (sigmas[i + 1] == 0 and final_step != "second_order")
        if not lower:
            r = h_last / h if midpoint == "corrected" else np.ones_like(h)
            direction = denoised + (denoised - old_denoised) / (2 * r)  # line 8 of algorithm 2
        x = (sigmas[i + 1] / sigmas[i]) * x - np.expm1(-h) * direction  # line 9
        old_denoised, h_last = denoised, h
    return x
