"""Euler for flow matching, deterministic, first order: Esser et al. 2024 (arXiv 2403.03206), as Stability AI's reference code has it.

Not to be confused with Euler in sigma for variance exploding models (k_diffusion/euler), whose function this code borrows, or with Flux,
which takes the same steps on other levels.
"""

from trueto.references.card import Card, Promise

from .cases import STANDARD

CARD = Card(
    title="Stable Diffusion 3 (flow matching, Euler)",
    plain="""
Stable Diffusion 3 was taught to walk in a straight line from noise to a picture. At each step the sampler asks the neural network once
for the direction, and goes that way as far as the next noise level says. Most of the levels are spent where it is noisy: that is the
shift of 3, and large pictures need it.

It is how Stability AI's own reference code makes pictures with Stable Diffusion 3. If a library computed the levels differently, above all
the shift, the same prompt and seed would give another picture, often a flat or unfinished one.""",
    authors="Patrick Esser, Sumith Kulal, Andreas Blattmann and others; code by Stability AI",
    year=2024,
    paper="Scaling Rectified Flow Transformers for High-Resolution Image Synthesis, arXiv 2403.03206",
    equations="straight path: section 3; shift of the levels: equation 23; step: Euler, dx/ds = noise - x0",
    function="sd3_impls.py: sample_euler",
    line=149,
    default_of="Stable Diffusion 3 Medium (shift 3.0) in Stability AI's reference code, with 50 steps",
    promise=Promise(
        start="x = noise of variance one: at level 1 nothing of a picture is in it",
        grid=(
            "times in equal steps from 1000 to 1000 times the smallest level, each turned into a level by the shift. The smallest level is "
            "shifted already, so that the last one before 0 is shifted twice (0.0089 with shift 3)"
        ),
        update="one straight step along the predicted velocity; the network is told 1000 times the level",
        final_step="as any other, to exactly 0",
    ),
    code_and_paper=(
        "the paper shifts each time once; the code shifts the smallest level once in its table and again with the rest. The code also goes "
        "by way of the clean picture, x0 = x - s v and (x - x0) / s, which is the same but for rounding"
    ),
    variants={"paper": {"clean_end": "shifted_once"}},
)
CASES = STANDARD
KNOBS = {
    # renoised: the clean picture, buried under fresh noise again at each next level; diffusers' stochastic_sampling.
    # heun: a trial step, then the step again with the mean of the velocities at both ends, but to level 0 the trial step alone (Karras et
    # al. 2022, arXiv 2206.00364, algorithm 1); diffusers has it as a scheduler of its own.
    "step": ("euler", "renoised", "heun"),
    # How heun takes its slopes: by_clean, by way of the clean picture, (x - (x - s v)) / s, which rounds where s is small.
    "slope": ("velocity", "by_clean"),
}


def sample(velocity, x, levels, noise, *, step="euler", slope="velocity"):
    """Walk down the levels s from 1 to 0."""
    for i in range(len(levels) - 1):
        v, after = velocity(x, levels[i], i), levels[i + 1]
        if step == "renoised":
            x0 = x - levels[i] * v
            x = (1 - after) * x0 + after * noise(i)
        else:
            h, before, heun = after - levels[i], x, step == "heun"
            v = (x - (x - v * levels[i])) / levels[i] if heun and slope == "by_clean" else v
            x = before + h * v
            if heun and after > 0:
                end = velocity(x, after, i)
                end = (x - (x - end * after)) / after if slope == "by_clean" else end
                x = before + h * (v + end) / 2
    return x
