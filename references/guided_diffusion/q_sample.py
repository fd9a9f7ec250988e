"""The forward process, from picture to noise: Ho et al. 2020 (arXiv 2006.11239), equation 4; and the velocity of it.

Image-to-image begins with it, and training feeds the network with it. Not to be confused with a sampler's step: no network is called, and
no step is taken.
"""

import numpy as np

from trueto.model import Case
from trueto.references.card import Card, Promise
from trueto.references.forward import LOOKUPS, forward
from trueto.references.rounded import as_latents

CARD = Card(
    title="Adding noise (q_sample) and velocity",
    plain="""
This mixes a picture with noise, as much of it as belongs to a training time: none to speak of at time 0, almost nothing but noise at time
999. Training shows the network such mixtures, and image-to-image begins with one of them in the place of pure noise.

Libraries call it add_noise. If one of them took the noise of another time, image-to-image would come out too close to the first picture or
too far from it, and a network would be trained on the wrong task without anybody noticing.""",
    authors="Jonathan Ho, Ajay Jain, Pieter Abbeel; code by OpenAI",
    year=2020,
    paper="Denoising Diffusion Probabilistic Models, arXiv 2006.11239",
    equations="equation 4; velocity: Salimans and Ho 2022, arXiv 2202.00512, appendix D",
    function="guided_diffusion/gaussian_diffusion.py: GaussianDiffusion.q_sample",
    line=188,
    default_of="every training run of a diffusion model, and the first step of image-to-image",
    promise=Promise(
        start="the picture, and noise of variance one that the caller gives",
        grid="any training time, at any moment: a sampler's steps play no part in it; each picture of a batch can have a time of its own",
        update="sqrt(alpha_bar) times the picture plus sqrt(1 - alpha_bar) times the noise",
        final_step="the same at every time; at time 0 a little noise is left in",
        noise="none is drawn where the caller gives it",
    ),
    code_and_paper=(
        "code and paper agree. The original has no function for the velocity; as sqrt(alpha_bar) noise - sqrt(1 - alpha_bar) picture it "
        "is q_sample with noise in the place of the picture and the negative picture in that of the noise, and is recorded so: being the "
        "same there means consistent with the original"
    ),
    variants={},
)
TRAINING = [0, 1, 111, 500, 777, 999]
# Times that samplers set up for ten steps visit: every hundredth, counted from 1; every ninetieth, for which eleven are spaced and
# the last is left out; evenly from 999 on, rounded.
VISITED = {"tenths": [1, 101, 501, 801, 901], "elevenths": [91, 451, 811, 901], "linspace": [100, 500, 899, 999]}
VELOCITY = {"target": "velocity"}


def times(name: str, asked: list[int], prepared: int, **more) -> Case:
    """A case that asks for noise at these times, with a sampler set up for `prepared` steps before, or for none."""
    options = {"times": asked, "prepared": prepared, **more.pop("options", {})}
    chosen = {"schedule": "sd_v1", "grid": "leading" if prepared else "model", "network": "smooth", "shape": (2, 3, 3, 2)}
    return Case(name, len(asked), options=options, **{**chosen, "layers": ("trajectory",), **more})


CASES = (
    *(times(f"after-{grid}", asked, 10, seed=1, quick=grid == "tenths") for grid, asked in VISITED.items()),
    times("before", TRAINING, 0, quick=True),
    times("before-leading", TRAINING, 0, grid="leading", seed=1),
    times("before-cosine", TRAINING, 0, schedule="cosine", seed=1),
    times("between", TRAINING, 10),
    times("velocity-before", TRAINING, 0, options=VELOCITY, seed=1),
    times("velocity-after", VISITED["tenths"], 10, options=VELOCITY),
)
KNOBS = {
    # Precision of the two weights; latents: that of picture and noise, from alpha_bar on; sigma: picture plus sigma times noise, as
    # k-diffusion scales it, with sigma rounded.
    "coefficients": ("float64", "latents", "sigma"),
    # Where the level of a time is looked up: in the table, or in the list of a sampler's times, where a time that is not there is refused
    # or taken for the last one. place: the place of a time in that list is taken for the time.
    "lookup": LOOKUPS,
}


@forward
def sample(x0, noise, alpha_bar, given, *, target="noisy", coefficients="float64"):
    """The mixture (B, C, H, W) at alpha_bar (B, 1, 1, 1), or the velocity, which is the derivative of it by the angle of the level.

    `given` is alpha_bar of the time that was asked for; what k-diffusion scales in its own way is put back to variance one by it.
    """
    dtype = x0.dtype
    if coefficients == "sigma":
        rounded = alpha_bar.astype(dtype)
        return (x0 + np.sqrt((1 - rounded) / rounded) * noise) * np.sqrt(given).astype(dtype)
    if coefficients == "latents":
        rounded = as_latents(alpha_bar, x0)
        signal, rest = np.sqrt(rounded), np.sqrt(1 - rounded)
    else:
        signal, rest = np.sqrt(alpha_bar).astype(dtype), np.sqrt(1 - alpha_bar).astype(dtype)
    if target == "velocity":
        return signal * noise - rest * x0
    return signal * x0 + rest * noise  # equation 4
