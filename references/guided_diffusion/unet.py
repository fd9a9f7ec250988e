"""The U-Net of guided-diffusion, called ADM, at toy size: Dhariwal and Nichol 2021."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="U-Net of guided-diffusion (ADM)",
    plain="""
The network that says at every step which part of a noisy picture is noise, and how much noise to put back. It shrinks the picture in
stages and enlarges it again; at the smaller sizes every place looks at all others, and in every block time and class stretch and shift
the numbers.

It is the ancestor of the U-Nets of Stable Diffusion and of consistency models, and its weights for ImageNet and LSUN are still used. A
library that loads them into layers of its own has to give the same answer from each of them.""",
    authors="Prafulla Dhariwal, Alex Nichol",
    year=2021,
    paper="Diffusion Models Beat GANs on Image Synthesis, arXiv 2105.05233",
    equations="section 3 (attention, BigGAN's blocks), section 3.1 (adaptive group normalisation)",
    function="guided_diffusion/unet.py: UNetModel",
    line=396,
    default_of="guided-diffusion's ImageNet 128 to 512 and LSUN models (legacy order), its ImageNet 64 model (new order), at full size",
    promise=Promises(
        {
            "time": "cosines, then sines of the time at frequencies from 1 down to almost 1/10000; two linear layers with SiLU between",
            "class": "a row of a table, added to the time's",
            "normalisation": "32 groups, epsilon 1e-5 throughout; in a residual block (1 + scale) times the normalised value, plus shift",
            "sizes": "halved by the mean of four, doubled by repeating, inside of a residual block, in both of its branches",
            "attention": "heads of a fixed width; softmax of q k / sqrt(width)",
            "order": "rows of the attention's first layer are head by head q, k, v; with use_new_attention_order all q, then all k, all v",
            "weights": "toy size, every one seeded, also those that training begins at zero",
        }
    ),
    code_and_paper="no difference known",
)
# Seed 8: of a dozen the one in which attention enlarges rounding least, so that the smallest faults are seen.
CASES = (
    Case("toy", 1, seed=8, quick=True, layers=("module",)),
    Case("new-order", 1, seed=1, options={"use_new_attention_order": True}, layers=("module",)),
)
