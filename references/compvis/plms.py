"""PLMS, deterministic, linear multistep of up to fourth order: Liu et al. 2022 (PNDM, arXiv 2202.09778).

Not to be confused with the paper's own PNDM, which starts with three Runge-Kutta steps, or with LMS, which
integrates over sigma and whose weights depend on the grid.
"""

from trueto.references.card import Card, Promise
from trueto.references.vp import mean_slope, transfer

from .cases import STANDARD
from .frame import PREVIOUS

CARD = Card(
    title="PLMS",
    plain="""
PLMS turns random noise into a picture in about 50 steps. At each step it asks the neural network once which part of the picture is
noise, and mixes that answer with the three before it in fixed proportions, so that it can take longer steps without losing its way.

It is the sampler that Stable Diffusion v1-4 and v1-5 were released with: whoever loads them in diffusers gets it, under the name
PNDMScheduler. If a library computed it differently, the same prompt and seed would give another picture than the one
its authors published: slightly other textures after a rounding-sized change, another composition after a real one.""",
    authors="Luping Liu, Yi Ren, Zhijie Lin, Zhou Zhao; code by Katherine Crowson and CompVis",
    year=2022,
    paper="Pseudo Numerical Methods for Diffusion Models on Manifolds, arXiv 2202.09778",
    equations="step: equation 9; multistep: equation 12; first step: the improved Euler step of S-PNDM (appendix)",
    function="ldm/models/diffusion/plms.py: PLMSSampler.sample",
    line=58,
    default_of="Stable Diffusion v1-4 and v1-5 as released for diffusers (PNDMScheduler); `--plms` in CompVis' scripts/txt2img.py",
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid=(
            "every (1000 // n)-th training time, counted from 1: for n that do not divide 1000 more steps than asked (31 for "
            "30); for n whose 1000 // n divides 999 (3, 9, 27, 36, 37, 101 to 111, 251 to 333, all above 500) an IndexError"
        ),
        update=(
            "orders 2, 2, 3, 4, 4, ...: the first step asks the network twice, at both of its ends, and is then taken once "
            "with the mean of the answers"
        ),
        final_step="as any other, down to the level of training time 0, which is not quite clean (alpha_bar 0.99915 for Stable Diffusion)",
        noise=(
            "draws noise after each network call (steps + 1 times) and multiplies it by zero; a library that draws none gives "
            "the same picture, but another next one from the same generator"
        ),
    ),
    code_and_paper=(
        "the paper has S-PNDM (second order throughout) and F-PNDM (three Runge-Kutta steps of four network calls, then "
        "fourth order); the code rises from order 2 to 4 instead, with one extra call. The paper ends at alpha_bar = 1 and "
        "counts one training time lower"
    ),
    variants={
        "paper": {"startup": "runge_kutta", "offset": "zero", "final_alpha": "one"},
        "s-pndm": {"order": "2", "offset": "zero", "final_alpha": "one"},
    },
)
CASES = STANDARD
KNOBS = {
    "startup": ("improved_euler", "euler", "runge_kutta"),  # runge_kutta: the paper; diffusers' default skip_prk_steps=False
    "lone_step": ("twice", "once"),  # once: diffusers, whose one-step run has a single network call
    "order": ("4", "3", "2", "1"),  # highest order reached; 2: the paper's S-PNDM
    # to_call: where the second call is, also where the next step begins further on; MONAI, which leaves the second step out.
    "first_step": ("to_next", "to_call"),
    **PREVIOUS,
    # What the corrected first step spans: what the trial step does, or the stride that ends at the time of the second call. diffusers;
    # where times lie further apart than a stride it begins at another level than that of the state that it takes.
    "corrected": ("trial_step", "stride_to_call"),
    "remembered": ("first", "mean"),  # which slope of the first step enters the history
}


def runge_kutta(predict, x, eps, walk, i):
    """Mean slope of step i from four evaluations, of which `eps` is the first (equation 13)."""
    a, b, half, time = walk.before[i], walk.after[i], walk.halfway[i], walk.halfway_times[i]
    second = predict(transfer(x, eps, a, half), time, i)
    third = predict(transfer(x, second, a, half), time, i)
    fourth = predict(transfer(x, third, a, b), walk.times[i + 1], i)
    return (eps + 2 * second + 2 * third + fourth) / 6


def sample(
    predict, x, walk, noise, *,
    startup="improved_euler", lone_step="twice", order="4", remembered="first", first_step="to_next", previous="visited",
    corrected="trial_step",
):  # fmt: skip
    """Walk down the levels; `slopes` are the network's answers, newest first."""
    slopes = []
    for i in range(len(walk)):
        a, b = walk.before[i], walk.ends(previous)[i]
        b = walk.first_end[1] if i == 0 and first_step == "to_call" else b
        eps = predict(x, walk.times[i], i)
        slopes = [eps, *slopes][: int(order)]
        if startup == "improved_euler" and i == 0 and (len(walk) > 1 or lone_step == "twice"):
            at_end = predict(transfer(x, eps, a, b), walk.first_end[0], i)
            slope = (eps + at_end) / 2
            if remembered == "mean":
                slopes = [slope]
            if corrected == "stride_to_call":
                b, a = walk.first_end[1:]
        elif startup == "runge_kutta" and i < 3:
            slope = runge_kutta(predict, x, eps, walk, i)
        else:
            slope = mean_slope(slopes)
        x = transfer(x, slope, a, b)
    return x
