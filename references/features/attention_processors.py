"""One attention, two ways to compute it: in one call of PyTorch, or step by step."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="Attention step by step",
    plain="""
PyTorch has one call that computes all of attention at once (scaled_dot_product_attention), which libraries use where it is there. Before,
and still where somebody looks at the weights between, it is computed step by step: products, softmax, weighted sum.

Both are the same formula. A model trained with the one is used with the other, so the picture must not depend on which is taken.""",
    authors="Ashish Vaswani and others; Tri Dao and others (in one pass)",
    year=2017,
    paper="Attention Is All You Need, arXiv 1706.03762; FlashAttention, arXiv 2205.14135",
    equations="equation 1 of the first: softmax(q k^T / sqrt(width)) v",
    function="the library's own switch: which function computes attention",
    promise=Promises(
        {
            "attention": "softmax(q k^T / sqrt(width of a head)) v",
            "output": "the same as with the switch off, within the rounding of the plain run, in float32 and in float64",
            "proof": "the weights of attention were computed on their own",
        }
    ),
    code_and_paper="no difference known",
)
CASES = (
    Case("unet", 1, quick=True, layers=("invariance",)),
    Case("autoencoder", 1, seed=1, layers=("invariance",)),
)
