"""Attention slicing: attention computed a few heads at a time."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="Attention slicing",
    plain="""
Attention compares each place of a picture with every other, which needs memory that grows with the fourth power of the picture's side.
Slicing computes it a few heads at a time and puts the results together, so that a large picture fits on a small graphics card.

Each head is computed from its own numbers alone. So nothing of the picture may change: only the memory that it takes, and the time.""",
    authors="Markus N. Rabe, Charles Staats (that attention need not be computed at once)",
    year=2021,
    paper="Self-attention Does Not Need O(n^2) Memory, arXiv 2112.05682",
    equations="section 2: attention is independent for each query, and for each head",
    function="the library's own switch: attention slicing",
    promise=Promises(
        {
            "attention": "the same for each head, whichever others are computed with it",
            "output": "the same as with the switch off, within the rounding of the plain run, in float32 and in float64",
            "proof": "scores were asked for fewer heads at a time than there are",
        }
    ),
    code_and_paper="no difference known",
)
CASES = (
    Case("unet-auto", 1, quick=True, options={"slice_size": "auto"}, layers=("invariance",)),
    Case("unet-max", 1, seed=1, options={"slice_size": "max"}, layers=("invariance",)),
    Case("unet-three", 1, seed=2, options={"slice_size": 3}, layers=("invariance",)),
)
