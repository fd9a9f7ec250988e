"""Multistep DPM-Solver and DPM-Solver++, deterministic, orders 1 to 3: Lu et al. 2022 (arXiv 2206.00927 and 2211.01095).

Not to be confused with the singlestep method, which calls the network inside a step and forgets the steps before.
"""

from trueto.references.asked import COUNTED
from trueto.references.card import Card, Promise

from .cases import THRESHOLD, uniform
from .frame import PREDICTION_KNOBS, Refused, walks

CARD = Card(
    title="DPM-Solver++ multistep",
    plain="""
DPM-Solver++ turns random noise into a picture in about 20 steps. At each step it asks the neural network once what the clean picture
looks like, and combines that answer with one or two from before to go further without losing accuracy. DPM-Solver, without the ++, does
the same with the network's answer about the noise.

Many models are used with its second order as released in diffusers (DPMSolverMultistepScheduler). If a library computed it
differently, the same prompt and seed would give another picture.""",
    authors="Cheng Lu, Yuhao Zhou, Fan Bao, Jianfei Chen, Chongxuan Li, Jun Zhu",
    year=2022,
    paper="DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models, arXiv 2211.01095; DPM-Solver, arXiv 2206.00927",
    equations="2211.01095, algorithm 2 (second order); first order: 2206.00927, DPM-Solver-1 (the same as DDIM)",
    function="dpm_solver_pytorch.py: DPM_Solver.sample",
    line=1047,
    default_of="the original's own default: order 2, DPM-Solver++, evenly spaced times",
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid=(
            "evenly spaced times, square roots of times, or half log-SNRs, from the noisiest training time to the cleanest; the network "
            "is told fractions of training times"
        ),
        update="order 1, 2, 3, 3, ... up to the order asked for, on the answers before; solver_type changes the second order only",
        final_step="ends at the level of the cleanest training time, not at 0; with fewer than 10 steps orders fall again to 2 and 1",
    ),
    code_and_paper=(
        "the documentation in the code says that orders fall at the end below 15 steps, the code does so below 10; the paper's algorithm "
        "does neither. For schedules whose half log-SNR falls below -5.1 (cosine) the noisiest times are left out, and the times told "
        "are still counted as if all were there. The third order takes the second derivative at half its weight, and so is as accurate "
        "as the second, with a smaller error"
    ),
    variants={"paper": {"lowered_below": "never"}, "third-order": {"curvature": "whole"}},
)
CASES = (
    uniform("order2-20", 20, quick=True),
    uniform("order2-9", 9, network="smooth", seed=1),
    uniform("order2-12", 12, network="smooth"),
    uniform("order2-taylor-15", 15, solver="taylor"),
    uniform("order2-noise-27", 27, noise=True, network="smooth"),
    uniform("order2-noise-taylor-9", 9, solver="taylor", noise=True),
    uniform("order3-9", 9, order=3),
    uniform("order3-20", 20, order=3, network="smooth"),
    uniform("order3-noise-10", 10, order=3, noise=True),
    uniform("order3-kept-7", 7, order=3, options={"lower_order_final": False}, network="smooth"),
    uniform("order1-1", 1, order=1),
    uniform("order2-2", 2, network="smooth"),
    uniform("order3-2", 2, order=3, layers=("schedule", "trajectory")),
    uniform("log-snr-order2-15", 15, grid="logSNR"),
    uniform("log-snr-order3-9", 9, order=3, grid="logSNR", network="smooth"),
    uniform("log-snr-noise-10", 10, noise=True, grid="logSNR", network="smooth"),
    uniform("quadratic-10", 10, grid="time_quadratic"),
    uniform("to-zero-9", 9, options={"denoise_to_zero": True}),
    uniform("threshold-9", 9, options=THRESHOLD),
    uniform("threshold-noise-9", 9, noise=True, options=THRESHOLD),
    uniform("v-9", 9, parameterization="v", network="smooth"),
    uniform("v-noise-12", 12, noise=True, parameterization="v"),
    uniform("x0-10", 10, parameterization="x0"),
    uniform("score-6", 6, parameterization="score"),
    uniform("guided-9", 9, guidance=7.5),
    uniform("linear-20", 20, schedule="linear", network="smooth"),
    uniform("cosine-15", 15, schedule="cosine", network="smooth"),
    uniform("order1-37", 37, order=1, network="smooth"),
)
KNOBS = {
    **PREDICTION_KNOBS,
    # With fewer steps than this the last two are of order 2 and 1 at most; always: refiners' last_step_first_order.
    "lowered_below": ("10", "15", "never", "always"),
    # How much of the second derivative enters at order 3. With half of it, as in the code, the method converges like one of second order.
    "curvature": ("half", "whole"),
    **COUNTED,
}


@walks()
def sample(
    predict, x, walk, *, order=2, solver_type="dpmsolver", lower_order_final=True, lowered_below="10", curvature="half", counted="left"
):
    """Walk through the points; `answers` are the predictions, newest first (2211.01095, algorithm 2, for order 2)."""
    steps, answers = len(walk) - 1, []
    count = steps if counted == "left" else predict.inputs.case.steps
    if steps < order:
        raise Refused("fewer steps than the order")
    for i in range(steps):
        answers = [predict(x, walk[i], i), *answers][:order]
        highest = len(answers)
        if lower_order_final and (lowered_below == "always" or (lowered_below != "never" and count < int(lowered_below))):
            highest = min(highest, steps - i)
        if walk[i + 1].sigma == 0:  # where only first order is defined
            highest = 1
        h = predict.length(walk[i], walk[i + 1])
        first = second = 0.0
        if highest >= 2:  # divided differences over the steps before, in units of this step
            r = predict.length(walk[i - 1], walk[i]) / h
            first = (answers[0] - answers[1]) / r
        if highest == 3:
            r_before = predict.length(walk[i - 2], walk[i - 1]) / h
            change = (first - (answers[1] - answers[2]) / r_before) / (r + r_before)
            first, second = first + r * change, change if curvature == "half" else 2 * change
        x = predict.advance(x, walk[i], walk[i + 1], answers[0], first, second, "taylor" if highest == 3 else solver_type)
    return x
