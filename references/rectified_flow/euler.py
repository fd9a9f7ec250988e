"""Euler for rectified flow, deterministic, first order: Liu et al. 2022 (arXiv 2209.03003).

Not to be confused with Stable Diffusion 3's or FLUX.1's Euler (sd3/euler, flux/denoise), whose time runs the other way and whose levels
are shifted.
"""

from trueto.references.card import Card, Promise

from .cases import STANDARD

CARD = Card(
    title="Rectified flow (Euler)",
    plain="""
Rectified flow teaches a neural network to walk in a straight line from noise to a picture, and then teaches it again on its own walks, so
that they become straighter still. A sampler then needs only a few steps, in the end a single one: each asks the network for the direction
and goes that way.

It is where the samplers of Stable Diffusion 3 and FLUX.1 come from. If a library told the network other times, pictures made in few
steps would change most.""",
    authors="Xingchao Liu, Chengyue Gong, Qiang Liu",
    year=2022,
    paper="Flow Straight and Fast: Learning to Generate and Transfer Data with Rectified Flow, arXiv 2209.03003",
    equations="path and velocity: equation 1; step: the forward Euler method with equal steps",
    function="ImageGeneration/sampling.py: get_rectified_flow_sampler",
    line=61,
    default_of="none: the code's default is an adaptive Runge-Kutta solver; this is `use_ode_sampler='euler'`, for few steps",
    promise=Promise(
        start="x = noise of variance one",
        grid="n equal steps of 1 / n from noise to data",
        update="one straight step along the predicted velocity, data - noise; the network is told 999 t, with t = 0.001 + 0.999 i / n",
        final_step="as any other, to the clean picture",
        noise="draws noise after each network call and multiplies it by zero, unless it is asked to be stochastic",
    ),
    code_and_paper=(
        "the paper tells the network the time of the step, i / n; the code squeezes the times told into [0.001, 1) and keeps steps of 1 "
        "/ n, so "
        "that the last one is told 0.999 / n short of the end instead of 1 / n"
    ),
    variants={"paper": {"told": "from_zero"}},
    no_counterpart={"diffusers": "its documentation names Stable Diffusion 3 as the origin of its flow-matching Euler scheduler"},
)
CASES = STANDARD
KNOBS = {"steps": ("equal", "between_levels")}  # how long a step is; between_levels: MONAI, whose levels are not even


def sample(velocity, x, levels, noise, steps="equal"):
    """Walk from noise to data in equal steps; `velocity` is towards noise (equation 1 with the sign turned), levels fall from 1 to 0."""
    n = len(levels) - 1
    for i in range(n):
        share = 1 / n if steps == "equal" else levels[i] - levels[i + 1]
        x = x - velocity(x, levels[i], i) * share
    return x
