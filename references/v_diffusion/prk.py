"""PRK, deterministic, fourth order, four network calls a step: Liu et al. 2022 (arXiv 2202.09778), equation 13.

Not to be confused with PLMS, which uses these steps only to begin, or with a plain Runge-Kutta method, which does not carry the state along
the paper's transfer.
"""

from trueto.references.card import Card, Promise

from .cases import SHORT, small
from .frame import runge_kutta, transfer

CARD = Card(
    title="PRK",
    plain="""
PRK turns random noise into a picture with great care: each step asks the neural network four times, at its beginning, twice in its middle
and at its end, and goes along a mean of the answers. It is slow and accurate.

It is used to start other samplers, and can be used on its own. If a library computed it differently, the first steps of every sampler
that starts with it would change, and with them the picture.""",
    authors="Luping Liu, Yi Ren, Zhijie Lin, Zhou Zhao; code by Katherine Crowson",
    year=2022,
    paper="Pseudo Numerical Methods for Diffusion Models on Manifolds, arXiv 2202.09778",
    equations="transfer: equation 9; step: equation 13",
    function="diffusion/sampling.py: prk_sample",
    line=189,
    default_of="`--method prk`",
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid="whatever times it is given, then exactly 0; the scripts give the spliced schedule, which begins at t = 0.9957",
        update="classical fourth-order Runge-Kutta weights 1, 2, 2, 1 on the predicted noise, carried by DDIM steps",
        final_step="as any other, with one call of the network at level 0",
    ),
    code_and_paper="none known to us in the step; the paper uses it for the first three steps only",
)
CASES = small(SHORT)
KNOBS = {
    "weights": ("classical", "equal"),  # of the four answers; equal: a fault for the tests to catch
}


def sample(predict, x, walk, noise, *, weights="classical"):
    """Walk along the levels."""
    for i in range(len(walk) - 1):
        slope, _ = runge_kutta(predict, x, walk[i], walk[i + 1], i, weights)
        x = transfer(x, slope, walk[i], walk[i + 1])
    return x
