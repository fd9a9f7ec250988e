"""The transformer of FLUX.1, at toy size: Black Forest Labs 2024."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="Transformer of FLUX.1",
    plain="""
The network that FLUX.1 asks at every step which way to go. Squares of the picture and pieces of the prompt attend to one another: first
with weights of their own, then as one row with the same weights. Where a square lies is told by turning its queries and keys.

The open model was trained to be guided by itself: the strength of guidance is one more number that it is told. A library that scaled that
number, or turned pairs of other channels, would give other pictures.""",
    authors="Black Forest Labs",
    year=2024,
    paper="none for FLUX.1; its blocks are those of arXiv 2403.03206 and 2302.05442, its rotation is arXiv 2104.09864",
    equations="none",
    function="src/flux/model.py: Flux",
    line=34,
    default_of="FLUX.1 [dev] (at full size; [schnell] has no number for guidance)",
    promise=Promises(
        {
            "time, guidance, sentence": "cosines, then sines of a thousand times time and guidance; two linear layers with SiLU",
            "places": "neighbouring channels of queries and keys turned by angles for three coordinates, in float64, then float32",
            "queries and keys": "divided by their root mean square, epsilon 1e-6",
            "blocks": "LayerNorm with epsilon 1e-6 without weights; shift, scale and gate from time, guidance and sentence",
            "weights": "toy size, every one seeded",
        }
    ),
    code_and_paper="there is no paper of FLUX.1",
)
CASES = (Case("toy", 1, quick=True, layers=("module",)),)
