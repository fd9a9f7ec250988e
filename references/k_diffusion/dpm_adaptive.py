"""DPM-Solver-12 and -23, deterministic unless eta is given, with adaptive steps: Lu et al. 2022 (arXiv 2206.00927), appendix.

Not to be confused with DPM fast (dpm_fast), the same steps of a size fixed beforehand.
"""

import math

import numpy as np

from trueto.model import Case
from trueto.references.card import Card, Promise

from .dpm_fast import first_order, noisy_goal, second_order, third_order
from .frame import walks

CARD = Card(
    title="DPM adaptive",
    plain="""
DPM adaptive is not told how many steps to take. It takes each step twice, once more roughly and once more accurately, and compares: where
they agree it goes on with larger steps, where they do not it goes back and tries a smaller one.

It stops when the smallest noise level is reached, after some dozens of calls of the neural network. A library would have to make every
accept-or-retry decision alike to give the same picture.""",
    authors="Cheng Lu, Yuhao Zhou, Fan Bao, Jianfei Chen, Chongxuan Li, Jun Zhu; code and step control by Katherine Crowson",
    year=2022,
    paper="DPM-Solver: A Fast ODE Solver for Diffusion Probabilistic Model Sampling in Around 10 Steps, arXiv 2206.00927",
    equations="DPM-Solver-12 and DPM-Solver-23 with adaptive step size, in the appendix; r1 = 1/2, or r1 = 1/3 and r2 = 2/3",
    function="k_diffusion/sampling.py: sample_dpm_adaptive",
    line=494,
    promise=Promise(
        start="x = noise times the largest level, sigma_max",
        grid="chosen while sampling, in log sigma, from sigma_max to sigma_min",
        update="the higher of two orders (2 over 1, or 3 over 2) where both agree within atol and rtol over the whole batch",
        final_step="ends at sigma_min, not at 0",
        noise="one draw at the end of each accepted step, used only with eta above 0",
    ),
    code_and_paper=(
        "the paper accepts where the error is at most 1 and scales the step by 0.9 error^(-1/order); the code lets a PID controller, "
        "limited by an arctangent, propose a factor and accepts where that is at least 0.81. eta is the code's own"
    ),
    variants={"paper": {"controller": "paper"}},
    no_counterpart={"diffusers": "its documentation says N/A for DPM adaptive"},
)
# `steps` and `grid` of a case are not used here. From the default h_init of 0.05 the first errors are little more than float32 rounding,
# which the step sizes then follow: 3e-4 of the picture in the first case, more than may be judged on other networks, which start at 0.2.
# The levels follow the state here, so the times told to the network carry the rounding of the whole run.
CASES = (
    Case("order-3", 1, quick=True),
    Case("order-3-smooth", 1, network="smooth", seed=1, options={"h_init": 0.2}),
    Case("order-3-h-0.2", 1, seed=1, options={"h_init": 0.2}),
    Case("order-2", 1, options={"order": 2, "rtol": 0.1}),
    Case("order-2-smooth", 1, network="smooth", options={"order": 2, "rtol": 0.1}),
    Case("linear-order-2", 1, schedule="linear", options={"order": 2}),
    Case("v", 1, parameterization="v", seed=1, options={"h_init": 0.2}),
    Case("x0", 1, parameterization="x0", options={"h_init": 0.2}),
    Case("tight", 1, options={"rtol": 0.02, "atol": 0.002, "h_init": 0.2}),
    Case("pid", 1, options={"pcoeff": 0.2, "icoeff": 0.6, "dcoeff": 0.1, "accept_safety": 0.7, "h_init": 0.2}),
    Case("retry", 1, network="smooth", options={"h_init": 3.0}),
    Case("eta-1", 1, options={"eta": 1.0, "rtol": 0.2}),
    Case("eta-0.5", 1, network="smooth", seed=1, options={"eta": 0.5, "s_noise": 1.003, "rtol": 0.2}),
)
KNOBS = {"controller": ("pid", "paper")}


def pid_controller(order, pcoeff, icoeff, dcoeff, accept_safety):
    """A function error -> (accept, factor for the step size): the last three 1/error, weighted, and limited to 1 + arctan(. - 1)."""
    powers = ((pcoeff + icoeff + dcoeff) / order, -(pcoeff + 2 * dcoeff) / order, dcoeff / order)
    history = []  # 1/error of the last two accepted steps

    def judge(error):
        inverse = 1 / (error + 1e-8)
        history[:] = history or [inverse, inverse]
        product = math.prod(value**power for value, power in zip((inverse, *history), powers, strict=True))
        factor = 1 + math.atan(product - 1)
        accept = factor >= accept_safety
        if accept:
            history[:] = [inverse, history[0]]
        return accept, factor

    return judge


def paper_controller(order):
    """The rule of the paper: accept an error of at most 1, aim at 0.9 of the step that would have had it."""
    return lambda error: (error <= 1, 0.9 * max(error, 1e-8) ** (-1 / order))


def both_orders(x, lam, h, order, eps_at):
    """One step twice: (lower order, higher order), on the same calls of the network."""
    eps = eps_at(x, lam)
    r = 1 / order
    eps_1 = eps_at(first_order(x, lam, r * h, eps), lam + r * h)
    low_2 = second_order(x, lam, h, eps, eps_1, r)
    if order == 2:
        return first_order(x, lam, h, eps), low_2
    return low_2, third_order(x, lam, h, eps, eps_at, eps_1)


@walks(by_range=True, whole_batch=True)
def sample(
    denoise, x, sigmas, noise, *, order=3, rtol=0.05, atol=0.0078, h_init=0.05, pcoeff=0.0, icoeff=1.0, dcoeff=0.0,
    accept_safety=0.81, eta=0.0, s_noise=1.0, controller="pid",
):  # fmt: skip
    """Sample from sigmas[0] to sigmas[-1]; lambda = -log sigma (alpha = 1). The error is the RMS over the whole batch."""
    lam, end, h = -np.log(sigmas[0]), -np.log(sigmas[-1]), h_init
    exponent = 1.5 if eta > 0 else order
    judge = paper_controller(order) if controller == "paper" else pid_controller(exponent, pcoeff, icoeff, dcoeff, accept_safety)
    accepted = attempts = 0
    x_before = x
    while lam < end - 1e-5:

        def eps_at(state, level, attempt=attempts):
            return (state - denoise(state, np.exp(-level), attempt)) / np.exp(-level)

        lam_next = np.minimum(end, lam + x.dtype.type(h))
        goal, size = noisy_goal(lam, lam_next, end, eta)
        low, high = both_orders(x, lam, goal - lam, order, eps_at)
        allowed = np.maximum(atol, rtol * np.maximum(np.abs(low), np.abs(x_before)))
        accept, factor = judge(float(np.sqrt(np.mean(((low - high) / allowed) ** 2))))
        if accept:
            x_before, x, lam = low, high + s_noise * size * noise(accepted), lam_next
            accepted += 1
        attempts += 1
        h *= factor
    return x
