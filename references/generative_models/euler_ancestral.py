"""Euler ancestral as Stable Diffusion XL's code has it, stochastic, first order: Song et al. 2020 (arXiv 2010.02502), equations 12 and 16.

Not to be confused with Euler, which adds no noise, or with k-diffusion's own Euler ancestral, whose levels lie elsewhere and which starts
with a little less noise; the update is the same formula (references/k_diffusion/euler_ancestral.py).
"""

from trueto_references.k_diffusion.euler_ancestral import sample as euler_ancestral

from trueto.references.card import Card, Promise

from .cases import ETA, LEGACY, STANDARD, small

CARD = Card(
    title="Euler ancestral of Stable Diffusion XL's code",
    plain="""
Euler ancestral turns noise into a picture by going a little too far towards it in each step, and adding fresh noise to make up for that. So
the picture keeps changing when more steps are taken, and follows from the seed of all the noise, not only of the first.

Stability AI's code offers it beside Euler. If a library computed it or drew its noise differently, the same seed would give another
picture.""",
    authors=(
        "Jonathan Ho, Ajay Jain, Pieter Abbeel; Jiaming Song, Chenlin Meng, Stefano Ermon; code by Stability AI after Katherine Crowson"
    ),
    year=2021,
    paper="Denoising Diffusion Implicit Models, arXiv 2010.02502; Denoising Diffusion Probabilistic Models, arXiv 2006.11239",
    equations="arXiv 2010.02502, equations 12 and 16, divided by alpha; at eta = 1 also arXiv 2006.11239, algorithm 2, on these levels",
    function="sgm/modules/diffusionmodules/sampling.py: EulerAncestralSampler",
    line=237,
    promise=Promise(
        start="x = noise times sqrt(1 + sigma_max squared), so that the network sees noise of variance one",
        grid="as generative_models/euler_edm",
        update="a straight step to sigma_down, then fresh noise of size sigma_up, so that both make up the next level",
        final_step="to level 0, without noise",
        noise="one draw a step, after the network call; the draw of the last step is not used",
    ),
    code_and_paper=(
        "the code cuts sigma_up off at the next level, which matters only for eta above 1; s_noise is its own. With eta = 0 the "
        "code raises AttributeError"
    ),
    no_counterpart={"diffusers": "its documentation names k-diffusion as the origin of EulerAncestralDiscreteScheduler, not this code"},
)
CASES = (*small((*STANDARD, *ETA)), LEGACY("eta-1.3", 10, options={"eta": 1.3}, shape=(2, 3, 3, 2)))


def sample(denoise, x, sigmas, noise, **arguments):
    """Sample from sigmas[0] to sigmas[-1]; one formula for both codebases."""
    return euler_ancestral(denoise, x, sigmas, noise, **arguments)
