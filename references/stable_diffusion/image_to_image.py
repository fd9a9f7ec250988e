"""From a prompt and a picture to a picture: CompVis' scripts/img2img.py, after SDEdit (Meng et al. 2021, arXiv 2108.01073)."""

import numpy as np

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="Stable Diffusion v1, image to image",
    plain="""
A picture is read from a file and made smaller by an encoder, noise is added to it, as much as `strength` says, and the U-Net takes that
noise away again under the eyes of a prompt, so that another picture of the same composition comes out. Here with networks so small that
the picture shows nothing, but with every part of the authors' script in its place.

If a library did any of it otherwise, the same picture, prompt and seed would come out as another picture than in its authors' script. The
first part that differs is named: the picture as it is read, its latents, the noisy latents, tokens, embeddings, the latents after a step,
picture, or file.""",
    authors="Robin Rombach, Andreas Blattmann, Dominik Lorenz, Patrick Esser, Björn Ommer; CompVis, Stability AI, Runway",
    year=2022,
    paper="High-Resolution Image Synthesis with Latent Diffusion Models, arXiv 2112.10752; SDEdit, Meng et al. 2021, arXiv 2108.01073",
    equations="SDEdit, algorithm 1, with DDIM (Song et al. 2020, equation 12) in the place of its solver",
    function="scripts/img2img.py: main",
    line=60,
    default_of="Stable Diffusion v1-1 to v1-5, image to image",
    promise=Promises(
        {
            "picture": "what was read, from -1 to 1, once for each sample",
            "encoded": "a draw from what the encoder says, the first after the seed is set, times 0.18215",
            "tokens": "77 a prompt, the empty prompt first, unless scale is 1",
            "embeddings": "the last hidden state of the text encoder after its final normalisation",
            "noised": "the next draw is the noise, of the level of one step before the first that is visited",
            "latents": "int(strength n) steps of DDIM with eta 0; guidance from the empty prompt",
            "image": "decoded from latents / 0.18215, cut to -1 to 1",
            "png": "255 times the picture from 0 to 1, its fraction cut off",
        }
    ),
    code_and_paper=(
        "the paper adds the noise of the level at which it begins; the code adds that of one step before, so that the picture is noisier "
        "than the network is told"
    ),
)
CHECKPOINT = "stable_diffusion_v1"
PROMPT = "A fantasy landscape, trending on artstation"


def picture(name: str, steps: int, strength: float, batch: int = 1, guidance: float = 5.0, **more) -> Case:
    """A case: pictures of 64 x 32 pixels."""
    options = {"strength": strength, "prompt": PROMPT}
    return Case(name, steps, guidance=guidance, shape=(batch, 4, 4, 8), options=options, layers=("pipeline",), **more)


CASES = (
    picture("strength0.75-50", 50, 0.75, seed=42),  # what the script does unless it is told otherwise
    picture("strength0.5-8", 8, 0.5, quick=True, batch=2, seed=1),
    picture("strength0.8-5-unguided", 5, 0.8, guidance=1.0, seed=2),
    picture("strength0.6-30", 30, 0.6, guidance=7.5, seed=3),  # 30 steps are 31 there
)
KNOBS = {
    "encoded_at": ("step_before", "first_step"),  # first_step: diffusers
    "steps": ("as_many_as_fit", "asked"),  # asked: diffusers
    "png": ("truncated", "rounded"),  # rounded: diffusers
}
TOGETHER = ({"encoded_at": "first_step", "steps": "asked"},)
VARIED = ("png",)


def vary(arrays, knobs, case):
    """The outputs with the fraction of the 8-bit picture rounded, and not cut off."""
    if knobs.get("png") == "rounded":
        for number in range(case.shape[0]):
            suffix = f"#{number + 1}" if number else ""
            arrays[f"png{suffix}"] = np.rint(255 * (arrays[f"image{suffix}"] + 1) / 2).astype(np.int64)
    return arrays
