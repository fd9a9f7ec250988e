"""Singlestep DPM-Solver and DPM-Solver++ of one order throughout, deterministic: Lu et al. 2022 (arXiv 2206.00927, algorithms 1 and 2).

Not to be confused with singlestep, which uses up the calls that are left over with steps of lower order.
"""

from trueto.references.card import Card, Promise

from .cases import uniform
from .frame import BOUND, walks
from .singlestep import group_sizes, step

CARD = Card(
    title="DPM-Solver singlestep, fixed order",
    plain="""
The same as DPM-Solver singlestep, but every step is of the same order, down to the last. If the number of calls that was asked for does not
divide by the order, those left over are not made, and the steps are a little longer instead.

It is what the theorems about the solver speak of. If a library computed it differently, the same seed would give another picture.""",
    authors="Cheng Lu, Yuhao Zhou, Fan Bao, Jianfei Chen, Chongxuan Li, Jun Zhu",
    year=2022,
    paper="DPM-Solver, arXiv 2206.00927; DPM-Solver++, arXiv 2211.01095",
    equations="2206.00927, algorithms 1 and 2; 2211.01095, algorithm 1",
    function="dpm_solver_pytorch.py: DPM_Solver.sample",
    line=1047,
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid="as singlestep, over n // order steps",
        update="each step is of the order asked for, with as many calls of the network",
        final_step="as any other, down to the level of the cleanest training time",
    ),
    code_and_paper="the paper places the calls inside a step evenly in half log-SNR; the code spaces them like the grid",
)
CASES = (
    uniform("order3-9", 9, order=3, quick=True),
    uniform("order3-15", 15, order=3, network="smooth", seed=1),
    uniform("order3-taylor-12", 12, order=3, solver="taylor", network="smooth"),
    uniform("order3-noise-taylor-9", 9, order=3, solver="taylor", noise=True),
    uniform("order3-11", 11, order=3, network="smooth"),
    uniform("order2-10", 10),
    uniform("order2-noise-14", 14, noise=True, network="smooth"),
    uniform("order2-7", 7),
    uniform("order1-3", 3, order=1),
    uniform("log-snr-order3-9", 9, order=3, grid="logSNR", network="smooth"),
    uniform("quadratic-order2-8", 8, grid="time_quadratic"),
    uniform("to-zero-order2-6", 6, options={"denoise_to_zero": True}),
)
KNOBS = {
    **BOUND,
    "groups": ("fixed", "combined", "split", "fixed_split"),  # as for singlestep; all others make the calls that `fixed` leaves out
    "inner": ("taylor", "as_solver_type"),
}


def fixed_sizes(n, order, groups=None):
    """Steps of equal order; calls beyond a whole number of them are left out."""
    return [order] * (n // order) if groups in (None, "fixed") else group_sizes(n, order, groups)


@walks(fixed_sizes)
def sample(predict, x, walk, *, order=2, solver_type="dpmsolver", groups="fixed", inner="taylor"):
    """Walk through the points in steps of several calls each."""
    i = 0
    for size in fixed_sizes(len(walk) - 1, order, groups):
        x = step(predict, x, walk[i : i + size + 1], i, solver_type, inner)
        i += size
    return x
