"""Which schedulers of diffusers are GLIDE's samplers: it has no GLIDE, but two pipelines that are sampled in the same way."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from trueto.candidates.diffusers.asked import first_latents, wishes
from trueto.candidates.diffusers.claims.row import DOCS, EPS, HALF_WAY, axis, claim
from trueto.candidates.diffusers.loops import compiled, read_levels
from trueto.model import Claim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trueto.torch_run import Run

__all__ = ["CLAIMS", "LOOPS", "NO_CLAIMS"]


def text_to_image(scheduler: Any, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:
    """The loop of IFPipeline and UnCLIPPipeline: guidance on a doubled batch, the variance read from the answer with the text.

    On the grid `fast27` IFPipeline's own list of times is passed, as its documentation shows.
    """
    case = run.case
    if case.grid == "fast27":
        times = importlib.import_module("diffusers.pipelines.deepfloyd_if").fast27_timesteps
        scheduler.set_timesteps(timesteps=times, device=run.device)
    else:
        scheduler.set_timesteps(case.steps, device=run.device)
    image, skipped = first_latents(scheduler, run, wishes(claim, case))
    image = image if "strength" in case.composed else image * case.options.get("temperature", 1.0)
    start, times = image, scheduler.timesteps[skipped:]
    step = compiled(scheduler.step, flags)
    for index, t in enumerate(times):
        run.step = run.noise.step = index
        extra = {}
        if claim.implementation == "UnCLIPScheduler":
            extra["prev_timestep"] = None if index + 1 == len(times) else times[index + 1]
        image = step(guided(run, image, t), t, image, return_dict=False, **extra)[0]
    kind, levels = read_levels(scheduler, claim, case)
    run.finish(levels=levels[skipped:], level_kind=kind, start=start, sample=image)


def guided(run: Run, image: Any, t: Any) -> Any:
    """The network's answer with its variance, guided as the pipelines do it."""
    import torch

    if run.case.guidance is None:
        return run.network_with_variance(image, t)
    size, channels = image.shape[:2]
    marks = torch.cat([torch.zeros(size, 1), torch.ones(size, 1)])
    unconditional, conditional = run.network_with_variance(torch.cat([image] * 2), t, marks).chunk(2)
    unconditional, _ = unconditional.split(channels, dim=1)
    conditional, variance = conditional.split(channels, dim=1)
    return torch.cat([unconditional + run.case.guidance * (conditional - unconditional), variance], dim=1)


LOOPS = {"text_to_image": text_to_image}
# A step over nearly all times of the cosine: the original's products of 1 - beta lose digits there, in float64 as well.
NEARLY_ALL = {"schedule == 'cosine' and grid == 'spaced' and steps < 10": "the original's float64 is not exact enough to judge by"}
DOMAIN: dict[str, Any] = {"schedules": ["linear", "cosine"], "guidance": [None, 3.0, 5.0], "unless": NEARLY_ALL}
IMG2IMG = axis("diffusers documentation, api/pipelines/deepfloyd_if, IFImg2ImgPipeline, strength", least=4, **HALF_WAY)
CLIP = {"clip_denoised": {"choices": [True, False]}}

CLAIMS: tuple[Claim, ...] = (
    claim(
        "glide/ddpm",
        "DDPMScheduler",
        "diffusers/schedulers/scheduling_ddpm.py, comments beside beta_schedule; diffusers documentation, api/pipelines/deepfloyd_if",
        "Glide cosine schedule",
        grids={"spaced": {"timestep_spacing": "linspace"}, "ddim": {}, "fast27": {}},
        parameterizations=EPS,
        config={},
        base={"variance_type": "learned_range"},
        init={"clip_denoised": "clip_sample"},
        driven=("temperature",),
        levels="to_clean",
        loop="text_to_image",
        # fast27 is a list of 27 times, so that no step count can be drawn for it.
        domain={
            **DOMAIN,
            "grids": ["spaced", "ddim"],
            "options": {**CLIP, "temperature": {"range": [0.9, 1.0]}},
            "composed": {"strength": IMG2IMG},
        },
        note="diffusers has no GLIDE pipeline; driven as IFPipeline drives this scheduler",
    ),
    claim(
        "glide/ddpm",
        "UnCLIPScheduler",
        "diffusers/schedulers/scheduling_unclip.py, UnCLIPScheduler",
        "This is a modified DDPM Scheduler specifically for the karlo unCLIP model.",
        name="unclip",
        grids={"spaced": {}},
        parameterizations=EPS,
        config={},
        base={"variance_type": "learned_range"},
        levels="to_clean",
        loop="text_to_image",
        cases=("base-*",),
        domain={**DOMAIN, "steps": [10, 50], "schedules": ["cosine"]},  # see NEARLY_ALL; with one step both refuse, each in its own way
        note="unCLIP is GLIDE's successor; the documentation names karlo, and not GLIDE. Only the cosine schedule is supported",
    ),
)

NO_CLAIMS: dict[str, str] = {
    "glide/ddim": f"no counterpart: {DOCS}ddim names another original, and no pipeline samples a model with learned variance so",
}
