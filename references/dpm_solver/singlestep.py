"""Singlestep DPM-Solver and DPM-Solver++ of mixed orders, deterministic: Lu et al. 2022 (arXiv 2206.00927, DPM-Solver-fast).

Not to be confused with singlestep_fixed, which takes all steps of one order, or with the multistep method.
"""

from trueto.references.asked import COUNTED
from trueto.references.card import Card, Promise

from .cases import THRESHOLD, uniform
from .frame import BOUND, walks

CARD = Card(
    title="DPM-Solver singlestep",
    plain="""
DPM-Solver turns random noise into a picture in about 10 to 20 calls of the neural network. A step of third order asks the network three
times, at the step's beginning and at two places inside it, and forgets everything afterwards. It is told how many calls there may be in
all, and uses up what a whole number of such steps would leave over with a shorter step of lower order at the end.

Its authors recommend it for pictures without a prompt. If a library computed it differently, the same seed would give another picture.""",
    authors="Cheng Lu, Yuhao Zhou, Fan Bao, Jianfei Chen, Chongxuan Li, Jun Zhu",
    year=2022,
    paper="DPM-Solver, arXiv 2206.00927; DPM-Solver++, arXiv 2211.01095",
    equations="2206.00927, algorithms 1 and 2 (second and third order), DPM-Solver-fast; 2211.01095, algorithm 1 (second order of the ++)",
    function="dpm_solver_pytorch.py: DPM_Solver.sample",
    line=1047,
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid=(
            "evenly spaced times, square roots of times, or half log-SNRs; the calls inside a step are spaced in the same way, and the "
            "network is told fractions of training times"
        ),
        update=(
            "third order: steps of three calls, then one of two and one of one, or one of one, or one of two, as n is divided by "
            "three; second order: steps of two calls, then one of one if n is odd. solver_type changes the last stage of a step only"
        ),
        final_step="ends at the level of the cleanest training time, not at 0",
    ),
    code_and_paper=(
        "the paper places the calls inside a step evenly in half log-SNR; the code does so on a log-SNR grid only, else it spaces them "
        "like the grid. For schedules whose half log-SNR falls below -5.1 (cosine) the noisiest times are left out, and the times told "
        "are still counted as if all were there"
    ),
)
CASES = (
    uniform("order3-20", 20, order=3, quick=True, network="smooth"),
    uniform("order3-9", 9, order=3),
    uniform("order3-10", 10, order=3, network="smooth", seed=1),
    uniform("order3-11", 11, order=3),
    uniform("order3-taylor-9", 9, order=3, solver="taylor", network="smooth"),
    uniform("order3-taylor-14", 14, order=3, solver="taylor"),
    uniform("order3-noise-10", 10, order=3, noise=True),
    uniform("order3-noise-taylor-11", 11, order=3, solver="taylor", noise=True, network="smooth"),
    uniform("order2-10", 10),
    uniform("order2-9", 9, network="smooth"),
    uniform("order2-taylor-27", 27, solver="taylor", network="smooth"),
    uniform("order2-noise-14", 14, noise=True, network="smooth"),
    uniform("order3-1", 1, order=3),
    uniform("order3-2", 2, order=3, network="smooth"),
    uniform("order2-2", 2),
    uniform("log-snr-order3-12", 12, order=3, grid="logSNR", noise=True),
    uniform("quadratic-order3-8", 8, order=3, grid="time_quadratic", network="smooth"),
    uniform("to-zero-order3-7", 7, order=3, options={"denoise_to_zero": True}),
    uniform("threshold-9", 9, options=THRESHOLD),
    uniform("v-10", 10, parameterization="v", network="smooth"),
    uniform("x0-9", 9, order=3, parameterization="x0", network="smooth"),
    uniform("guided-9", 9, order=3, guidance=7.5),
    uniform("cosine-9", 9, schedule="cosine", network="smooth"),
)
KNOBS = {
    **BOUND,
    # How calls make up steps. fixed: all of the order asked for, where n allows; split: the last step of `combined`, if it has two calls or
    # more, leaves its last call to a step of its own (which is of first order, and may end at 0).
    "groups": ("combined", "fixed", "split", "fixed_split"),
    "inner": ("taylor", "as_solver_type"),  # the weight of the first derivative at the third call of a step
    **COUNTED,
}


def group_sizes(n, order, groups=None):
    """How many calls each step takes together, n in all."""
    if groups in ("fixed", "fixed_split") and n % order == 0:
        sizes = [order] * (n // order)
    elif order == 3:
        rest = {0: [2, 1], 1: [1], 2: [2]}[n % 3]
        sizes = [3] * ((n - sum(rest)) // 3) + rest
    else:
        sizes = [order] * (n // order) + [1] * (n % order)
    if groups in ("split", "fixed_split") and sizes[-1] > 1:
        sizes[-1:] = [sizes[-1] - 1, 1]
    return sizes


def step(predict, x, points, i, solver_type, inner="taylor"):
    """One step through `points`, of as many calls as there are points before its end; 2206.00927, algorithms 1 and 2."""
    start, end = points[0], points[-1]
    now = predict(x, start, i)
    if len(points) == 2:
        return predict.advance(x, start, end, now)
    at_1 = predict(predict.advance(x, start, points[1], now), points[1], i + 1) - now
    h = predict.length(start, end)
    r_1 = predict.length(start, points[1]) / h
    if len(points) == 3:
        return predict.advance(x, start, end, now, at_1 / r_1, 0.0, solver_type)
    r_2 = predict.length(start, points[2]) / h
    x_2 = predict.advance(x, start, points[2], now, at_1 * r_2 / r_1, 0.0, "taylor" if inner == "taylor" else solver_type)
    at_2 = predict(x_2, points[2], i + 2) - now
    return predict.advance(x, start, end, now, *derivatives(at_1, at_2, r_1, r_2, solver_type))


def derivatives(at_1, at_2, r_1, r_2, solver_type):
    """First and second derivative over a step from the changes at r_1 and r_2 of it; `dpmsolver` takes the slope to the latter alone."""
    slope_1, slope_2 = at_1 / r_1, at_2 / r_2
    if solver_type == "dpmsolver":
        return slope_2, 0.0
    return (r_2 * slope_1 - r_1 * slope_2) / (r_2 - r_1), 2 * (slope_2 - slope_1) / (r_2 - r_1)


def remaining(sizes, calls):
    """The groups of a whole run that its last `calls` calls belong to; of the first one what is left of it."""
    ends = [sum(sizes[i:]) for i in range(len(sizes))]
    return [min(size, calls - end + size) for size, end in zip(sizes, ends, strict=True) if end - size < calls]


@walks(group_sizes)
def sample(predict, x, walk, *, order=2, solver_type="dpmsolver", groups="combined", inner="taylor", counted="left"):
    """Walk through the points in steps of several calls each."""
    i, calls = 0, len(walk) - 1
    asked = calls if counted == "left" else predict.inputs.case.steps
    for size in remaining(group_sizes(asked, order, groups), calls):
        x = step(predict, x, walk[i : i + size + 1], i, solver_type, inner)
        i += size
    return x
