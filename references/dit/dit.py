"""DiT, a transformer that predicts noise, at toy size: Peebles and Xie 2022."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="DiT",
    plain="""
DiT showed that a plain transformer does as well as a U-Net: it cuts the noisy latents into squares, tells every block time and class
of the picture by shifting and scaling its numbers, and says which part is noise.

Stable Diffusion 3, FLUX.1 and most video models descend from it. Its weights are public: a library that loads them promises the pictures of
the paper.""",
    authors="William Peebles, Saining Xie",
    year=2022,
    paper="Scalable Diffusion Models with Transformers, arXiv 2212.09748",
    equations="section 3.2; figure 3",
    function="models.py: DiT",
    line=145,
    default_of="DiT-XL/2 at 256 and 512 pixels (at full size)",
    promise=Promises(
        {
            "time": "128 cosines, then 128 sines, at frequencies 10000 to the power of -i/128; two linear layers with SiLU",
            "class": "a row of a table, with one more row for no class; added to the time's",
            "blocks": "shift, scale and gate from time and class; LayerNorm without weights, epsilon 1e-6 throughout",
            "feed forward": "the approximate GELU (tanh)",
            "places": "a fixed table of sines and cosines of column and row",
            "weights": "toy size, every one seeded, also those that training begins at zero",
        }
    ),
)
KNOBS = {
    # time_127: frequencies 10000 to the power of -i/127; eps: in the second LayerNorm of each block, which the feed forward follows
    "constants": ("own", "time_127", "time_127_eps_1e-5"),
}
CASES = (Case("toy", 1, quick=True, layers=("module",)), Case("other-times", 1, seed=1, layers=("module",)))
