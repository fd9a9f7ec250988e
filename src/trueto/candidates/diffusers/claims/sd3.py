"""Which scheduler of diffusers is Stability AI's reference sampler of Stable Diffusion 3, and how its pipeline drives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trueto.candidates.diffusers.claims.row import DOCS, claim
from trueto.model import Case, Claim

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["CLAIMS", "FLOW", "LEVELS", "LOOPS", "NO_CLAIMS", "stepper"]

# scheduler/scheduler_config.json of Stable Diffusion 3 Medium.
SD3: dict[str, Any] = {"num_train_timesteps": 1000, "shift": 3.0}
FLOW = {"flow": "flow_prediction"}  # flow-matching schedulers know no other and ignore the name

CLAIMS: tuple[Claim, ...] = (
    claim(
        "sd3/euler",
        "FlowMatchEulerDiscreteScheduler",
        DOCS + "flow_match_euler_discrete",
        "FlowMatchEulerDiscreteScheduler is based on the flow-matching sampling introduced in Stable Diffusion 3.",
        grids={"released": {}},
        parameterizations=FLOW,
        config=SD3,
        init=("shift",),
        levels="flow",
        loop="sd3",
        note="in the configuration that Stable Diffusion 3 Medium was released with, driven as StableDiffusion3Pipeline does",
    ),
)

NO_CLAIMS: dict[str, str] = {
    "rectified_flow/euler": "the documentation names Stable Diffusion 3 as the origin of FlowMatchEulerDiscreteScheduler; no scheduler "
    "of diffusers lets time run from noise to data or tells 999 t. FlowMatchHeunDiscreteScheduler is documented as based on 'the "
    "flow-matching sampling introduced in EDM', whose code has none, and FlowMatchLCMScheduler names no original: neither is claimed",
}


def flow_levels(scheduler: Any, claim: Claim, case: Case) -> tuple[str, Any]:  # noqa: ARG001 - all readers of levels are alike
    """The stored sigmas of a flow-matching scheduler, which are the share of noise in x."""
    return "flow", scheduler.sigmas


def stepper(scheduler: Any, flags: Mapping[str, Any]) -> Any:
    """The scheduler's step, compiled where the profile asks for it."""
    import torch

    return torch.compile(scheduler.step, backend=flags["compile"]) if flags.get("compile") else scheduler.step


def sd3_pipeline(scheduler: Any, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:
    """The denoising loop of StableDiffusion3Pipeline: latents are not scaled, guidance comes from one doubled batch."""
    import torch

    scheduler.set_timesteps(run.case.steps, device=run.device)
    latents = start = run.start_noise()
    step, scale, size = stepper(scheduler, flags), run.case.guidance, run.case.shape[0]
    for index, t in enumerate(scheduler.timesteps):
        run.step = index
        if scale is None:
            predicted = run.network(latents, t.expand(size))
        else:
            marks = torch.cat([torch.zeros(size, 1), torch.ones(size, 1)])
            both = run.network(torch.cat([latents] * 2), t.expand(2 * size), marks)
            unconditional, conditional = both.chunk(2)
            predicted = unconditional + scale * (conditional - unconditional)
        latents = step(predicted, t, latents, return_dict=False)[0]
    kind, levels = flow_levels(scheduler, claim, run.case)
    run.finish(levels=levels, level_kind=kind, start=start, sample=latents)


LEVELS = {"flow": flow_levels}
LOOPS = {"sd3": sd3_pipeline}
