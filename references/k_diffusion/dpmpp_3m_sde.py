"""DPM-Solver++(3M) SDE, stochastic, third order, multistep: DPM++ 2M SDE with one more step of history (Katherine Crowson, 2023).

Not to be confused with DPM++ 2M SDE (dpmpp_2m_sde), or with DPM-Solver++ of order 3, which adds no noise.
"""

import numpy as np

from trueto.references.card import Card, Promise

from .cases import ETA, OTHER_GRIDS, STANDARD

CARD = Card(
    title="DPM++ 3M SDE",
    plain="""
DPM++ 3M SDE is DPM++ 2M SDE with a longer memory: each step uses the neural network's answer together with those from the two steps before,
to follow the curve of its answers more closely. Fresh noise is added on the way.

It asks the network once a step, and needs more steps than DPM++ 2M SDE to become stable. If a library computed it differently, or drew its
noise otherwise, the same seed would give another picture.""",
    authors="Katherine Crowson, after Cheng Lu, Yuhao Zhou, Fan Bao, Jianfei Chen, Chongxuan Li, Jun Zhu",
    year=2023,
    paper="none of its own; it extends SDE-DPM-Solver++(2M) of arXiv 2211.01095",
    equations="arXiv 2211.01095, SDE-DPM-Solver++ in the section on diffusion SDEs, expanded to third order with phi_2 and phi_3",
    function="k_diffusion/sampling.py: sample_dpmpp_3m_sde",
    line=656,
    promise=Promise(
        start="x = noise times the largest level, sigma_max",
        grid="whatever levels it is given; the released models' own levels, or Karras levels, ending in exactly 0",
        update="the reverse SDE in log sigma: first order in step 1, second in step 2 (as solver_type 'heun'), third from then on",
        final_step="the picture is the network's last answer",
        noise="one Brownian increment a step but the last, over the step's sigma interval; none at eta = 0",
    ),
    code_and_paper="the paper stops at second order for SDEs and has eta = 1 only. A single step raises UnboundLocalError in the code",
    no_counterpart={"diffusers": "its documentation names no scheduler as DPM++ 3M SDE"},
)
CASES = (*STANDARD, *OTHER_GRIDS, *ETA)
KNOBS = {
    "second_step": ("heun", "midpoint"),  # the weight of the correction where there is one step of history
    # 1/2 in phi_3 = (exp(-r) - 1 + r) / r^2 - 1/2: with the other sign the third-order term is not small any more.
    "third_order_half": ("subtracted", "sign_lost"),
    # Order-lowering in short runs: the last step but one second, a last step that does not end at 0 first order.
    "last_steps": ("third_order", "lowered_below_15"),
}


def sample(denoise, x, sigmas, noise, *, eta=1.0, s_noise=1.0, second_step="heun", third_order_half="subtracted", last_steps="third_order"):
    """Sample from sigmas[0] to sigmas[-1]; h is a step in lambda = -log sigma (alpha = 1)."""
    steps = len(sigmas) - 1
    lowering = last_steps == "lowered_below_15" and steps < 15
    answers, lambdas = [], -np.log(np.where(sigmas > 0, sigmas, 1))
    for i in range(steps):
        answers = [denoise(x, sigmas[i], i), *answers][:3]
        if sigmas[i + 1] == 0:
            return answers[0]
        h = lambdas[i + 1] - lambdas[i]
        reach = (1 + eta) * h
        order = min(len(answers), max(steps - i, 1) if lowering else 3)
        x = np.exp(-reach) * x - np.expm1(-reach) * answers[0]
        phi_2 = np.expm1(-reach) / reach + 1
        if order == 2:
            share = -np.expm1(-reach) / 2 if second_step == "midpoint" else phi_2
            x = x + share * (answers[0] - answers[1]) * h / (lambdas[i] - lambdas[i - 1])
        elif order == 3:
            # Newton's divided differences of the last three answers, in units of this step
            r_0, r_1 = (lambdas[i] - lambdas[i - 1]) / h, (lambdas[i - 1] - lambdas[i - 2]) / h
            first, before = (answers[0] - answers[1]) / r_0, (answers[1] - answers[2]) / r_1
            second = (first - before) / (r_0 + r_1)
            phi_3 = phi_2 / reach - 0.5
            x = x + phi_2 * (first + r_0 * second) - (phi_3 if third_order_half == "subtracted" else phi_3 + 1) * second
        if eta > 0:
            x = x + s_noise * sigmas[i + 1] * np.sqrt(-np.expm1(-2 * eta * h)) * noise(i)
    return x
