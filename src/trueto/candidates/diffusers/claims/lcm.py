"""Which scheduler of diffusers is the authors' LCM sampler."""

from __future__ import annotations

from typing import Any

from trueto.candidates.diffusers.claims.row import (
    ALL_THREE,
    BOUNDED_SAID,
    CLIP,
    DOCS,
    GENERATOR,
    STRENGTH,
    THRESHOLD,
    TRAINED_BETAS,
    ZERO_SNR_SAID,
    axis,
    claim,
)
from trueto.model import Case, Claim

__all__ = ["CLAIMS", "LEVELS", "NO_CLAIMS"]

UNIFORM: dict[str, dict[str, Any]] = {"uniform": {}}
# Beyond 50 steps the original refuses, as with any step count above original_inference_steps.
DOMAIN: dict[str, Any] = {
    "schedules": ["sd_v1", "linear", "cosine"],
    "options": {"original_inference_steps": {"choices": [25, 30, 50, 100]}},
    "composed": {
        "clip_sample": axis(BOUNDED_SAID, true=({"clip_sample": True}, {"clip": "x0"}), **CLIP, **THRESHOLD),
        "rescale_betas_zero_snr": axis(ZERO_SNR_SAID, true=({"rescale_betas_zero_snr": True}, {"terminal": "zero"})),
        "trained_betas": TRAINED_BETAS,
        "generator": GENERATOR,
    },
    "unless": {"rescale_betas_zero_snr and parameterization == 'eps'": "nothing of the picture is left at the first time: a division by 0"},
}
# LatentConsistencyModelImg2ImgPipeline hands the strength to set_timesteps; other pipelines of image to image leave steps out themselves.
SHARES: dict[str, Any] = {
    name: ({}, {"strength": name, "strength_of": "known"}, {"strength": float(name), "by_set_timesteps": True})
    for name in ("0.3", "0.5", "0.8", "1")
}
BY_TIMES = axis(
    "diffusers, LCMScheduler.set_timesteps, strength: 'Strength factor used to generate a partial timestep schedule (e.g. for "
    "image-to-image).'",
    **SHARES,
)
TOO_MANY = {
    f"strength == '{share}' and steps > original_inference_steps * {share}": "both refuse more steps than are left of the known times"
    for share in ("0.3", "0.5", "0.8")
}

CLAIMS: tuple[Claim, ...] = (
    claim(
        "lcm/lcm",
        "LCMScheduler",
        DOCS + "lcm",
        "Multistep and onestep scheduler (Algorithm 3) introduced alongside latent consistency models in the paper Latent Consistency "
        "Models: Synthesizing High-Resolution Images with Few-Step Inference by Simian Luo, Yiqin Tan, Longbo Huang, Jian Li, and Hang "
        "Zhao.",
        grids=UNIFORM,
        parameterizations=ALL_THREE,
        config={},
        timesteps=("original_inference_steps",),
        levels="ends_clean",
        domain={
            **DOMAIN,
            "composed": {**DOMAIN["composed"], "strength": BY_TIMES},
            "unless": {**DOMAIN["unless"], **TOO_MANY},
        },
        note="LCMScheduler's own defaults; original_inference_steps is passed to set_timesteps, as LatentConsistencyModelPipeline does",
    ),
    claim(
        "lcm/lcm",
        "LCMScheduler",
        DOCS + "lcm",
        "Multistep and onestep scheduler (Algorithm 3) introduced alongside latent consistency models",
        name="lora",
        grids=UNIFORM,
        parameterizations=ALL_THREE,
        init=("original_inference_steps",),
        levels="ends_clean",
        domain={**DOMAIN, "composed": {**DOMAIN["composed"], "strength": STRENGTH}},
        note="with the settings of Stable Diffusion v1, as LCM-LoRAs are used: LCMScheduler.from_config(pipe.scheduler.config)",
    ),
)

NO_CLAIMS: dict[str, str] = {}


def ends_clean(scheduler: Any, claim: Claim, case: Case) -> tuple[str, Any]:  # noqa: ARG001 - all readers of levels are alike
    """alpha_bar at the times visited; the last step ends at the clean sample."""
    import torch

    levels = scheduler.alphas_cumprod[scheduler.timesteps]
    return "alpha_bar", torch.cat([levels, torch.ones_like(levels[:1])])


LEVELS = {"ends_clean": ends_clean}
