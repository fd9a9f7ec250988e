"""Image to image: noise is added to a picture, and DDIM takes it away again: Meng et al. 2021 (SDEdit, arXiv 2108.01073), algorithm 1.

Not to be confused with inpainting, which keeps a part of the picture, or with DDIM inversion, which finds a noise that leads to it.
"""

from trueto.model import Case
from trueto.references.card import Card, Promise
from trueto.references.vp import ddim_sigma, ddim_step, predicted_x0

CARD = Card(
    title="Image to image (DDIM)",
    plain="""
Image to image does not begin with pure noise but with a picture of the user's, to which noise is added. The setting strength says how
much: at 0.3 the picture is hardly touched, at 0.8 little more than its composition is left. Only the last part of the steps is taken, as
many as strength times the steps asked for.

If a library added the noise of another step, or began one step earlier or later, results would be noisy or too close to the first picture;
at small strengths and few steps that is plain to see.""",
    authors="Chenlin Meng, Yutong He, Yang Song, Jiaming Song, Jiajun Wu, Jun-Yan Zhu, Stefano Ermon; code by CompVis",
    year=2021,
    paper="SDEdit: Guided Image Synthesis and Editing with Stochastic Differential Equations, arXiv 2108.01073",
    equations="algorithm 1 of the paper, with steps of DDIM (Song et al. 2020, arXiv 2010.02502, equation 12) in the place of its own",
    function="ldm/models/diffusion/ddim.py: DDIMSampler.stochastic_encode and decode, as scripts/img2img.py calls them",
    line=207,
    default_of="CompVis' scripts/img2img.py: strength 0.75, 50 steps, eta 0",
    promise=Promise(
        start=(
            "the picture with the noise of the training time one step before the first one taken, int(strength n) steps from the clean "
            "end; at strength 1, where n divides 1000, there is no such step: an error"
        ),
        grid="the first int(strength n) times of DDIM's grid, counted from the clean end",
        update="as DDIM: the estimate of the clean picture and the predicted noise, mixed anew at the next level",
        final_step="as DDIM: down to the level of training time 0, which is not quite clean",
        noise="one draw for the start, then one a step after the network call; at eta 0 those are multiplied by zero but still drawn",
    ),
    code_and_paper=(
        "the paper adds the noise of the level at which it begins; the code adds that of one step before, so that the picture is noisier "
        "than the network is told"
    ),
    variants={"paper": {"encoded_at": "first_step", "offset": "zero", "final_alpha": "one"}},
)


def picture(name: str, steps: int, strength: float, eta: float = 0.0, **more) -> Case:
    """A case on the only grid that there is, with a first picture."""
    options = {"strength": strength, **({"eta": eta} if eta else {})}
    return Case(name, steps, grid="uniform", options=options, **more)


RAISES = ("schedule", "trajectory")
CASES = (
    picture("strength0.75-50", 50, 0.75),
    picture("strength0.5-20", 20, 0.5, network="smooth", quick=True),
    picture("strength0.3-15", 15, 0.3, seed=1),
    picture("strength0.8-30", 30, 0.8),
    picture("strength0.25-4", 4, 0.25, network="smooth"),
    picture("strength0.9-linear-10", 10, 0.9, schedule="linear", seed=1),
    picture("strength0.6-guided-10", 10, 0.6, guidance=7.5, network="smooth"),
    picture("strength0.5-eta1-12", 12, 0.5, 1.0),
    picture("strength0.7-eta0.5-7", 7, 0.7, 0.5, network="smooth", seed=1),
    # 30 steps are 31 there, so that a step before the first of 30 exists; 20 are 20.
    picture("strength1-30", 30, 1.0, network="smooth"),
    picture("strength1-20", 20, 1.0, layers=RAISES),
)
KNOBS: dict[str, tuple[str, ...]] = {}


def sample(predict, x, walk, noise, *, eta=0.0, strength=0.75):
    """From the noisy picture x down the steps of `walk`, which are those that `strength` leaves."""
    del strength  # the frame has cut the walk by it
    for i in range(len(walk)):
        a, b = walk.before[i], walk.after[i]
        eps = predict(x, walk.times[i], i)
        sigma = eta * ddim_sigma(a, b)  # Song et al. 2020, equation 16
        x = ddim_step(predicted_x0(x, eps, a), eps, b, sigma)  # equation 12
        if eta:
            x = x + sigma * noise(i)
    return x
