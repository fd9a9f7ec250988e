"""Slicing of the autoencoder: one picture of a batch at a time."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="Autoencoder, one picture at a time",
    plain="""
At the end, latents become a picture, which takes more memory than all steps before. Where several pictures are made at once, slicing
decodes them one after the other.

No picture depends on another of its batch. So nothing may change.""",
    authors="library authors",
    year=2022,
    paper="none: pictures of a batch are independent",
    equations="decode([a, b]) = [decode(a), decode(b)]",
    function="the library's own switch: slicing of the autoencoder",
    promise=Promises(
        {
            "picture": "each one is what it is alone",
            "output": "the same as with the switch off, within the rounding of the plain run, in float32 and in float64",
            "proof": "encoder and decoder were given one picture at a time",
        }
    ),
    code_and_paper="no difference known",
)
CASES = (Case("autoencoder", 1, quick=True, layers=("invariance",)),)
