"""PLMS with a Runge-Kutta start, deterministic, fourth order: Liu et al. 2022 (F-PNDM, arXiv 2202.09778).

Not to be confused with IPLMS, which rises from order one, or with CompVis' PLMS, which starts with one improved Euler step.
"""

from trueto.references.card import Card, Promise

from .cases import SHORT, small
from .frame import WEIGHTS, runge_kutta, transfer

CARD = Card(
    title="PLMS with a Runge-Kutta start",
    plain="""
PLMS turns random noise into a picture in about 50 steps. The first three steps ask the neural network four times each, to begin
accurately; every later step asks once and mixes that answer with the three before it in fixed proportions.

It is what the scripts of this repository use unless told otherwise, and what the paper calls F-PNDM. Stable Diffusion's PLMS descends from
it, with a cheaper start. If a library computed it differently, the same prompt and seed would give another picture.""",
    authors="Luping Liu, Yi Ren, Zhijie Lin, Zhou Zhao; code by Katherine Crowson",
    year=2022,
    paper="Pseudo Numerical Methods for Diffusion Models on Manifolds, arXiv 2202.09778",
    equations="transfer: equation 9; multistep: equation 12; start: equation 13; together: algorithm 2",
    function="diffusion/sampling.py: plms_sample",
    line=204,
    default_of="cfg_sample.py (`--method plms` is its default, with 50 steps)",
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid="whatever times it is given, then exactly 0; the scripts give the spliced schedule, which begins at t = 0.9957",
        update="three Runge-Kutta steps of four network calls, whose mean slopes enter the history; then fourth order with one call",
        final_step="as any other, down to exactly 0; in runs of three steps or fewer the last one asks the network at level 0",
    ),
    code_and_paper=(
        "the paper's authors' own code (luping-liu/PNDM) keeps the first of the four answers of a Runge-Kutta step in the history; this "
        "code keeps their mean"
    ),
)
CASES = small(SHORT)
KNOBS = {
    "remembered": ("mean", "first"),  # which slope of a Runge-Kutta step enters the history
}


def sample(predict, x, walk, noise, *, remembered="mean"):
    """Walk along the levels; `slopes` are the slopes so far as noise, newest first."""
    weights, divisor = WEIGHTS[4]
    slopes = []
    for i in range(len(walk) - 1):
        a, b = walk[i], walk[i + 1]
        if i < 3:
            slope, first = runge_kutta(predict, x, a, b, i)
            slopes = [slope if remembered == "mean" else first, *slopes]
        else:
            slopes = [predict(x, a, i), *slopes][:4]
            slope = sum(w * e for w, e in zip(weights, slopes, strict=True)) / divisor
        x = transfer(x, slope, a, b)
    return x
