"""DDIM, deterministic or stochastic, first order: Song et al. 2020 (arXiv 2010.02502), equation 12.

Not to be confused with DDIM as CompVis has it, which counts training times from 1 and does not end at the clean picture, or with DDPM
(ddpm), which clips the clean picture and adds more noise than eta = 1 does.
"""

from trueto.model import Case
from trueto.references.card import Card, Promise
from trueto.references.vp import ddim_sigma, ddim_step, predicted_x0

from .cases import STANDARD

CARD = Card(
    title="DDIM (the authors' code)",
    plain="""
DDIM turns random noise into a picture in 10 to 1000 steps. At each step it asks the neural network which part of the picture is
noise, works out from that what the clean picture looks like, and goes to a slightly less noisy version of it. The setting eta says
how much fresh noise each step adds: none at 0, so that the picture follows from the first noise alone, much at 1.

This is the code that its authors published with the paper, and the yardstick for every later fast sampler. If a library computed it
differently, figures that were measured with that library could not be compared with the paper's.""",
    authors="Jiaming Song, Chenlin Meng, Stefano Ermon",
    year=2020,
    paper="Denoising Diffusion Implicit Models, arXiv 2010.02502",
    equations="step: equation 12; noise: equation 16; sequences of times: section 4.2",
    function="functions/denoising.py: generalized_steps",
    line=10,
    default_of="this repository's main.py: uniform, eta 0, 1000 steps",
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid=(
            "uniform: every (1000 // n)-th training time, counted from 0, so that n that do not divide 1000 take more steps than asked "
            "(38 for 37); quad: n squares from 0 to 800, cut down to whole numbers, of which the first can come twice"
        ),
        update="the estimate of the clean picture and the predicted noise, mixed anew at the next level; it is not clipped",
        final_step="ends at exactly alpha_bar = 1, so that the picture is the network's last estimate of it",
        noise="one draw a step, after the network call; at eta 0 and in the last step it is multiplied by zero but still drawn",
    ),
    code_and_paper="no difference known; the table of betas is rounded to float32",
)
CASES = (
    *STANDARD,
    Case("eta1-20", 20, grid="uniform", schedule="linear", options={"eta": 1.0}),
    Case("eta0.5-15", 15, grid="uniform", schedule="linear", options={"eta": 0.5}, network="smooth", seed=1),
    Case("eta1-1", 1, grid="uniform", schedule="linear", options={"eta": 1.0}),
    Case("eta0.5-quad-50", 50, grid="quad", schedule="linear", options={"eta": 0.5}, shape=(2, 4, 3, 2)),
)
KNOBS = {
    "previous": ("visited", "stride"),  # where a step ends; stride: MONAI since 1.6, t - T // n on times that lie further apart
    "eta_of": ("deviation", "variance"),  # what eta is a share of; variance: azula, whose eta is the square of this one
    "ends_as": ("state", "picture"),  # picture: the last step leaves the clean picture times alpha of time 0, without noise; refiners
    "clip": ("none", "x0", "x0_and_eps"),  # x0: diffusers' default clip_sample; x0_and_eps: guided-diffusion, GLIDE
}


def sample(network, x, walk, noise, *, eta=0.0, clip="none", previous="visited", eta_of="deviation", ends_as="state"):
    """Walk down the levels from a = alpha_bar before to b = alpha_bar after each step."""
    after = walk.after if previous == "visited" else walk.below(len(walk.table) // len(walk))
    for i in range(len(walk)):
        a, b = walk.before[i], after[i]
        eps = network(x, walk.times[i], i)
        x0 = predicted_x0(x, eps, a)
        if clip != "none":
            x0 = x0.clip(-1, 1)
        if clip == "x0_and_eps":
            eps = (x - a**0.5 * x0) / (1 - a) ** 0.5
        sigma = (eta if eta_of == "deviation" else eta**0.5) * ddim_sigma(a, b)  # equation 16
        x = ddim_step(x0, eps, b, sigma)  # equation 12
        if eta:
            x = x + sigma * noise(i)
    return x if ends_as == "state" else walk.table[0] ** 0.5 * x0
