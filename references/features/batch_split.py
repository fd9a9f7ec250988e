"""A batch taken apart: each sample alone, or all at once."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="Each sample of a batch alone",
    plain="""
Several pictures are made in one go by giving the network all of them at once. The same pictures one after the other take less memory.

No sample depends on another of its batch: there is no normalisation over the batch in these networks. So a picture must not depend on how
many others are made with it.""",
    authors="library authors",
    year=2022,
    paper="none: samples of a batch are independent",
    equations="f([a, b]) = [f(a), f(b)]",
    function="no switch: calls with one sample each",
    promise=Promises(
        {
            "sample": "each one is what it is alone",
            "output": "the same as with the switch off, within the rounding of the plain run, in float32 and in float64",
            "proof": "the network was called with one sample at a time",
        }
    ),
    code_and_paper="no difference known",
)
CASES = (
    Case("unet", 1, quick=True, layers=("invariance",)),
    Case("autoencoder", 1, seed=1, layers=("invariance",)),
)
