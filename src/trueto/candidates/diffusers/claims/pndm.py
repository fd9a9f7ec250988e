"""Which scheduler of diffusers is F-PNDM of luping-liu/PNDM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trueto.candidates.diffusers.claims.row import DOCS, EPS, claim
from trueto.candidates.diffusers.loops import compiled
from trueto.candidates.diffusers.older import offset_of_levels
from trueto.model import Case, Claim

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["CLAIMS", "LEVELS", "LOOPS", "NO_CLAIMS"]

RUNGE_KUTTA_STEPS = 3


def pndm_pipeline(scheduler: Any, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:
    """The denoising loop of PNDMPipeline; the first three steps are four network calls each."""
    scheduler.set_timesteps(run.case.steps)
    start = image = run.start_noise()
    step = compiled(scheduler.step, flags)
    for index, t in enumerate(scheduler.timesteps):
        run.step = run.noise.step = max(index // 4, index - 3 * RUNGE_KUTTA_STEPS)
        image = step(run.network(image, t), t, image, return_dict=False)[0]
    kind, levels = pndm_levels(scheduler, claim, run.case)
    run.finish(levels=levels, level_kind=kind, start=start, sample=image)


def pndm_levels(scheduler: Any, claim: Claim, case: Case) -> tuple[str, Any]:  # noqa: ARG001 - all readers of levels are alike
    """alpha_bar where each step starts, and where a stride of T // n ends after the last."""
    import torch

    calls = 4 * RUNGE_KUTTA_STEPS
    times = torch.cat([scheduler.timesteps[:calls:4], scheduler.timesteps[calls:]])
    before = times[-1] - scheduler.config.num_train_timesteps // case.steps
    last = scheduler.alphas_cumprod[before] if before >= 0 else scheduler.final_alpha_cumprod
    return "alpha_bar", torch.cat([scheduler.alphas_cumprod[times + offset_of_levels(scheduler)], last.reshape(1)])


LOOPS = {"pndm": pndm_pipeline}
LEVELS = {"pndm": pndm_levels}

CLAIMS: tuple[Claim, ...] = (
    claim(
        "pndm/pndm",
        "PNDMScheduler",
        "diffusers documentation, api/pipelines/pndm (until PNDMPipeline was moved to diffusers/pipelines/deprecated/pndm)",
        "The original codebase can be found at luping-liu/PNDM.",
        config={},
        grids={"uniform": {}},
        parameterizations=EPS,
        levels="pndm",
        loop="pndm",
        domain={"schedules": ["linear", "sd_v1", "cosine"]},
        note=(
            f"with the constructor's defaults, so skip_prk_steps=False, as PNDMPipeline makes it for google/ddpm-cifar10-32; {DOCS}pndm "
            "names crowsonkb/k-diffusion as the original instead"
        ),
    ),
)

NO_CLAIMS: dict[str, str] = {}
