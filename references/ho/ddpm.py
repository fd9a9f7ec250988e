"""DDPM as its authors sampled it: Ho, Jain, Abbeel 2020 (arXiv 2006.11239), algorithm 2, over every training time.

Not to be confused with the respaced DDPM of improved-diffusion and guided-diffusion, which visits fewer times and learns its variance.
"""

import numpy as np

from trueto.references.card import Card, Promise
from trueto.references.gaussian import clean_from_noise, posterior_mean

from .cases import LAYERS, TINY, chain

CARD = Card(
    title="DDPM, by its authors",
    plain="""
DDPM turns random noise into a picture in 1000 small steps. At each step it asks the neural network which part of the picture is noise,
works out what the clean picture looks like, moves a little towards it, and adds a little fresh noise.

It is the sampler with which diffusion models became known, and the ancestor of nearly all others. The amount of fresh noise is fixed, in
one of two ways. If a library computed it differently, the same noise would give another picture, and few steps in the wrong place show.""",
    authors="Jonathan Ho, Ajay Jain, Pieter Abbeel",
    year=2020,
    paper="Denoising Diffusion Probabilistic Models, arXiv 2006.11239",
    equations="step: algorithm 2; mean of the posterior: equation 7; clean estimate: equation 15; variances: section 3.2",
    function="diffusion_tf/diffusion_utils_2.py: GaussianDiffusion2.p_sample_loop",
    line=200,
    default_of="scripts/run_cifar.py: eps, fixedlarge, 1000 times, beta linear from 0.0001 to 0.02",
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid="every training time, from the last to 0",
        update="the posterior between neighbouring times, given the estimate of the clean picture, clipped to [-1, 1]",
        final_step="without noise, to alpha_bar = 1: the picture is the network's last answer, clipped",
        noise="one draw a step, after the network call; the last one is multiplied by zero but still drawn",
    ),
    code_and_paper=(
        "algorithm 2 puts the predicted noise into the mean (equation 11); the code estimates the clean picture first, so that it can clip "
        "it. Without clipping both are the same. Its scripts for CelebA-HQ and LSUN call diffusion_utils.py, which is not recorded"
    ),
    variants={"paper": {"clip": "never"}},
)
CASES = (
    chain("large-25", 25, "fixed_large", quick=True, layers=LAYERS),
    chain("small-40", 40, "fixed_small", network="smooth", seed=1),
    chain("large-50", 50, "fixed_large"),
    chain("small-100", 100, "fixed_small", shape=TINY),
    chain("quad-50", 50, "fixed_large", schedule="quad50", network="smooth", seed=1),
    chain("unclipped-40", 40, "fixed_small", options={"clip_denoised": False}, seed=1),
    chain("x0-25", 25, "fixed_small", parameterization="x0", network="smooth"),
    chain("previous-25", 25, "fixed_large", parameterization="x0", options={"mean": "previous_x"}, network="smooth"),
    chain("learned-25", 25, "learned", seed=1),
)
KNOBS = {
    # Precision of what is worked out from two levels. native: in that of the state, from rounded levels, as diffusers does. betas: from
    # rounded levels and the table's own rounded betas, MONAI.
    "coefficients": ("float64", "native", "betas"),
    "clip": ("asked", "never"),  # never: the paper
    "spread": ("asked", "small"),  # size of the fresh noise; small: denoising-diffusion-pytorch, the smaller of the two always
}


def sample(model, x, walk, noise, *, variance, clip_denoised=True, mean="x0", coefficients="float64", clip="asked", spread="asked"):
    """Walk down the levels from a = alpha_bar before to b = alpha_bar after each step."""
    variance = variance if spread == "asked" else "fixed_small"
    for i in range(len(walk)):
        a, b, alpha, beta = walk.step(i, coefficients)
        out, learned = model(x, i, learned=variance == "learned")
        if mean == "previous_x":  # the network says where the step goes; there is nothing to clip
            x_next = out
        else:
            x0 = out if model.kind == "x0" else clean_from_noise(x, out, a, coefficients)  # equation 15
            x0 = np.clip(x0, -1, 1) if clip_denoised and clip == "asked" else x0
            x_next = posterior_mean(x0, x, a, b, alpha, beta)  # equation 7
        if i < len(walk) - 1:  # algorithm 2, line 3: z = 0 in the last step
            x_next = x_next + np.exp(walk.log_variance(i, variance, learned, coefficients) / 2) * noise(i)
        x = x_next
    return x
