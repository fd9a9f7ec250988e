"""Euler ancestral, stochastic, first order: DDIM's generative process (Song, Meng and Ermon 2021, arXiv 2010.02502) at eta = 1, in sigma.

Not to be confused with Euler with churn (euler), which adds its noise before the network is called, or with DDIM at eta = 0.
"""

from trueto.model import Case
from trueto.references.card import Card, Promise

from .cases import ETA, ETA_ABOVE_1, OTHER_GRIDS, STANDARD
from .frame import ancestral_split

CARD = Card(
    title="Euler a",
    plain="""
Euler a goes further down than the next noise level says, in a straight line to where the neural network sees the clean picture, and then
adds fresh noise to get back up to that level. At the end no noise is added.

It is the same process that diffusion models were first sampled with (DDPM), on fewer levels. Because of the fresh noise the picture never
settles: other step counts, or random numbers drawn in another order, give another picture from the same seed.""",
    authors="Jonathan Ho, Ajay Jain, Pieter Abbeel; Jiaming Song, Chenlin Meng, Stefano Ermon; code by Katherine Crowson",
    year=2021,
    paper="Denoising Diffusion Implicit Models, arXiv 2010.02502; Denoising Diffusion Probabilistic Models, arXiv 2006.11239",
    equations="arXiv 2010.02502, equations 12 and 16, divided by alpha; at eta = 1 also arXiv 2006.11239, algorithm 2, on these levels",
    function="k_diffusion/sampling.py: sample_euler_ancestral",
    line=139,
    default_of="SDXL Turbo in diffusers (EulerAncestralDiscreteScheduler); early AUTOMATIC1111 web interfaces (as 'Euler a')",
    promise=Promise(
        start="x = noise times the largest level, sigma_max",
        grid="whatever levels it is given; the released models' own levels, or Karras levels, ending in exactly 0",
        update="a straight step to sigma_down, then noise of size sigma_up; eta scales the noise",
        final_step="without noise: the picture is the network's last answer",
        noise="one draw at the end of each step but the last, drawn also at eta = 0",
    ),
    code_and_paper="the code cuts sigma_up off at the next level, which matters only for eta above 1; s_noise is its own",
)
CASES = (
    *STANDARD,
    *OTHER_GRIDS,
    *ETA,
    *ETA_ABOVE_1,
    # The small picture of samplers that call the network twice: their seeded draws, where a library draws one tensor a step.
    Case("small-30", 30, shape=(2, 4, 3, 2)),
    Case("small-15", 15, network="smooth", seed=1, shape=(2, 4, 3, 2)),
)


def sample(denoise, x, sigmas, noise, *, eta=1.0, s_noise=1.0):
    """Sample from sigmas[0] to sigmas[-1]."""
    for i in range(len(sigmas) - 1):
        denoised = denoise(x, sigmas[i], i)
        down, up = ancestral_split(sigmas[i], sigmas[i + 1], eta)
        slope = (x - denoised) / sigmas[i]  # the noise estimate eps
        x = x + (down - sigmas[i]) * slope  # equation 12: D + sigma_down eps
        if sigmas[i + 1] > 0:
            x = x + s_noise * up * noise(i)
    return x
