"""UniPC with varying coefficients (UniPC_v), deterministic, multistep: Zhao et al. 2023 (arXiv 2302.04867), appendix on UniPC_v.

Not to be confused with bh1 and bh2, whose weights follow from a function B(h).
"""

import numpy as np

from trueto.references.card import Card, Promise

from .cases import OTHER_GRIDS, STANDARD
from .frame import STEP_KNOBS, exponential_integrals, multistep

CARD = Card(
    title="UniPC_v (vary_coeff)",
    plain="""
UniPC turns random noise into a picture in 5 to 20 steps: it guesses the next picture from the network's answers so far, asks the
network once about that guess, and repeats the step better with the answer. This form takes its weights from the step sizes alone.

It is a third variant in its authors' code. As that code stands, its corrector leaves out a part of the answers, so that it
is not what the paper describes; a library that follows the paper would give another picture from the same seed.""",
    authors="Wenliang Zhao, Lujia Bai, Yongming Rao, Jie Zhou, Jiwen Lu; the code builds on Cheng Lu's DPM-Solver",
    year=2023,
    paper="UniPC: A Unified Predictor-Corrector Framework for Fast Sampling of Diffusion Models, arXiv 2302.04867",
    equations="UniPC_v in the appendix: the weights are rows of the inverse of C, whose column k is ratios^(k - 1) / k!",
    function="uni_pc.py: UniPC.sample with variant='vary_coeff'",
    line=590,
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid="n + 1 times, even from 999 to 0 (or in their square root, or in the log-SNR), fractions included",
        update=(
            "as bh2 with other weights; from order 2 on the corrector omits the last row of weights, and weighs the newest answer with "
            "the row before the last alone"
        ),
        final_step="lower order towards the end unless switched off, never corrected, down to the level of training time 0",
    ),
    code_and_paper=(
        "the weights of a Taylor expansion are the sum over all rows of the inverse; the code's corrector sums the rows but the last, and "
        "gives the newest answer the second last row's weight with the last row's integral"
    ),
    variants={"paper": {"corrector": "all_rows"}},
)
CASES = (*STANDARD, *OTHER_GRIDS)
KNOBS = {
    **STEP_KNOBS,
    "corrector": ("as_coded", "all_rows"),  # all_rows: what the expansion asks for
}


def expansion(ratios, hh):
    """Row k: what each divided difference adds to the k-th term of the expansion, times h phi_{k + 1}(h)."""
    count = len(ratios)
    columns = ratios[:, None] ** np.arange(count, dtype=ratios.dtype) / np.cumprod(np.arange(1, count + 1)).astype(ratios.dtype)
    return np.linalg.inv(columns), exponential_integrals(hh, count)


def sample(predict, x, walk, *, solver_order=2, lower_order_final=True, corrector="as_coded"):
    """Walk down the levels; all of UniPC's variants share the loop and differ in the weights."""

    def weights(ratios, hh, *, corrects):
        rows, integrals = expansion(ratios, hh)
        summed = integrals @ rows
        if not corrects or len(ratios) == 1 or corrector == "all_rows":
            return summed
        return np.append(integrals[:-1] @ rows[:-1, :-1], integrals[-1] * rows[-2, -1])

    return multistep(predict, x, walk, weights, solver_order, lower_order_final=lower_order_final)
