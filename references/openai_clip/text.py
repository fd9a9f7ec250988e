"""The text encoder of CLIP, at toy size: Radford et al. 2021."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="CLIP's text encoder",
    plain="""
CLIP was trained to tell which sentence belongs to which picture. Its text encoder turns a sentence, cut into pieces of words, into one row
of numbers for each piece, and one row for the whole sentence.

Stable Diffusion v1 hands the rows of the pieces to its U-Net: they are all that it ever sees of a prompt. If a library computed them
differently, with the common activation in place of CLIP's own, say, every prompt would mean something a little different.""",
    authors="Alec Radford, Jong Wook Kim, Chris Hallacy and others, OpenAI",
    year=2021,
    paper="Learning Transferable Visual Models From Natural Language Supervision, arXiv 2103.00020",
    equations="section 2.4; figure 3",
    function="clip/model.py: CLIP.encode_text",
    line=343,
    default_of="the text encoder of Stable Diffusion v1-1 to v1-5 (clip-vit-large-patch14), and one of those of XL, 3 and FLUX.1",
    promise=Promises(
        {
            "attention": "each piece sees itself and those before it",
            "activation": "x times sigmoid(1.702 x), not GELU",
            "normalisation": "before each half of a block, epsilon 1e-5, in float32",
            "sentence": "the row of the piece with the highest number, which is the end mark, times a matrix without a bias",
            "weights": "toy size, every one seeded",
        }
    ),
)
CASES = (
    Case("zeros-after", 1, quick=True, options={"padding": "zero"}, layers=("module",)),  # as the original's tokenizer fills up
    Case("ends-after", 1, seed=1, options={"padding": "end"}, layers=("module",)),  # as Stable Diffusion's does
)
