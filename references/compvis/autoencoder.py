"""The autoencoder of latent diffusion and Stable Diffusion, at toy size: Rombach et al. 2022."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="Autoencoder of Stable Diffusion",
    plain="""
Stable Diffusion does not paint pixels: it works on latents, an eighth of the size, and this network turns a picture into latents and
latents into a picture. The first half gives for every number of the latents a mean and a spread, from which one is drawn.

Every picture passes through the second half, and in image to image and in training through the first. A difference here is a change of the
colours or textures of every picture.""",
    authors="Robin Rombach, Andreas Blattmann, Dominik Lorenz, Patrick Esser, Björn Ommer",
    year=2022,
    paper="High-Resolution Image Synthesis with Latent Diffusion Models, arXiv 2112.10752",
    equations="section 3.1; appendix G",
    function="ldm/models/autoencoder.py: AutoencoderKL",
    line=285,
    default_of="Stable Diffusion v1, v2 and XL (first_stage_config; their released weights differ)",
    promise=Promises(
        {
            "down": "kernels of 3 with stride 2 on a picture padded at the right and at the bottom only",
            "up": "nearest neighbours, then a kernel of 3",
            "normalisation": "32 groups, epsilon 1e-6",
            "attention": "one head, in the middle",
            "distribution": "the logarithm of the variance is kept between -30 and 20",
            "weights": "toy size, every one seeded",
        }
    ),
    code_and_paper="no difference known",
)
CASES = (Case("toy", 1, quick=True, layers=("module",)),)
