"""The image encoder of open_clip (vision transformer), and how alike pictures and sentences are, at toy size: Ilharco et al. 2021."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="open_clip's image encoder",
    plain="""
open_clip trained CLIP again, on open data and larger. Its image encoder cuts a picture into squares and turns them into one row of numbers;
the row of a fitting sentence points in the same direction.

Image variations, IP-Adapter and most scores of how well a picture fits its prompt stand on these rows. A score is only comparable with
published ones if the rows are the same.""",
    authors="Gabriel Ilharco, Mitchell Wortsman, Ross Wightman and others",
    year=2021,
    paper="Reproducible scaling laws for contrastive language-image learning, arXiv 2212.07143; the network of arXiv 2103.00020",
    equations="arXiv 2103.00020, section 2.4",
    function="src/open_clip/model.py: CLIP.forward",
    line=528,
    default_of="ViT-H and ViT-bigG: image variations, IP-Adapter",
    promise=Promises(
        {
            "squares": "a kernel as large as its stride, without a bias; a learned row before them",
            "activation": "the exact GELU",
            "normalisation": "before the first block as well; at the end of the first row; epsilon 1e-5",
            "likeness": "cosine of the angle between both rows times the exponential of a learned number",
            "weights": "toy size, every one seeded",
        }
    ),
)
CASES = (Case("toy", 1, quick=True, options={"padding": "zero"}, layers=("module",)),)
