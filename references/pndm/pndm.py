"""F-PNDM, deterministic, fourth order: Liu et al. 2022 (PNDM, arXiv 2202.09778), algorithm 2.

Not to be confused with PLMS as CompVis has it, which starts with one improved Euler step in place of three Runge-Kutta steps.
"""

from trueto.references.card import Card, Promise
from trueto.references.vp import mean_slope, transfer

from .cases import STANDARD

CARD = Card(
    title="F-PNDM",
    plain="""
PNDM turns random noise into a picture in about 50 steps. For its first three steps it asks the neural network four times each, to start
precisely; from then on it asks once a step, and mixes the answer with the three before it in fixed proportions.

This is the code that its authors published. The sampler with which Stable Diffusion was released, PLMS, is its descendant. If a library
computed it differently, the same noise would give another picture.""",
    authors="Luping Liu, Yi Ren, Zhijie Lin, Zhou Zhao",
    year=2022,
    paper="Pseudo Numerical Methods for Diffusion Models on Manifolds, arXiv 2202.09778",
    equations="step: equation 9; multistep: equation 12; first three steps: equation 13; algorithm 2",
    function="runner/method.py: gen_order_4",
    line=87,
    default_of="this repository's main.py: --method F-PNDM, --sample_speed 50",
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid=(
            "every (1000 // n)-th training time, counted from 0, so that n that do not divide 1000 take more steps than asked (31 for 30); "
            "for n whose 1000 // n divides 999 (3, 9, 27, 36, 37, 101 to 111, 251 to 333, all above 500) an IndexError after one call"
        ),
        update=(
            "three Runge-Kutta steps of four network calls, then fourth order with one call a step; the times told halfway through a step "
            "need not be whole numbers, and the last of three or fewer steps tells times down to -1"
        ),
        final_step="as any other, down to the level of training time 0, which is not quite clean (alpha_bar 0.9999 with linear betas)",
    ),
    code_and_paper=(
        "the code's table of alpha_bar begins at training time 0 and is read one entry further than the time told to the network, so that "
        "the state at each call is slightly noisier than the network is told. The paper has one time for both; by its notation the last "
        "step ends at alpha_bar = 1 (our reading)"
    ),
    variants={"paper": {"level": "of_told_time", "final_alpha": "one"}},
)
CASES = STANDARD
KNOBS = {
    "startup": ("runge_kutta", "euler"),  # euler: orders 1, 2, 3 instead, as improved PNDM has it
    # How far a step goes, and half a step. calls: MONAI, which divides T by the network calls instead of the steps.
    "stride": ("visited", "calls"),
    "middle": ("one", "two"),  # where the middle is between two training times; two: diffusers, the noisier one first, then the cleaner
}


def runge_kutta(network, x, eps, walk, i, middle):
    """Mean slope of step i from four evaluations, of which `eps` is the first (equation 13)."""
    a, b = walk.before[i], walk.end[i]
    first_half = walk.upper[i] if middle == "two" else walk.lower[i]
    second = network(transfer(x, eps, a, first_half), walk.told_halfway[i], i)
    third = network(transfer(x, second, a, walk.lower[i]), walk.told_halfway[i], i)
    fourth = network(transfer(x, third, a, b), walk.told_end[i], i)
    return (eps + 2 * second + 2 * third + fourth) / 6


def sample(network, x, walk, noise, *, startup="runge_kutta", middle="one", stride="visited"):
    """Walk down the levels; `slopes` are the network's answers at the start of each step, newest first."""
    slopes, walk = [], walk if stride == "visited" else walk.by_calls()
    for i in range(len(walk)):
        eps = network(x, walk.told[i], i)
        slopes = [eps, *slopes][:4]
        slope = runge_kutta(network, x, eps, walk, i, middle) if i < 3 and startup == "runge_kutta" else mean_slope(slopes)
        x = transfer(x, slope, walk.before[i], walk.after[i])  # equation 9
    return x
