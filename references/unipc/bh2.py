"""UniPC with B(h) = exp(h) - 1, deterministic, predictor and corrector of any order, multistep: Zhao et al. 2023 (arXiv 2302.04867).

Not to be confused with DPM-Solver++(2M), which is its predictor of order 2 without the corrector, up to the weights.
"""

import numpy as np

from trueto.references.card import Card, Promise

from .cases import MORE, STANDARD
from .frame import STEP_KNOBS, bh_weights, multistep

CARD = Card(
    title="UniPC (bh2)",
    plain="""
UniPC turns random noise into a picture in 5 to 20 steps. At each step it first guesses the next picture from the network's answers so far
(the predictor), asks the network once about that guess, and then uses the answer to repeat the same step better (the corrector). The
answer is kept for the next step, so that the correction costs nothing.

It is one of the samplers with which web interfaces make a picture in very few steps. If a library computed it differently,
the same prompt and seed would give another picture: slightly other textures after a rounding-sized change, another after a real one.""",
    authors="Wenliang Zhao, Lujia Bai, Yongming Rao, Jie Zhou, Jiwen Lu; the code builds on Cheng Lu's DPM-Solver",
    year=2023,
    paper="UniPC: A Unified Predictor-Corrector Framework for Fast Sampling of Diffusion Models, arXiv 2302.04867",
    equations="UniC-p and UniP-p (algorithms 1 and 2), weights by theorem 3.1, B(h) = exp(h) - 1",
    function="uni_pc.py: UniPC.sample",
    line=590,
    default_of="diffusers' UniPCMultistepScheduler (solver_type bh2, order 2); the original's own default is bh1",
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid="n + 1 times, even from 999 to 0 (or in their square root, or in the log-SNR), fractions included",
        update=(
            "order 1, 2, ... up to the one asked for, each step predicted, then corrected with the network's answer at the predicted "
            "point; x is not corrected again with the answer at the corrected point"
        ),
        final_step=(
            "lower order towards the end (1 in the last step) unless switched off, never corrected, down to the level of training time 0, "
            "which is not quite clean; with denoise_to_zero one more call, whose clean sample is the picture"
        ),
    ),
    code_and_paper="no difference known; with fewer steps than the order the code raises AssertionError",
)
CASES = (*STANDARD, *MORE)
KNOBS = {**STEP_KNOBS}


def weights(ratios, hh, *, corrects):
    """B(h) a_m with B(h) = exp(h) - 1, for predictor and corrector alike."""
    return bh_weights(ratios, hh, np.expm1(hh))


def sample(predict, x, walk, *, solver_order=2, lower_order_final=True):
    """Walk down the levels; all of UniPC's variants share the loop and differ in the weights."""
    return multistep(predict, x, walk, weights, solver_order, lower_order_final=lower_order_final)
