"""DPM-Solver++(2S) ancestral, stochastic, two calls a step: Lu et al. 2022 (arXiv 2211.01095), algorithm 1, with ancestral noise.

Not to be confused with DPM++ SDE (dpmpp_sde), which adds noise in the middle of the step too, or with DPM2 ancestral.
"""

import numpy as np

from trueto.references.card import Card, Promise

from .cases import ETA, ETA_ABOVE_1, STANDARD, small
from .frame import ancestral_split

CARD = Card(
    title="DPM++ 2S a",
    plain="""
DPM++ 2S a goes further down than the next noise level says and then adds fresh noise to get back up to it. On the way down it looks twice:
from the middle of the step it asks the neural network again, and takes the whole step with that answer.

Because of the fresh noise the picture never settles: other step counts give other pictures. If a library computed it differently, or used
its random numbers in another order, the same seed would give another picture.""",
    authors="Cheng Lu, Yuhao Zhou, Fan Bao, Jianfei Chen, Chongxuan Li, Jun Zhu; the noise and the code by Katherine Crowson",
    year=2022,
    paper="DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models, arXiv 2211.01095; DDIM, arXiv 2010.02502",
    equations="algorithm 1 (2S) with r = 1/2 for the way down; DDIM equation 16 for the amount of noise",
    function="k_diffusion/sampling.py: sample_dpmpp_2s_ancestral",
    line=509,
    promise=Promise(
        start="x = noise times the largest level, sigma_max",
        grid="whatever levels it is given; the released models' own levels, or Karras levels, ending in exactly 0",
        update="a second-order step in log sigma to sigma_down, then noise of size sigma_up; at eta = 1 the middle is sigma_next itself",
        final_step="one straight step without noise: the picture is the network's last answer",
        noise="one draw at the end of each step but the last, drawn also at eta = 0",
    ),
    code_and_paper="the paper's 2S is deterministic (eta = 0); the middle is half-way to sigma_down, not to the next level",
    no_counterpart={"diffusers": "its documentation says N/A for DPM++ 2S a ('very similar to DPMSolverSinglestepScheduler')"},
)
CASES = small((*STANDARD, *ETA, *ETA_ABOVE_1))
KNOBS = {"half_way_to": ("sigma_down", "sigma_next")}


def sample(denoise, x, sigmas, noise, *, eta=1.0, s_noise=1.0, half_way_to="sigma_down"):
    """Sample from sigmas[0] to sigmas[-1]; sigma_mid is half-way in lambda = -log sigma."""
    for i in range(len(sigmas) - 1):
        down, up = ancestral_split(sigmas[i], sigmas[i + 1], eta)
        denoised = denoise(x, sigmas[i], i)
        if down > 0:
            goal = down if half_way_to == "sigma_down" else sigmas[i + 1]
            sigma_mid = np.exp((np.log(sigmas[i]) + np.log(goal)) / 2)
            x_mid = (sigma_mid / sigmas[i]) * x + (1 - sigma_mid / sigmas[i]) * denoised  # u of algorithm 1
            denoised = denoise(x_mid, sigma_mid, i, mid=True)
        x = (down / sigmas[i]) * x + (1 - down / sigmas[i]) * denoised
        if sigmas[i + 1] > 0:
            x = x + s_noise * up * noise(i)
    return x
