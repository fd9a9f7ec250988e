"""Which scheduler of diffusers is Black Forest Labs' sampler of FLUX.1, and how its pipeline drives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trueto.candidates.diffusers.asked import wishes
from trueto.candidates.diffusers.claims.row import FLOW, HALF_WAY, axis, claim
from trueto.candidates.diffusers.claims.sd3 import flow_latents, flow_levels
from trueto.candidates.diffusers.loops import compiled
from trueto.model import Claim

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["CLAIMS", "LOOPS", "NO_CLAIMS"]

SOURCE = "diffusers documentation, api/pipelines/flux"
QUOTE = "Original inference code can be found here (https://github.com/black-forest-labs/flux)."
# scheduler/scheduler_config.json of FLUX.1-dev and FLUX.1-schnell; with use_dynamic_shifting the shift of 3.0 is not used.
SIZES: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "base_image_seq_len": 256,
    "max_image_seq_len": 4096,
    "base_shift": 0.5,
    "max_shift": 1.15,
}
DEV: dict[str, Any] = {**SIZES, "shift": 3.0, "use_dynamic_shifting": True}
SCHNELL: dict[str, Any] = {**SIZES, "shift": 1.0, "use_dynamic_shifting": False}

IMG2IMG = axis("diffusers documentation, api/pipelines/flux, FluxImg2ImgPipeline, strength", least=4, **HALF_WAY)
FLUX_DOMAIN: dict[str, Any] = {"schedules": ["flow"], "composed": {"strength": IMG2IMG}}
TOKENS = {"whole": [256, 16384], "always": True}  # of pictures from 256 x 256 to 2048 x 2048 pixels

CLAIMS: tuple[Claim, ...] = (
    claim(
        "flux/denoise",
        "FlowMatchEulerDiscreteScheduler",
        SOURCE,
        QUOTE,
        grids={"released": {}},
        parameterizations=FLOW,
        config=DEV,
        init=("base_shift", "max_shift"),
        driven=("image_seq_len",),
        levels="flow",
        loop="flux",
        cases=("dev-*",),
        domain={
            **FLUX_DOMAIN,
            "options": {
                "image_seq_len": TOKENS,
                "base_shift": {"range": [0.0, 1.0]},
                "max_shift": {"range": [0.5, 2.0]},
            },
            "order": {"claimed": 1, "grid": "released", "steps": [32, 64, 128, 256]},
        },
        note="in the configuration that FLUX.1-dev was released with, driven as FluxPipeline does",
    ),
    claim(
        "flux/denoise",
        "FlowMatchEulerDiscreteScheduler",
        SOURCE,
        QUOTE,
        name="schnell",
        grids={"released": {}},
        parameterizations=FLOW,
        config=SCHNELL,
        driven=("image_seq_len", "shift"),
        levels="flow",
        loop="flux",
        cases=("schnell-*",),
        domain={**FLUX_DOMAIN, "options": {"image_seq_len": TOKENS, "shift": {"choices": [False], "always": True}}},
        note="in the configuration that FLUX.1-schnell was released with, driven as FluxPipeline does",
    ),
)

NO_CLAIMS: dict[str, str] = {}


def mu_of(tokens: int, config: Any) -> float:
    """The shift of a size, as pipeline_flux.py's calculate_shift has it; importing that one would need transformers."""
    slope = (config.max_shift - config.base_shift) / (config.max_image_seq_len - config.base_image_seq_len)
    return tokens * slope + (config.base_shift - slope * config.base_image_seq_len)


def flux_pipeline(scheduler: Any, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:
    """The denoising loop of FluxPipeline: it hands its own sigmas to the scheduler, and tells the network a thousandth of the timestep."""
    import numpy as np

    steps, tokens = run.case.steps, run.case.options["image_seq_len"]
    scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps), device=run.device, mu=mu_of(tokens, scheduler.config))
    scheduler.set_begin_index(0)
    latents, skipped = flow_latents(scheduler, run, wishes(claim, run.case))
    start, step = latents, compiled(scheduler.step, flags)
    for index, t in enumerate(scheduler.timesteps[skipped:]):
        run.step = index
        timestep = t.expand(run.case.shape[0]).to(latents.dtype)
        predicted = run.network(latents, timestep / 1000)
        latents = step(predicted, t, latents, return_dict=False)[0]
    kind, levels = flow_levels(scheduler, claim, run.case)
    first = levels[skipped]
    run.finish(levels=levels[skipped:], level_kind=kind, start=start / (first**2 + (1 - first) ** 2) ** 0.5, sample=latents)


LOOPS = {"flux": flux_pipeline}
