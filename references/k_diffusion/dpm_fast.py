"""DPM-Solver-fast, deterministic unless eta is given, single-step orders 1 to 3: Lu et al. 2022 (arXiv 2206.00927), appendix.

Not to be confused with DPM adaptive (dpm_adaptive), which chooses its steps itself, or with DPM-Solver++, which predicts the clean picture.
"""

import numpy as np

from trueto.model import Case
from trueto.references.card import Card, Promise

from .frame import ancestral_split, walks

CARD = Card(
    title="DPM fast",
    plain="""
DPM fast is told how often it may ask the neural network, not how many steps to take. It spends that budget on as many large steps
of three calls as fit, and the rest on one or two shorter ones, all evenly spaced in the logarithm of the noise level.

It was made for very few calls, about ten to twenty, with unguided models. It stops at the smallest noise level that the model knows, not at
zero, so a trace of noise stays in the picture.""",
    authors="Cheng Lu, Yuhao Zhou, Fan Bao, Jianfei Chen, Chongxuan Li, Jun Zhu; code by Katherine Crowson",
    year=2022,
    paper="DPM-Solver: A Fast ODE Solver for Diffusion Probabilistic Model Sampling in Around 10 Steps, arXiv 2206.00927",
    equations="DPM-Solver-1, -2 and -3 (algorithms 1 and 2) with r1 = 1/2 or r1 = 1/3 and r2 = 2/3; DPM-Solver-fast in the appendix",
    function="k_diffusion/sampling.py: sample_dpm_fast",
    line=482,
    promise=Promise(
        start="x = noise times the largest level, sigma_max",
        grid="floor(n / 3) + 1 steps of equal size in log sigma from sigma_max to sigma_min, for n calls of the network",
        update="third-order steps; the last ones of order 2 and 1, or of order n modulo 3",
        final_step="ends at sigma_min, not at 0",
        noise="one draw at the end of each step, used only with eta above 0",
    ),
    code_and_paper="eta, which adds the noise of ancestral sampling after each step, is the code's own; the paper is deterministic",
    no_counterpart={"diffusers": "its documentation says N/A for DPM fast"},
)
CASES = (
    Case("calls-20", 20, quick=True),
    *(Case(f"calls-{n}", n, network="smooth" if n % 2 else "mixture") for n in (1, 2, 3, 4, 7, 9, 10, 15, 28)),
    Case("v-12", 12, parameterization="v"),
    Case("x0-14", 14, parameterization="x0", network="smooth"),
    Case("linear-15", 15, schedule="linear", seed=1),
    Case("eta-1", 16, options={"eta": 1.0}),
    Case("eta-0.5", 15, network="smooth", seed=1, options={"eta": 0.5, "s_noise": 1.003}),
)
KNOBS = {"last_steps": ("by_calls", "third_order")}  # third_order: no smaller steps at the end, calls that do not fit are left out


def orders_of(n: int, last_steps: str = "by_calls") -> list[int]:
    """The order of each step, so that exactly n calls are made (DPM-Solver-fast)."""
    if last_steps == "third_order":
        return [3] * max(n // 3, 1)
    return [3] * (n // 3 - 1) + [2, 1] if n % 3 == 0 else [3] * (n // 3) + [n % 3]


def first_order(x, lam, h, eps):
    """DPM-Solver-1 (alpha = 1): from lambda to lambda + h along a constant noise estimate eps."""
    return x - np.exp(-(lam + h)) * np.expm1(h) * eps


def second_order(x, lam, h, eps, eps_mid, r):
    """DPM-Solver-2: eps_mid is the noise estimate at the share r of the step."""
    return first_order(x, lam, h, eps) - np.exp(-(lam + h)) / (2 * r) * np.expm1(h) * (eps_mid - eps)


def third_order(x, lam, h, eps, eps_at, eps_1, r_1=1 / 3, r_2=2 / 3):
    """DPM-Solver-3: eps_1 is the noise estimate at the share r_1 of the step; eps_at(x, lambda) calls the network at the share r_2."""

    def corrected(part, difference, ratio):
        """A first-order step over `part`, and the correction for a slope of eps."""
        slope = np.exp(-(lam + part)) * ratio * (np.expm1(part) / part - 1)
        return first_order(x, lam, part, eps) - slope * difference

    x_2 = corrected(r_2 * h, eps_1 - eps, r_2 / r_1)
    return corrected(h, eps_at(x_2, lam + r_2 * h) - eps, 1 / r_2)


def noisy_goal(lam, lam_next, lam_end, eta):
    """Where the deterministic part of a step with noise goes, and the size of the noise that brings it back up to lam_next."""
    down, _ = ancestral_split(np.exp(-lam), np.exp(-lam_next), eta)
    goal = lam_next if eta == 0 else np.minimum(lam_end, -np.log(down))
    return goal, np.sqrt(np.exp(-lam_next) ** 2 - np.exp(-goal) ** 2)


@walks(by_range=True)
def sample(denoise, x, sigmas, noise, *, eta=0.0, s_noise=1.0, last_steps="by_calls"):
    """Sample from sigmas[0] to sigmas[-1] with `denoise.steps` calls of the network; lambda = -log sigma (alpha = 1)."""
    orders = orders_of(denoise.steps, last_steps)
    lambdas = np.linspace(-np.log(sigmas[0]), -np.log(sigmas[-1]), len(orders) + 1, dtype=x.dtype)
    for i, order in enumerate(orders):

        def eps_at(state, level, i=i):
            return (state - denoise(state, np.exp(-level), i)) / np.exp(-level)

        lam = lambdas[i]
        goal, size = noisy_goal(lam, lambdas[i + 1], lambdas[-1], eta)
        h, eps = goal - lam, eps_at(x, lam)
        if order == 1:
            x = first_order(x, lam, h, eps)
        else:
            r = 1 / order  # r1 is 1/2 for order 2, 1/3 for order 3
            eps_1 = eps_at(first_order(x, lam, r * h, eps), lam + r * h)
            x = second_order(x, lam, h, eps, eps_1, r) if order == 2 else third_order(x, lam, h, eps, eps_at, eps_1)
        x = x + s_noise * size * noise(i)
    return x
