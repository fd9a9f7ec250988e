"""PLMS2, deterministic, linear multistep of second order: Liu et al. 2022 (S-PNDM, arXiv 2202.09778).

Not to be confused with PLMS, which is of fourth order, or with DPM-Solver++(2M), whose weights follow the sizes of the steps.
"""

from trueto.references.card import Card, Promise

from .cases import SHORT, small
from .frame import WEIGHTS, improved_euler, transfer

CARD = Card(
    title="PLMS2",
    plain="""
PLMS2 turns random noise into a picture in about 50 steps. The first step asks the neural network twice; each later step asks once and
extrapolates from the answer before it.

It is the cautious relative of PLMS: less accurate where all goes well, steadier where steps are long. If a library computed it
differently, the same prompt and seed would give another picture.""",
    authors="Luping Liu, Yi Ren, Zhijie Lin, Zhou Zhao; code by Katherine Crowson",
    year=2022,
    paper="Pseudo Numerical Methods for Diffusion Models on Manifolds, arXiv 2202.09778",
    equations="transfer: equation 9; multistep and start: the appendix on S-PNDM",
    function="diffusion/sampling.py: plms2_sample",
    line=259,
    default_of="`--method plms2`",
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid="whatever times it is given, then exactly 0; the scripts give the spliced schedule, which begins at t = 0.9957",
        update="one improved Euler step, whose mean slope enters the history; then second order with weights 3/2 and -1/2",
        final_step="as any other, down to exactly 0; a lone step asks the network at level 0",
    ),
    code_and_paper=(
        "the paper's authors' own code (luping-liu/PNDM) keeps the first of the two answers of the first step in the history; this code "
        "keeps their mean"
    ),
)
CASES = small(SHORT)
KNOBS = {
    "remembered": ("mean", "first"),  # which slope of the first step enters the history
}


def sample(predict, x, walk, noise, *, remembered="mean"):
    """Walk along the levels; `slopes` are the slopes so far as noise, newest first."""
    weights, divisor = WEIGHTS[2]
    slopes = []
    for i in range(len(walk) - 1):
        a, b = walk[i], walk[i + 1]
        if i == 0:
            slope, first = improved_euler(predict, x, a, b, i)
            slopes = [slope if remembered == "mean" else first]
        else:
            slopes = [predict(x, a, i), *slopes][:2]
            slope = sum(w * e for w, e in zip(weights, slopes, strict=True)) / divisor
        x = transfer(x, slope, a, b)
    return x
