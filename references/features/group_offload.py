"""Group offloading: weights lie elsewhere and are brought in when their part of the network is called."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="Group offloading",
    plain="""
A large network does not fit on a small graphics card. Offloading keeps its weights in the computer's memory, or in files, brings those
of one group of layers in just before that group is called, and lets go of them after it.

The weights are the same wherever they lie, so the picture must not change. If a group came in with the weights of another one, or too late,
it would.""",
    authors="library authors",
    year=2025,
    paper="none: the same weights from another place",
    equations="none",
    function="the library's own switch: group offloading",
    promise=Promises(
        {
            "weights": "those that each group had before they were let go",
            "output": "the same as with the switch off, within the rounding of the plain run, in float32 and in float64",
            "proof": "groups of weights were brought in while the network was called",
        }
    ),
    code_and_paper="no difference known",
)
CASES = (
    Case("unet-leaves-disk", 1, quick=True, options={"groups": "leaf_level", "disk": True}, layers=("invariance",)),
    Case("unet-blocks", 1, seed=1, options={"groups": "block_level", "disk": False}, layers=("invariance",)),
    Case("autoencoder-blocks-disk", 1, seed=2, options={"groups": "block_level", "disk": True}, layers=("invariance",)),
    Case("autoencoder-leaves", 1, seed=3, options={"groups": "leaf_level", "disk": False}, layers=("invariance",)),
)
