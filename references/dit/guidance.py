"""DiT's guidance by class, which leads three of four channels, over a few steps: `forward_with_cfg` of Peebles and Xie's models.py."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="DiT, guidance by class",
    plain="""
A picture is led towards its class: at every step the network is asked twice, with the class and without, and the difference is enlarged.
DiT's code does so for three of the four channels of the latents; the fourth gets the answer with the class as it is.

The authors kept it like that so that the pictures of their paper can be made again. A library that leads all four channels makes other
pictures of the same class, seed and weights.""",
    authors="William Peebles, Saining Xie",
    year=2022,
    paper="Scalable Diffusion Models with Transformers, arXiv 2212.09748",
    equations="section 3.1, classifier-free guidance; appendix A: guidance of three channels",
    function="models.py: DiT.forward_with_cfg",
    line=250,
    default_of="DiT-XL/2 (guidance 4 in sample.py, 1.5 in sample_ddp.py)",
    promise=Promises(
        {
            "guided": "without the class + scale times (with the class - without), for channels 0, 1 and 2",
            "channel 3": "the answer with the class, whatever the scale",
            "latents": "of the first half of the batch; the second, which is asked without the class, is made anew from the first",
            "steps": "DDIM with eta 0 on the linear betas, at times a fixed stride apart from 0 on, nothing clipped",
            "weights": "toy size, every one seeded",
        }
    ),
    code_and_paper="the paper guides three channels as well, and says so in its appendix",
)
KNOBS = {
    "constants": ("own", "time_127_eps_1e-5"),  # as in dit/dit
    "guides": ("three", "four"),  # channels that are led
}
TOGETHER = ({"constants": "time_127_eps_1e-5", "guides": "four"},)


def led(name: str, steps: int, guidance: float, *classes: int, **more) -> Case:
    """A case: steps, the scale of guidance, and classes of ImageNet."""
    return Case(name, steps, guidance=guidance, options={"classes": list(classes)}, layers=("pipeline",), **more)


CASES = (led("scale-4", 2, 4.0, 207, 88, quick=True), led("scale-1.5", 4, 1.5, 360, seed=1), led("scale-1", 2, 1.0, 980, seed=2))
