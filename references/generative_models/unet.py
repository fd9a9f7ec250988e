"""The U-Net of Stable Diffusion XL, at toy size: Podell et al. 2023."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="U-Net of Stable Diffusion XL",
    plain="""
The network that Stable Diffusion XL asks at every step which part of a noisy picture is noise. Besides the words of the prompt it is told a
row of numbers for the whole sentence and six sizes: how large the training picture was, where it was cut, how large the result is to be.

It has many transformers at its lowest level and none at its highest. A library that loads the released weights has to give the same answer
from each block, and to join sentence and sizes in the same order: else every picture is cut or lit a little differently.""",
    authors="Dustin Podell, Zion English, Kyle Lacey, Andreas Blattmann, Tim Dockhorn, Jonas Müller, Joe Penna, Robin Rombach",
    year=2023,
    paper="SDXL: Improving Latent Diffusion Models for High-Resolution Image Synthesis, arXiv 2307.01952",
    equations="sections 2.1 and 2.2; table 1",
    function="sgm/modules/diffusionmodules/openaimodel.py: UNetModel",
    line=522,
    default_of="Stable Diffusion XL base 1.0 (configs/inference/sd_xl_base.yaml, at full size)",
    promise=Promises(
        {
            "time": "cosines, then sines; two linear layers with SiLU between",
            "sentence and sizes": "the sentence's row, then 256 cosines and sines of each size; two linear layers, added to the time's row",
            "normalisation": "32 groups, computed in float32; epsilon 1e-5 in residual blocks and at the end, 1e-6 before a transformer",
            "attention": "heads of a fixed width; linear layers around each transformer",
            "weights": "toy size, every one seeded",
        }
    ),
)
CASES = (Case("toy", 1, quick=True, layers=("module",)),)
