"""DDIM and DDPM for v networks, first order: Song et al. 2020 (arXiv 2010.02502) in the angular form of Salimans and Ho 2022.

Not to be confused with CompVis' DDIM, which walks whole training times and predicts noise, or with the repository's `cond_sample`,
which adds the gradient of a classifier.
"""

import numpy as np

from trueto.references.card import Card, Promise

from .cases import STANDARD, case

CARD = Card(
    title="DDIM for v networks",
    plain="""
This turns random noise into a picture by asking the network, at each step, for a mixture of picture and noise that is well defined at every
noise level, the velocity. From it follow the clean picture and the noise, which are put together anew for the next, less noisy level. The
setting eta says how much fresh noise each step adds.

It is the plain sampler of the first text-to-image models that predicted velocities, and the ancestor of the v samplers in other libraries.
If one computed it differently, the same prompt and seed would give another picture.""",
    authors="Jiaming Song, Chenlin Meng, Stefano Ermon; Tim Salimans, Jonathan Ho; code by Katherine Crowson",
    year=2022,
    paper="Denoising Diffusion Implicit Models, arXiv 2010.02502; Progressive Distillation, arXiv 2202.00512",
    equations="step: equation 12 of DDIM; noise: equation 16; picture and noise from v: appendix D of Progressive Distillation",
    function="diffusion/sampling.py: sample",
    line=10,
    default_of="clip_sample.py (as DDPM, eta 1, 1000 steps) and `--method ddim` (eta 0)",
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid="whatever times it is given, of which t = 1 exactly is well defined; the scripts give the spliced schedule",
        update="the picture and the noise that v implies, mixed anew at the next level; nothing is clipped",
        final_step="returns the picture that the network sees in the last state; no noise is added",
        noise="with eta above 0 one draw after each network call but the last; at eta 0 none",
    ),
    code_and_paper="the paper steps to time 0; the code returns its last estimate of the picture, which is the same at level 0",
)
CASES = (
    *STANDARD,
    case("even-10", 10, "even", network="smooth"),
    case("eta1-20", 20, options={"eta": 1.0}),
    case("eta1-7", 7, "even", options={"eta": 1.0}, network="smooth", seed=1),
    case("eta0.5-10", 10, options={"eta": 0.5}),
)
KNOBS = {
    "variance": ("posterior", "large"),  # large: DDIM's sigma hat, 'fixedlarge' of DDPM, for the fresh noise only
}


def sample(predict, x, walk, noise, *, eta=0.0, variance="posterior"):
    """Walk down the levels; the last is clean."""
    for i in range(len(walk) - 1):
        a, b = walk[i], walk[i + 1]
        v = predict.velocity(x, a, i)
        picture = x * a.alpha - v * a.sigma
        eps = x * a.sigma + v * a.alpha
        if i == len(walk) - 2:
            return picture
        ratio = np.sqrt(1 - a.alpha**2 / b.alpha**2)
        fresh = eta * np.sqrt(b.sigma**2 / a.sigma**2) * ratio  # equation 16
        x = picture * b.alpha + eps * np.sqrt(b.sigma**2 - fresh**2)  # equation 12
        if eta:
            x = x + noise(i) * (eta * ratio if variance == "large" else fresh)
    return x
