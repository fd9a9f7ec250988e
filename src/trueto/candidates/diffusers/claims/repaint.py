"""Which scheduler of diffusers is RePaint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trueto.candidates.diffusers.claims.row import DOCS, EPS, claim
from trueto.candidates.diffusers.loops import compiled, read_levels
from trueto.model import Case, Claim

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["CLAIMS", "LEVELS", "LOOPS", "NO_CLAIMS"]

QUOTE = (
    "RePaintScheduler is a DDPM-based inpainting scheduler for unsupervised inpainting with extreme masks. It is designed to be used with "
    "the RePaintPipeline, and it is based on the paper RePaint: Inpainting using Denoising Diffusion Probabilistic Models by Andreas "
    "Lugmayr et al."
)

CLAIMS: tuple[Claim, ...] = tuple(
    claim(
        "repaint/repaint",
        "RePaintScheduler",
        DOCS + "repaint",
        QUOTE,
        name=name,
        grids={"spaced": {}},
        parameterizations=EPS,
        config={"num_train_timesteps": 1000, "clip_sample": True},
        base={"eta": eta},
        init=("clip_sample", "jump_length", "jump_n_sample"),
        levels="repaint",
        loop="repaint",
        domain={
            "schedules": ["linear"],
            "options": {
                "clip_sample": {"choices": [True, False]},
                "jump_length": {"whole": [2, 10]},
                "jump_n_sample": {"choices": [1, 2, 3]},
            },
        },
        note=note,
    )
    for name, eta, note in (
        ("", 0.0, "with the pipeline's default and its example's eta, 0; driven as RePaintPipeline drives it"),
        ("ddpm", 1.0, "with eta 1, which 'corresponds to DDPM', as the original is"),
    )
)

NO_CLAIMS: dict[str, str] = {}


def repaint_levels(scheduler: Any, claim: Claim, case: Case) -> tuple[str, Any]:  # noqa: ARG001 - all readers of levels are alike
    """alpha_bar at each time at which the network is called, that is where the time falls, and 1 at the end."""
    import torch

    times = scheduler.timesteps
    before = torch.cat([times[:1] + 1, times[:-1]])
    return "alpha_bar", torch.cat([scheduler.alphas_cumprod[times[times < before]], scheduler.final_alpha_cumprod.reshape(1)])


def repaint(scheduler: Any, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:
    """The loop of RePaintPipeline: a step where the time falls, an undo step where it rises."""
    step = compiled(scheduler.step, flags)
    case, picture, mask = run.case, run.picture(), run.mask()
    scheduler.set_timesteps(case.steps, case.options.get("jump_length", 10), case.options.get("jump_n_sample", 1))
    image = start = run.start_noise()
    last = scheduler.timesteps[0] + 1
    for index, t in enumerate(scheduler.timesteps):
        run.step = run.noise.step = index
        falls, before, last = t < last, last, t
        if not falls:
            image = scheduler.undo_step(image, before)
            continue
        image = step(run.network(image, t), t, image, picture, mask).prev_sample
    kind, levels = read_levels(scheduler, claim, case)
    run.finish(levels=levels, level_kind=kind, start=start, sample=image)


LEVELS = {"repaint": repaint_levels}
LOOPS = {"repaint": repaint}
