"""FLUX.1's sampler, Euler for flow matching, deterministic, first order; levels by Esser et al. 2024 (arXiv 2403.03206), equation 23.

Not to be confused with Stable Diffusion 3's (sd3/euler), which takes the same steps on other levels with one shift for all sizes.
"""

from trueto.references.card import Card, Promise

from .cases import STANDARD

CARD = Card(
    title="FLUX.1 (flow matching, Euler)",
    plain="""
FLUX.1 was taught to walk in a straight line from noise to a picture. At each step the sampler asks the neural network once for the
direction, and goes that way as far as the next noise level says. The larger the picture, the more of the steps are spent where it is noisy.

It is how Black Forest Labs' own code makes pictures with FLUX.1-dev (50 steps) and, without that shift, with FLUX.1-schnell (4 steps). If a
library computed the levels differently, the same prompt and seed would give another picture, most visibly with few steps.""",
    authors="Black Forest Labs; the shift of levels by Patrick Esser and others",
    year=2024,
    paper="Scaling Rectified Flow Transformers for High-Resolution Image Synthesis, arXiv 2403.03206 (FLUX.1 has none of its own)",
    equations="straight path: section 3; shift of the levels: equation 23 with the shift e^mu; step: Euler, dx/ds = noise - x0",
    function="src/flux/sampling.py: denoise",
    line=308,
    default_of="FLUX.1-dev (50 steps, shift by size) and FLUX.1-schnell (4 steps, no shift) in Black Forest Labs' code",
    promise=Promise(
        start="x = noise of variance one: at level 1 nothing of a picture is in it",
        grid=(
            "n + 1 levels in equal steps from 1 to 0; for dev shifted by e^mu, with mu linear in the number of tokens: 0.5 at 256 x 256 "
            "pixels, 1.15 at 1024 x 1024, and further on beyond"
        ),
        update="one straight step along the predicted velocity; the network is told the level itself",
        final_step="as any other, to exactly 0",
    ),
    code_and_paper=(
        "the paper gives the shift as the square root of the ratio of the sizes (equation 23); the code interpolates its logarithm "
        "linearly in the number of tokens"
    ),
)
CASES = STANDARD


def sample(velocity, x, levels, noise):
    """Walk down the levels s from 1 to 0."""
    for i in range(len(levels) - 1):
        x = x + (levels[i + 1] - levels[i]) * velocity(x, levels[i], i)
    return x
