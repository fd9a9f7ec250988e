"""The U-Net of OpenAI's consistency models, at toy size: guided-diffusion's, with attention in 16 bits."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="U-Net of consistency models",
    plain="""
The network inside of OpenAI's consistency models, which make a picture in one or two steps. It is guided-diffusion's, told the logarithm
of the noise level as a time, which may be negative and is no whole number.

Its attention computes in 16 bits even where all else has 32. That is the original's own rounding here: a library that computes attention
in 32 bits is nearer to the exact value than the original.""",
    authors="Yang Song, Prafulla Dhariwal, Mark Chen, Ilya Sutskever",
    year=2023,
    paper="Consistency Models, arXiv 2303.01469",
    equations="appendix C (parameterisation, architecture)",
    function="cm/unet.py: UNetModel",
    line=518,
    default_of="OpenAI's consistency models for ImageNet 64 (imagenet) and for LSUN 256 (lsun), at full size",
    promise=Promises(
        {
            "time": "250 ln(sigma): cosines, then sines at frequencies from 1 down to almost 1/10000; two linear layers with SiLU between",
            "class": "a row of a table, added to the time's; none in the LSUN models",
            "normalisation": "32 groups, epsilon 1e-5; time and class stretch and shift (ImageNet), or are added before it (LSUN)",
            "attention": "heads of a fixed width; softmax of q k / sqrt(width), in 16 bits; rows of its first layer: all q, all k, all v",
            "weights": "toy size, every one seeded, also those that training begins at zero",
        }
    ),
    code_and_paper="no difference known",
)
# Seeds of which 16 bits of attention do not move any output by a thousandth of its size, as they do with every other one or so.
CASES = (
    Case("imagenet", 1, seed=5, quick=True, layers=("module",)),
    Case("lsun", 1, seed=10, options={"num_classes": None, "use_scale_shift_norm": False}, layers=("module",)),
)
