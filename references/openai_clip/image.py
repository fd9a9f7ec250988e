"""The image encoder of CLIP (vision transformer), and how alike pictures and sentences are, at toy size: Radford et al. 2021."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="CLIP's image encoder",
    plain="""
CLIP was trained to tell which sentence belongs to which picture. Its image encoder cuts a picture into squares and turns them into one
row of numbers; the row of a fitting sentence points in the same direction.

The safety checker of Stable Diffusion, image variations and scores of how well a picture fits its prompt stand on these rows. A score is
only comparable with published ones if the rows are the same.""",
    authors="Alec Radford, Jong Wook Kim, Chris Hallacy and others, OpenAI",
    year=2021,
    paper="Learning Transferable Visual Models From Natural Language Supervision, arXiv 2103.00020",
    equations="section 2.4; figure 3",
    function="clip/model.py: VisionTransformer, CLIP.forward",
    line=206,
    default_of="clip-vit-large-patch14: the safety checker of Stable Diffusion v1, CLIP scores",
    promise=Promises(
        {
            "squares": "a kernel as large as its stride, without a bias; a learned row before them",
            "activation": "x times sigmoid(1.702 x), not GELU",
            "normalisation": "before the first block as well; at the end of the first row only; epsilon 1e-5, in float32",
            "likeness": "cosine of the angle between both rows times the exponential of a learned number",
            "weights": "toy size, every one seeded",
        }
    ),
)
CASES = (Case("toy", 1, quick=True, options={"padding": "zero"}, layers=("module",)),)
