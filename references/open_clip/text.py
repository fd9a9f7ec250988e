"""The text encoder of open_clip, at toy size: Ilharco et al. 2021."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="open_clip's text encoder",
    plain="""
open_clip trained CLIP again, on open data and larger. Its text encoder turns a sentence, cut into pieces of words, into one row of numbers
for each piece, and one row for the whole sentence.

Stable Diffusion 2 and XL hand these rows to their U-Nets. The network is CLIP's but for the activation: whoever loads it with CLIP's own
approximation, as happens, reads every prompt a little wrongly.""",
    authors="Gabriel Ilharco, Mitchell Wortsman, Ross Wightman and others",
    year=2021,
    paper="Reproducible scaling laws for contrastive language-image learning, arXiv 2212.07143; the network of arXiv 2103.00020",
    equations="arXiv 2103.00020, section 2.4",
    function="src/open_clip/model.py: CLIP.encode_text",
    line=413,
    default_of="the text encoder of Stable Diffusion 2 (ViT-H), the second one of XL and 3 (ViT-bigG)",
    promise=Promises(
        {
            "attention": "each piece sees itself and those before it",
            "activation": "the exact GELU",
            "normalisation": "before each half of a block, epsilon 1e-5",
            "sentence": "the row of the piece with the highest number, which is the end mark, times a matrix without a bias",
            "weights": "toy size, every one seeded",
        }
    ),
)
CASES = (
    Case("zeros-after", 1, quick=True, options={"padding": "zero"}, layers=("module",)),  # as the original's tokenizer fills up
    Case("ends-after", 1, seed=1, options={"padding": "end"}, layers=("module",)),
)
