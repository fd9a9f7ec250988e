"""DPM2, deterministic unless churned, second order, two calls a step: DPM-Solver-2 (Lu et al. 2022, arXiv 2206.00927, algorithm 1).

Not to be confused with DPM-Solver++(2S), which carries the clean picture instead of the noise, with DPM++ 2M (dpmpp_2m), or with Heun.
"""

import numpy as np

from trueto.references.card import Card, Promise

from .cases import CHURN, STANDARD, small
from .frame import churned

CARD = Card(
    title="DPM2",
    plain="""
DPM2 walks from noise to picture in steps with a look ahead. It goes half of a step, asks the neural network there, goes back,
and takes the whole step in the direction that it found half-way.

This costs two calls of the network a step, for more accuracy with fewer steps. What "half-way" means matters: if a library chose another
middle, every picture would change a little in its details.""",
    authors="Cheng Lu, Yuhao Zhou, Fan Bao, Jianfei Chen, Chongxuan Li, Jun Zhu; churn by Tero Karras et al.; code by Katherine Crowson",
    year=2022,
    paper="DPM-Solver: A Fast ODE Solver for Diffusion Probabilistic Model Sampling in Around 10 Steps, arXiv 2206.00927",
    equations="algorithm 1 (DPM-Solver-2) divided by alpha; algorithm 2 of arXiv 2206.00364 for the churn",
    function="k_diffusion/sampling.py: sample_dpm_2",
    line=188,
    promise=Promise(
        start="x = noise times the largest level, sigma_max",
        grid="whatever levels it is given; the released models' own levels, or Karras levels, ending in exactly 0",
        update="the slope at the geometric mean of both levels, reached by a straight half step, carries the whole step",
        final_step="to level 0 one straight step: the picture is the network's last answer",
        noise="one draw before the first call of each step, used only where s_churn raises the level",
    ),
    code_and_paper=(
        "the paper ends at a small positive time; the code's last step goes to sigma = 0. The code calls itself inspired by DPM-Solver-2; "
        "without churn it is that: in x / alpha the paper's exponential steps are straight ones in sigma"
    ),
)
CASES = small((*STANDARD, *CHURN))
KNOBS = {
    "middle": ("log_sigma", "cube_root"),  # the level half-way: earlier versions of k-diffusion took the mean of the cube roots
    "churn": ("applied", "ignored"),
}


def half_way(sigma, sigma_next, middle):
    """The level in the middle of a step: the geometric mean, or the cube of the mean of the cube roots."""
    if middle == "log_sigma":
        return np.exp((np.log(sigma) + np.log(sigma_next)) / 2)
    return ((sigma ** (1 / 3) + sigma_next ** (1 / 3)) / 2) ** 3


def sample(
    denoise, x, sigmas, noise, *, s_churn=0.0, s_tmin=0.0, s_tmax=float("inf"), s_noise=1.0, middle="log_sigma", churn="applied"
):  # fmt: skip
    """Sample from sigmas[0] to sigmas[-1]; the slope dx/dsigma = (x - D) / sigma is the paper's noise estimate eps."""
    steps = len(sigmas) - 1
    for i in range(steps):
        amount = s_churn if churn == "applied" else 0.0
        x_hat, sigma_hat = churned(x, sigmas[i], noise(i), steps, amount, s_tmin, s_tmax, s_noise)
        slope = (x_hat - denoise(x_hat, sigma_hat, i)) / sigma_hat
        if sigmas[i + 1] > 0:
            sigma_mid = half_way(sigma_hat, sigmas[i + 1], middle)
            x_mid = x_hat + (sigma_mid - sigma_hat) * slope
            slope = (x_mid - denoise(x_mid, sigma_mid, i, mid=True)) / sigma_mid
        x = x_hat + (sigmas[i + 1] - sigma_hat) * slope
    return x
