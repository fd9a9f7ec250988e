"""DreamBooth's step of training with prior preservation: Ruiz et al. 2022, in Xavier Xiao's code for Stable Diffusion."""

from trueto.model import Case
from trueto.references.card import Card, Promises

KNOBS = {"clip": ("none", "norm_1")}
CARD = Card(
    title="DreamBooth with prior preservation",
    plain="""
A few pictures of one's own dog are enough to teach a model that dog: it is trained a little further on them, with a rare word in the
prompt. So that it does not forget what other dogs look like, each step also trains on pictures of dogs that the model made itself before.

The step is ordinary: noise is added, the network says which noise, and its squared error is what is made smaller. The two errors are added
up, the second with a weight. A library that trains something else, or by other steps, ends up with another dog.""",
    authors="Nataniel Ruiz and others; code by Xavier Xiao on CompVis' Stable Diffusion",
    year=2022,
    paper="DreamBooth: Fine Tuning Text-to-Image Diffusion Models for Subject-Driven Generation, arXiv 2208.12242",
    equations="section 3.3, equation 2",
    function="ldm/models/diffusion/ddpm.py: LatentDiffusion.training_step",
    line=911,
    promise=Promises(
        {
            "loss": "mean squared error of the noise on own pictures plus weight times the same on pictures of the class",
            "times": "drawn for each picture by itself, given here",
            "optimizer": "AdamW as PyTorch has it: weight decay 0.01, betas 0.9 and 0.999, epsilon 1e-8",
            "gradients": "not clipped",
            "averages of weights": "none in finetuning",
        }
    ),
    code_and_paper="equation 2 has a weight w_t for each time; in the code it is 1 for all",
    variants={"clipped": {"clip": "norm_1"}},
)
CASES = (
    Case("toy", 1, quick=True, layers=("training",)),
    Case("prior-half", 1, seed=1, options={"reg_weight": 0.5}, layers=("training",)),
)
