"""PIE, deterministic, second order, two network calls a step: the improved Euler step of Liu et al. 2022 (S-PNDM, arXiv 2202.09778).

Not to be confused with Heun's method in sigma (Karras et al. 2022), whose steps are not DDIM transfers.
"""

from trueto.references.card import Card, Promise

from .cases import SHORT, small
from .frame import improved_euler, transfer

CARD = Card(
    title="PIE",
    plain="""
PIE turns random noise into a picture by asking the neural network twice a step, at its beginning and at its end, and going along the
mean of the two answers.

It is used to start the second-order multistep sampler, and can be used on its own. If a library computed it differently, the same prompt
and seed would give another picture.""",
    authors="Luping Liu, Yi Ren, Zhijie Lin, Zhou Zhao; code by Katherine Crowson",
    year=2022,
    paper="Pseudo Numerical Methods for Diffusion Models on Manifolds, arXiv 2202.09778",
    equations="transfer: equation 9; step: the appendix on S-PNDM",
    function="diffusion/sampling.py: pie_sample",
    line=244,
    default_of="`--method pie`",
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid="whatever times it is given, then exactly 0; the scripts give the spliced schedule, which begins at t = 0.9957",
        update="the mean of the predicted noise at both ends of the step, carried by a DDIM step",
        final_step="as any other, with one call of the network at level 0",
    ),
    code_and_paper="none known to us in the step; the paper uses it for the first step only",
)
CASES = small(SHORT)
KNOBS = {
    "second_call": ("used", "ignored"),  # ignored: plain DDIM, which still asks twice
}


def sample(predict, x, walk, noise, *, second_call="used"):
    """Walk along the levels."""
    for i in range(len(walk) - 1):
        mean, first = improved_euler(predict, x, walk[i], walk[i + 1], i)
        x = transfer(x, mean if second_call == "used" else first, walk[i], walk[i + 1])
    return x
