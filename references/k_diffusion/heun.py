"""Heun, deterministic unless churned, second order, two calls a step: Karras et al. 2022 (arXiv 2206.00364), algorithm 2.

Not to be confused with DPM2 (dpm_2), whose second call is half-way in the step, or with solver_type="heun" of DPM++ 2M SDE.
"""

from trueto.references.card import Card, Promise

from .cases import CHURN, STANDARD, small
from .frame import churned

CARD = Card(
    title="Heun",
    plain="""
Heun walks from noise to picture in steps that it checks. It takes a trial step, asks the neural network again at the place where it
arrived, and then repeats the step with the average of both directions.

This costs two calls of the network a step and pays with accuracy: fewer steps give the same picture. If a library computed it
differently, pictures at the usual 10 to 30 steps would change in detail, more so the fewer the steps.""",
    authors="Tero Karras, Miika Aittala, Timo Aila, Samuli Laine; code by Katherine Crowson",
    year=2022,
    paper="Elucidating the Design Space of Diffusion-Based Generative Models, arXiv 2206.00364",
    equations="algorithm 2 (with s_churn = 0: algorithm 1 with sigma(t) = t, s(t) = 1)",
    function="k_diffusion/sampling.py: sample_heun",
    line=159,
    default_of="the sampler of the paper's own experiments",
    promise=Promise(
        start="x = noise times the largest level, sigma_max",
        grid="whatever levels it is given; the released models' own levels, or Karras levels, ending in exactly 0",
        update="a trial step, then the step again with the mean of the slopes at both ends; with s_churn after raising the level",
        final_step="to level 0 the trial step alone: the picture is the network's last answer",
        noise="one draw before the first call of each step, used only where s_churn raises the level",
    ),
    code_and_paper="no difference in the numbers; the code draws noise also where it adds none",
)
CASES = small((*STANDARD, *CHURN))
KNOBS = {"churn": ("applied", "ignored")}


def sample(denoise, x, sigmas, noise, *, s_churn=0.0, s_tmin=0.0, s_tmax=float("inf"), s_noise=1.0, churn="applied"):
    """Sample from sigmas[0] to sigmas[-1] (Karras et al. 2022, algorithm 2)."""
    steps = len(sigmas) - 1
    for i in range(steps):
        amount = s_churn if churn == "applied" else 0.0
        x_hat, sigma_hat = churned(x, sigmas[i], noise(i), steps, amount, s_tmin, s_tmax, s_noise)
        h = sigmas[i + 1] - sigma_hat
        slope = (x_hat - denoise(x_hat, sigma_hat, i)) / sigma_hat  # d_i of algorithm 2
        x = x_hat + h * slope
        if sigmas[i + 1] > 0:
            slope_end = (x - denoise(x, sigmas[i + 1], i)) / sigmas[i + 1]  # d_i'
            x = x_hat + h * (slope + slope_end) / 2
    return x
