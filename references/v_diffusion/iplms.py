"""IPLMS, deterministic, linear multistep of rising order up to four: Zhang and Chen 2022 (DEIS, arXiv 2204.13902).

Not to be confused with PLMS of the same repository, which starts with three Runge-Kutta steps, or with CompVis' PLMS, which starts with
one improved Euler step.
"""

from trueto.references.card import Card, Promise

from .cases import REVERSE, STANDARD, THOUSAND
from .frame import WEIGHTS, transfer

CARD = Card(
    title="IPLMS",
    plain="""
IPLMS turns random noise into a picture or a piece of sound in about 50 steps. At each step it asks the neural network once which part is
noise, and mixes that answer with up to three before it in fixed proportions. Its first steps simply use as many answers as there are.

It is the sampler that Dance Diffusion, a family of music models, runs with in diffusers, under the name IPNDMScheduler. If a library
computed it differently, the same noise would become another piece of sound.""",
    authors="Qinsheng Zhang, Yongxin Chen; code by Katherine Crowson",
    year=2022,
    paper="Fast Sampling of Diffusion Models with Exponential Integrator, arXiv 2204.13902",
    equations="the multistep weights of Liu et al. 2022 (arXiv 2202.09778), equation 12, with orders 1, 2, 3 in the first steps",
    function="diffusion/sampling.py: iplms_sample",
    line=296,
    default_of="DanceDiffusionPipeline in diffusers (IPNDMScheduler); `--method iplms` in cfg_sample.py",
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid=(
            "whatever times it is given, then exactly 0; the scripts give the spliced schedule, which begins at t = 0.9957. At t = 1 "
            "exactly it divides by cos(pi / 2), which is rounding noise"
        ),
        update="orders 1, 2, 3, 4, 4, ...: weights for equal steps, although the steps are not equal",
        final_step="as any other, down to exactly 0: the picture that the mixed answers imply",
    ),
    code_and_paper="the paper (section 4, iPNDM) has the same rising orders; the noise schedule and the grid are the code's own",
)
CASES = (*STANDARD, *REVERSE, *THOUSAND)
KNOBS = {
    "order": ("4", "3", "2", "1"),  # highest order reached
    # What a step that begins at alpha = 0 takes for the picture. zero: diffusers divides 0 by max(alpha, 1e-8).
    "no_picture": ("undefined", "zero"),
}


def sample(predict, x, walk, noise, *, order="4", no_picture="undefined"):
    """Walk along the levels; `slopes` are the network's answers as noise, newest first."""
    slopes = []
    for i in range(len(walk) - 1):
        slopes = [predict(x, walk[i], i), *slopes][: int(order)]
        weights, divisor = WEIGHTS[len(slopes)]
        slope = sum(w * e for w, e in zip(weights, slopes, strict=True)) / divisor
        x = transfer(x, slope, walk[i], walk[i + 1], least_alpha=1e-8 if no_picture == "zero" else None)
    return x
