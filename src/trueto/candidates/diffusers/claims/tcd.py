"""Which scheduler of diffusers is the authors' TCD sampler."""

from __future__ import annotations

from typing import Any

from trueto.candidates.diffusers.claims.row import ALL_THREE, GENERATOR, STRENGTH, TRAINED_BETAS, ZERO_SNR_SAID, axis, claim
from trueto.model import Case, Claim

__all__ = ["CLAIMS", "LEVELS", "NO_CLAIMS"]

UNIFORM: dict[str, dict[str, Any]] = {"uniform": {}}
SOURCE = "diffusers/schedulers/scheduling_tcd.py, TCDScheduler"
QUOTE = "This code is based on the official repo of TCD(https://github.com/jabir-zheng/TCD)."
# All but known-all: with original_inference_steps None, which the original takes, set_timesteps raises (docs/findings/tcd-steps.md).
CASES = ("gamma*", "default-*", "known-25-*", "known-30-*", "v-*", "x0-*", "linear-*", "cosine-*")
ZERO_SNR = axis(
    ZERO_SNR_SAID,
    layers=("schedule", "start", "trajectory"),  # a step passes a level of the whole table, which its own levels do not say
    true=({"rescale_betas_zero_snr": True}, {"terminal": "zero"}),
)
DOMAIN: dict[str, Any] = {
    "schedules": ["sd_v1", "linear", "cosine"],
    "options": {"eta": {"range": [0.0, 1.0]}, "original_inference_steps": {"choices": [25, 30, 50, 100]}},
    "composed": {
        "rescale_betas_zero_snr": ZERO_SNR,
        "trained_betas": TRAINED_BETAS,
        "strength": STRENGTH,
        "generator": GENERATOR,
    },
    "unless": {"rescale_betas_zero_snr and parameterization == 'eps'": "nothing of the picture is left at the first time: a division by 0"},
}

CLAIMS: tuple[Claim, ...] = (
    claim(
        "tcd/tcd",
        "TCDScheduler",
        SOURCE,
        QUOTE,
        grids=UNIFORM,
        parameterizations=ALL_THREE,
        config={},
        init=("original_inference_steps",),
        step=("eta",),
        levels="ends_at_first_time",
        cases=CASES,
        domain=DOMAIN,
        note="TCDScheduler's own defaults; original_inference_steps in its constructor",
    ),
    claim(
        "tcd/tcd",
        "TCDScheduler",
        SOURCE + ".set_timesteps",
        "The original number of inference steps, which will be used to generate a linearly-spaced timestep schedule",
        name="lora",
        grids=UNIFORM,
        parameterizations=ALL_THREE,
        timesteps=("original_inference_steps",),
        step=("eta",),
        levels="ends_at_first_time",
        cases=CASES,
        domain=DOMAIN,
        note="with the settings of Stable Diffusion v1, as TCD-LoRAs are used: TCDScheduler.from_config(pipe.scheduler.config); "
        "original_inference_steps passed to set_timesteps",
    ),
)

NO_CLAIMS: dict[str, str] = {}


def ends_at_first_time(scheduler: Any, claim: Claim, case: Case) -> tuple[str, Any]:  # noqa: ARG001 - all readers of levels are alike
    """alpha_bar at the times visited; the last step ends at training time 0."""
    import torch

    levels = scheduler.alphas_cumprod
    return "alpha_bar", torch.cat([levels[scheduler.timesteps], levels[:1]])


LEVELS = {"ends_at_first_time": ends_at_first_time}
