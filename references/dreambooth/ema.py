"""The average of weights of latent diffusion, LitEma: Rombach et al. 2022."""

from trueto.model import Case
from trueto.references.card import Card, Promises

KNOBS = {"first": ("averaged", "copied")}
CARD = Card(
    title="Average of weights in training (EMA)",
    plain="""
A model in training jumps about with every step. So an average of its weights is kept beside it, in which older ones fade slowly, and that
average is what gets released.

In the beginning there is nothing to average, so the average follows quickly at first and slower with every update, until it has its full
length.""",
    authors="Robin Rombach, Andreas Blattmann, Dominik Lorenz, Patrick Esser, Björn Ommer",
    year=2022,
    paper="High-Resolution Image Synthesis with Latent Diffusion Models, arXiv 2112.10752",
    equations="none: code only",
    function="ldm/modules/ema.py: LitEma.forward",
    line=25,
    default_of="latent-diffusion and Stable Diffusion v1 (their training)",
    promise=Promises(
        {
            "decay": "at update n (from 1): the smaller of its full value and (1 + n) / (10 + n)",
            "update": "average - (1 - decay) (average - weight)",
            "start": "the weights before the first step of training",
        }
    ),
)
CASES = (
    Case("long", 1, quick=True, options={"decay": 0.9999}, layers=("training",)),
    Case("short", 1, seed=1, options={"decay": 0.2}, layers=("training",)),
)
