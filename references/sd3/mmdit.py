"""The transformer of Stable Diffusion 3, at toy size: Esser et al. 2024."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="Transformer of Stable Diffusion 3",
    plain="""
The network that Stable Diffusion 3 asks at every step which way to go. It cuts the latents into small squares and lets them and the pieces
of the prompt attend to one another, each kind with weights of its own, block after block.

A library splits the released weights into queries, keys and values, and swaps halves of some of them, since it reads them in another order.
One half in the wrong place still gives pictures, only bad ones.""",
    authors="Patrick Esser, Sumith Kulal, Andreas Blattmann, Rahim Entezari and others, Stability AI",
    year=2024,
    paper="Scaling Rectified Flow Transformers for High-Resolution Image Synthesis, arXiv 2403.03206",
    equations="section 4; figure 2",
    function="mmdit.py: MMDiT",
    line=465,
    default_of="Stable Diffusion 3 medium (at full size)",
    promise=Promises(
        {
            "places": "of a larger grid the middle, added to the squares",
            "time and sentence": "cosines, then sines of the time; two linear layers with SiLU each, added",
            "blocks": "shift, scale and gate from time and sentence; LayerNorm without weights, epsilon 1e-6; one attention for all",
            "last block": "pieces are only listened to, and not computed further",
            "feed forward": "the approximate GELU (tanh)",
            "weights": "toy size, every one seeded, the grid of places too",
        }
    ),
)
CASES = (Case("toy", 1, quick=True, layers=("module",)),)
