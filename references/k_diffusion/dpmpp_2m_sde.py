"""DPM-Solver++(2M) SDE, stochastic, second order, multistep: SDE-DPM-Solver++(2M) of Lu et al. 2022 (arXiv 2211.01095).

Not to be confused with DPM++ 2M (dpmpp_2m), which adds no noise, or with DPM++ SDE (dpmpp_sde), which calls the network twice a step.
"""

from dataclasses import replace

import numpy as np

from trueto.model import Case
from trueto.references.bounded import BOUNDS
from trueto.references.card import Card, Promise

from .cases import EDM, ETA, OTHER_GRIDS, STANDARD

CARD = Card(
    title="DPM++ 2M SDE",
    plain="""
DPM++ 2M SDE goes from noise to picture like DPM++ 2M, once through the neural network a step with a correction from the step before, but
adds fresh noise on the way, which lets it forget its own errors.

Users pick it for fine detail. Its noise comes from one random path over all noise levels (a Brownian path), so that more steps
refine the same picture. If a library computed it differently, or drew its noise otherwise, the same seed would give another picture.""",
    authors="Cheng Lu, Yuhao Zhou, Fan Bao, Jianfei Chen, Chongxuan Li, Jun Zhu; code by Katherine Crowson",
    year=2022,
    paper="DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models, arXiv 2211.01095, later versions",
    equations="SDE-DPM-Solver++(2M), the section on diffusion SDEs; solver_type 'heun' weights the correction exactly instead",
    function="k_diffusion/sampling.py: sample_dpmpp_2m_sde",
    line=611,
    promise=Promise(
        start="x = noise times the largest level, sigma_max",
        grid="whatever levels it is given; the released models' own levels, or Karras levels, ending in exactly 0",
        update="the reverse SDE in log sigma, second order from the second step on; at eta = 0 ('midpoint') it is DPM++ 2M",
        final_step="the picture is the network's last answer",
        noise="one Brownian increment a step but the last, over the step's sigma interval; none at eta = 0",
    ),
    code_and_paper=(
        "the paper has eta = 1 only; eta, s_noise and the choice of the correction's weight are the code's. A single step raises "
        "UnboundLocalError in the code"
    ),
)
CASES = (
    *STANDARD,
    *OTHER_GRIDS,
    *ETA,
    Case("heun-12", 12, options={"solver_type": "heun"}),
    Case("heun-eta-0.5", 10, grid="karras", network="smooth", seed=1, options={"solver_type": "heun", "eta": 0.5}),
    *EDM,
    replace(EDM[2], id="edm-heun-7", network="smooth", options={"solver_type": "heun"}),
)
KNOBS = {
    "clip": BOUNDS,  # of the denoised picture; diffusers' thresholding
    # The order of a last step that does not end at 0: some lower it, always or in short runs (order-lowering against instability).
    "final_step": ("second_order", "first_order", "first_order_below_15"),
    "ratio": ("corrected", "plain"),  # whether unequal step sizes enter the correction
}


def sample(denoise, x, sigmas, noise, *, eta=1.0, s_noise=1.0, solver_type="midpoint", final_step="second_order", ratio="corrected"):
    """Sample from sigmas[0] to sigmas[-1]; h is a step in lambda = -log sigma, the half log-SNR of the paper (alpha = 1)."""
    steps = len(sigmas) - 1
    lowered = final_step == "first_order" or (final_step == "first_order_below_15" and denoise.steps < 15)
    old, h_last = None, None
    for i in range(steps):
        denoised = denoise(x, sigmas[i], i)
        if sigmas[i + 1] == 0:
            return denoised
        h = np.log(sigmas[i]) - np.log(sigmas[i + 1])
        reach = (1 + eta) * h  # eta = 1: the 2h of the reverse SDE; eta = 0: the h of the ODE
        x = (sigmas[i + 1] / sigmas[i]) * np.exp(-eta * h) * x - np.expm1(-reach) * denoised
        if old is not None and not (lowered and i == steps - 1):
            change = (denoised - old) * (h / h_last if ratio == "corrected" else 1.0)
            share = -np.expm1(-reach) / 2 if solver_type == "midpoint" else np.expm1(-reach) / reach + 1
            x = x + share * change
        if eta > 0:
            x = x + s_noise * sigmas[i + 1] * np.sqrt(-np.expm1(-2 * eta * h)) * noise(i)
        old, h_last = denoised, h
    return x
