"""Gradient checkpointing: blocks computed twice in training, so that less is kept between."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="Gradient checkpointing",
    plain="""
Training keeps what every layer returned, because the way back needs it. Checkpointing keeps only what each block was given and computes the
block a second time on the way back: more time for less memory.

The second computation repeats the first. So loss and gradients must be the same.""",
    authors="Tianqi Chen, Bing Xu, Chiyuan Zhang, Carlos Guestrin",
    year=2016,
    paper="Training Deep Nets with Sublinear Memory Cost, arXiv 1604.06174",
    equations="section 3, algorithm 1",
    function="the library's own switch: gradient checkpointing",
    promise=Promises(
        {
            "gradients": "of inputs and of parameters in every part of the network, the same as without",
            "output": "the same as with the switch off, within the rounding of the plain run, in float32 and in float64",
            "proof": "a block was computed a second time on the way back",
        }
    ),
    code_and_paper="no difference known",
)
CASES = (
    Case("unet", 1, quick=True, layers=("invariance",)),
    Case("autoencoder", 1, seed=1, layers=("invariance",)),
)
