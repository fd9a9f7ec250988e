"""GLIDE's sampler, DDPM with learned variance and classifier-free guidance: Nichol et al. 2021 (arXiv 2112.10741).

Not to be confused with guided-diffusion's, which guides with a classifier; the step is the same.
"""

import numpy as np

from trueto.references.card import Card, Promise
from trueto.references.gaussian import COEFFICIENTS, clean_from_noise, gradient, known_part, posterior_mean

from .cases import RAISES, base, upsampler

CARD = Card(
    title="GLIDE's DDPM",
    plain="""
GLIDE's sampler turns random noise into a small picture of a text in 100 steps. At each step it asks the neural network twice, with the text
and without, goes further in the direction of the text, moves towards the clean picture that follows from it, and adds a
little fresh noise, as much as the network says.

GLIDE was the first large text-to-image model of this kind that was released; unCLIP and IF are sampled in the same way. A library that took
the amount of noise from the answer without the text, or clipped at another place, would give another picture.""",
    authors="Alex Nichol, Prafulla Dhariwal, Aditya Ramesh and others; code by OpenAI",
    year=2021,
    paper="GLIDE: Towards Photorealistic Image Generation and Editing with Text-Guided Diffusion Models, arXiv 2112.10741",
    equations="guidance: section 2.3; step: Ho et al. 2020, arXiv 2006.11239, equation 7; variance: 2102.09672, equation 15",
    function="glide_text2im/gaussian_diffusion.py: GaussianDiffusion.p_sample_loop",
    line=357,
    default_of="GLIDE (filtered): base model with 100 steps and guidance 3 in its notebook; its upsampler for inpainting ('fast27')",
    promise=Promise(
        start="x = noise of variance one, unscaled; the notebook's upsampler multiplies it by 0.997",
        grid=(
            "'N': n times from 0 to 999, evenly, rounded half to even; 'fast27': 10, 10, 3, 2 and 2 times in five sections, and the "
            "last, 999, replaced by 997; 'A,B,C': a spacing for each section. One step alone is an IndexError"
        ),
        update=(
            "the posterior between two visited times, given the guided estimate of the clean picture, clipped to [-1, 1]; the variance is "
            "read from the answer with the text; a known part of the picture is put into the estimate before it is clipped"
        ),
        final_step="without noise, to alpha_bar = 1: the picture is the network's last answer, clipped",
        noise="one draw a step, after the network call, for twice the batch where there is guidance; the last one is multiplied by zero",
    ),
)
CASES = (
    base("base-50", 50, guidance=3.0, quick=True),
    base("base-20", 20),
    base("base-ddim-20", 20, grid="ddim", guidance=5.0, network="smooth", seed=1),
    upsampler("fast27", 27, grid="fast27", options={"temperature": 0.997}, quick=True),
    upsampler("guided-25", 25, guidance=3.0, network="smooth", layers=("schedule", "start", "update", "trajectory")),
    upsampler("unclipped-15", 15, options={"clip_denoised": False}),
    upsampler("spaced-28", 28, network="smooth", seed=1),
    upsampler("spaced-7", 7, seed=1),
    upsampler("spaced-2", 2),
    upsampler("spaced-1", 1, layers=RAISES),
    upsampler("sections-15", 15, grid="sections", options={"sections": "8,4,3"}, network="smooth"),
    upsampler("inpaint-14", 14, options={"inpaint": True}),
    upsampler("classifier-12", 12, options={"classifier_scale": 3.0}, network="smooth"),
)

KNOBS = COEFFICIENTS


def sample(model, x, walk, noise, *, clip_denoised=True, classifier_scale=None, inpaint=False, coefficients="float64"):
    """Walk down the levels from a = alpha_bar before to b = alpha_bar after each step."""
    for i in range(len(walk)):
        a, b, alpha, beta = walk.step(i, coefficients)
        eps, learned = model(x, i, learned=True)
        log_variance = walk.log_variance(i, "learned_range", learned, coefficients)
        x0 = clean_from_noise(x, eps, a, coefficients)
        x0 = known_part(x0) if inpaint else x0  # Nichol et al. 2021, section 2.1: before clipping
        x0 = np.clip(x0, -1, 1) if clip_denoised else x0
        centre = posterior_mean(x0, x, a, b, alpha, beta)  # Ho et al. 2020, equation 7
        if classifier_scale is not None:  # CLIP guidance, section 2.4
            centre = centre + np.exp(log_variance) * gradient(x, classifier_scale)
        x = centre + np.exp(log_variance / 2) * noise(i) if i < len(walk) - 1 else centre
    return x
