"""DPM-Solver-12 and -23, deterministic, with adaptive steps: Lu et al. 2022 (arXiv 2206.00927, appendix).

Not to be confused with k-diffusion's dpm_adaptive, whose steps are chosen by another rule and end elsewhere.
"""

import numpy as np

from trueto.references.card import Card, Promise

from .cases import uniform
from .frame import walks
from .singlestep import derivatives

CARD = Card(
    title="DPM-Solver adaptive",
    plain="""
Adaptive DPM-Solver is not told how many steps to take. It takes each step twice, once more roughly and once more accurately, and
compares: where they agree it goes on with a larger step, where they do not it goes back and tries a smaller one.

It stops when the smallest noise level is reached. A library would have to make every accept-or-retry decision alike to give the
same picture.""",
    authors="Cheng Lu, Yuhao Zhou, Fan Bao, Jianfei Chen, Chongxuan Li, Jun Zhu",
    year=2022,
    paper="DPM-Solver, arXiv 2206.00927",
    equations="DPM-Solver-12 and DPM-Solver-23 with adaptive step size, in the appendix; r1 = 1/2, or r1 = 1/3 and r2 = 2/3",
    function="dpm_solver_pytorch.py: DPM_Solver.dpm_solver_adaptive",
    line=956,
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid="chosen while sampling, in half log-SNR, from the noisiest training time to within 1e-5 of the cleanest",
        update=(
            "the higher of two orders (2 over 1, or 3 over 2), where the worst picture of the batch has an error of at most 1 in units "
            "of atol and rtol; the next step is 0.9 error^(-1/order) times as long"
        ),
        final_step="ends at the level of the cleanest training time, not at 0",
    ),
    no_counterpart={"diffusers": "has no scheduler with adaptive steps"},
)
# `steps` and `grid` of a case are not used. The first step size is 0.05 whatever one says, so small that rounding enters the first error
# and with it the steps; the cases are such that this stays small and both precisions decide alike. Times follow the state here, and their
# floor is how far one float32 run is from float64, which by chance can be far less than their rounding: such cases are left out too.
SHAPE = (2, 4, 4, 3)
LOOSE, LOOSER = {"rtol": 0.2}, {"rtol": 0.5}
CASES = (
    uniform("order3", 1, order=3, shape=SHAPE, schedule="linear", options=LOOSE, quick=True),
    uniform("order3-taylor", 1, order=3, shape=SHAPE, solver="taylor", seed=1, options=LOOSER),
    uniform("order3-noise", 1, order=3, shape=SHAPE, noise=True, network="smooth", options=LOOSE),
    uniform("order2", 1, shape=SHAPE, options=LOOSE),
    uniform("order2-noise-taylor", 1, shape=SHAPE, noise=True, solver="taylor"),
    uniform("order2-to-zero", 1, shape=SHAPE, options={"rtol": 0.5, "denoise_to_zero": True}),
    uniform("v", 1, shape=SHAPE, parameterization="v", network="smooth", seed=1, options=LOOSER),
)
CLOSE = 1e-5  # of the end, in time


def both_orders(predict, x, start, end, between, order, solver_type, attempt):
    """One step twice, on the same calls of the network: (lower order, higher order). `between` maps a part of the step to its point."""
    now = predict(x, start, attempt)
    r_1, r_2 = 1 / order, 2 / order
    first = between(r_1)
    at_1 = predict(predict.advance(x, start, first, now), first, attempt) - now
    second_order = predict.advance(x, start, end, now, at_1 / r_1, 0.0, solver_type)
    if order == 2:
        return predict.advance(x, start, end, now), second_order
    second = between(r_2)
    at_2 = predict(predict.advance(x, start, second, now, at_1 * r_2 / r_1), second, attempt) - now
    return second_order, predict.advance(x, start, end, now, *derivatives(at_1, at_2, r_1, r_2, solver_type))


@walks(whole_batch=True, by_itself=True)
def sample(predict, x, walk, levels, *, order=2, solver_type="dpmsolver", atol=0.0078, rtol=0.05):
    """Sample between the two ends of `walk`."""
    start, last = walk
    t, t_last = (x.dtype.type(end) for end in levels.ends)
    number = x.dtype.type
    h = number(0.05)
    x_before, attempt = x, 0
    while abs(t - t_last) > CLOSE:

        def between(part, lam=start.lam, length=h):
            return levels.point(levels.chosen_time(lam + number(part) * length))

        t_next = levels.chosen_time(start.lam + h)
        end = levels.point(t_next)
        low, high = both_orders(predict, x, start, end, between, order, solver_type, attempt)
        allowed = np.maximum(atol, rtol * np.maximum(np.abs(low), np.abs(x_before)))
        error = np.sqrt((((high - low) / allowed) ** 2).reshape(len(x), -1).mean(axis=1)).max()
        if error <= 1:
            x_before, x, t, start = low, high, t_next, end
        h = np.minimum(number(0.9) * h * error ** number(-1 / order), last.lam - start.lam)
        attempt += 1
    return x
