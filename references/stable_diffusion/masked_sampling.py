"""A part of a picture is kept and the rest painted anew: CompVis' samplers with a mask, Rombach et al. 2022 (arXiv 2112.10752)."""

from trueto.model import Case
from trueto.references.card import Card, Promises

from .cases import rounded_png

CARD = Card(
    title="Stable Diffusion v1, a part painted anew",
    plain="""
A mask says which part of a picture is to be kept. Before each step the kept part of the latents is replaced by that of the given picture,
with as much noise as belongs to the step, and the rest is painted so that it fits to it and to the prompt. That works with any model, none
has to be trained for it. Here with networks so small that the picture shows nothing, but with every part in its place.

If a library kept another part, or put it back at another step or with other noise, the seam and all that is painted would come out
otherwise. The first part that differs is named: picture, mask, latents after a step, or file.""",
    authors="Robin Rombach, Andreas Blattmann, Dominik Lorenz, Patrick Esser, Björn Ommer; CompVis, Stability AI, Runway",
    year=2022,
    paper="High-Resolution Image Synthesis with Latent Diffusion Models, arXiv 2112.10752; Song et al. 2020, arXiv 2011.13456",
    equations="none in the first; the second: appendix I.2, imputation, here with steps of DDIM",
    function="ldm/models/diffusion/ddim.py: DDIMSampler.ddim_sampling",
    line=114,
    default_of="ldm/models/diffusion/ddpm.py: log_images of latent diffusion, whose mask is a square in the middle",
    promise=Promises(
        {
            "tokens": "77 a prompt, the empty prompt first, unless scale is 1",
            "picture": "what was read, from -1 to 1, once for each sample",
            "encoded": "a draw from what the encoder says, the first after the seed is set, times 0.18215",
            "mask": "1 where it is kept: darker than half of white, at the pixel that stands for each latent",
            "latents": (
                "begin as the next draw; before each step the kept part becomes that of the picture, with noise drawn anew, of the time "
                "that the network is told (not before the second call in the first step of PLMS); nothing is put in after the last step"
            ),
            "image": "decoded from latents / 0.18215, cut to -1 to 1; the kept part of it went through the networks, too",
            "png": "255 times the picture from 0 to 1, its fraction cut off",
        }
    ),
    code_and_paper="the first paper does not say how; the code is what the second has",
)
CHECKPOINT = "stable_diffusion_v1"
PROMPT = "A fantasy landscape, trending on artstation"


def masked(name: str, steps: int, batch: int = 1, guidance: float = 7.5, sampler: str = "ddim", **more) -> Case:
    """A case: pictures of 32 x 32 pixels."""
    options = {"prompt": PROMPT, "sampler": sampler}
    return Case(name, steps, guidance=guidance, shape=(batch, 4, 4, 4), options=options, layers=("pipeline",), **more)


CASES = (
    masked("ddim-10", 10, quick=True, seed=42),
    masked("ddim-5-batch", 5, batch=2, guidance=5.0, seed=1),
    masked("ddim-8-unguided", 8, guidance=1.0, seed=2),
    masked("plms-5", 5, seed=3),  # the sampler that Stable Diffusion v1-4 and v1-5 were released with
)
KNOBS = {
    # When the kept part is put in, and with which noise. start_after_step, diffusers: after each step, at the level that it led to, with
    # the noise that the run began with, so that nothing is put in before the first call, and the clean picture after the last.
    "kept": ("anew_before_call", "start_after_step"),
    "png": ("truncated", "rounded"),  # rounded: diffusers
}
VARIED = ("png",)
vary = rounded_png
