"""UniPC with B(h) = h, deterministic, predictor and corrector of any order, multistep: Zhao et al. 2023 (arXiv 2302.04867).

Not to be confused with bh2, B(h) = exp(h) - 1, from which it differs only where a lone weight is 1 / 2: orders 1 and 2.
"""

from trueto.references.card import Card, Promise

from .cases import OTHER_GRIDS, STANDARD
from .frame import STEP_KNOBS, bh_weights, multistep

CARD = Card(
    title="UniPC (bh1)",
    plain="""
UniPC turns random noise into a picture in 5 to 20 steps: it guesses the next picture from the network's answers so far, asks the
network once about that guess, and repeats the step better with the answer. This is the form with the simplest weights, the default
of its authors' code.

diffusers' documentation recommends it for pictures made without a prompt in fewer than ten steps. If a library computed it
differently, the same seed would give another picture.""",
    authors="Wenliang Zhao, Lujia Bai, Yongming Rao, Jie Zhou, Jiwen Lu; the code builds on Cheng Lu's DPM-Solver",
    year=2023,
    paper="UniPC: A Unified Predictor-Corrector Framework for Fast Sampling of Diffusion Models, arXiv 2302.04867",
    equations="UniC-p and UniP-p (algorithms 1 and 2), weights by theorem 3.1, B(h) = h",
    function="uni_pc.py: UniPC.sample",
    line=590,
    default_of="the original's own default (variant='bh1', order 2)",
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid="n + 1 times, even from 999 to 0 (or in their square root, or in the log-SNR), fractions included",
        update="as bh2 with another B(h), which matters only for a lone weight: predictor of order 2, corrector of order 1",
        final_step="lower order towards the end unless switched off, never corrected, down to the level of training time 0",
    ),
    code_and_paper="no difference known; with fewer steps than the order the code raises AssertionError",
)
CASES = (*STANDARD, *OTHER_GRIDS)
KNOBS = {**STEP_KNOBS}


def weights(ratios, hh, *, corrects):
    """B(h) a_m with B(h) = h, for predictor and corrector alike."""
    return bh_weights(ratios, hh, hh)


def sample(predict, x, walk, *, solver_order=2, lower_order_final=True):
    """Walk down the levels; all of UniPC's variants share the loop and differ in the weights."""
    return multistep(predict, x, walk, weights, solver_order, lower_order_final=lower_order_final)
