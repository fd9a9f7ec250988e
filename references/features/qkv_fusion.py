"""Fused projections: queries, keys and values from one product instead of three."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="Fused query, key and value",
    plain="""
Attention begins with three products of the same numbers with three matrices. They can be stacked into one matrix, so that one product
gives all three, which is quicker on large graphics cards.

Each number of the result is still the same sum of the same products. So the picture must not change.""",
    authors="library authors",
    year=2023,
    paper="none: stacking matrices",
    equations="[q k v] = x [Wq Wk Wv]",
    function="the library's own switch: fused projections",
    promise=Promises(
        {
            "projection": "those of the three matrices; where words are attended to, only keys and values are fused",
            "output": "the same as with the switch off, within the rounding of the plain run, in float32 and in float64",
            "proof": "the fused layer was called",
        }
    ),
    code_and_paper="no difference known",
)
CASES = (
    Case("unet", 1, quick=True, layers=("invariance",)),
    Case("autoencoder", 1, seed=1, layers=("invariance",)),
)
