"""Which schedulers of diffusers are the samplers of ermongroup/ddim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trueto.candidates.diffusers import loops
from trueto.candidates.diffusers.claims.row import (
    BOUNDED_SAID,
    CLIP,
    DOCS,
    EPS,
    GENERATOR,
    PREDICTION,
    SPACING_SAID,
    SPLIT,
    STRENGTH,
    THRESHOLD,
    TRAINED_BETAS,
    WIDE_CLIP,
    axis,
    claim,
)
from trueto.model import Case, Claim

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["CLAIMS", "LEVELS", "LOOPS", "NO_CLAIMS"]

# scheduler_config.json of google/ddpm-cifar10-32, without the betas, which come from the case's training schedule.
DDPM_CIFAR10: dict[str, Any] = {"num_train_timesteps": 1000, "clip_sample": True, "variance_type": "fixed_large"}
INFLUENCED = "diffusers/schedulers/scheduling_ddpm.py, its head"


def ddpm_levels(scheduler: Any, claim: Claim, case: Case) -> tuple[str, Any]:  # noqa: ARG001 - all readers of levels are alike
    """alpha_bar at the times visited, and where the last step ends."""
    import torch

    before = scheduler.previous_timestep(scheduler.timesteps[-1])
    last = scheduler.alphas_cumprod[before] if before >= 0 else scheduler.one
    return "alpha_bar", torch.cat([scheduler.alphas_cumprod[scheduler.timesteps], last.reshape(1)])


def custom_times(scheduler: Any, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:
    """The pipelines' loop with the original's quadratic sequence passed as `timesteps`, as their `retrieve_timesteps` passes it."""
    import numpy as np

    by_count = scheduler.set_timesteps

    def set_timesteps(steps: int, device: Any = None) -> None:
        times = np.linspace(0, np.sqrt(scheduler.config.num_train_timesteps * 0.8), steps) ** 2
        by_count(timesteps=[int(t) for t in times[::-1]], device=device)

    scheduler.set_timesteps = set_timesteps
    loops.pipeline(scheduler, claim, run, flags)


LOOPS = {"ermongroup_custom_times": custom_times}
LEVELS = {"ermongroup_ddpm": ddpm_levels}

ETA = {"eta": {"range": [0.0, 1.0]}}
AT_FIRST_TIME = axis(
    "diffusers, DDIMScheduler, set_alpha_to_one: 'When this option is `True` the previous alpha product is fixed to `1`, otherwise it uses "
    "the alpha value at step 0'",
    false=({"set_alpha_to_one": False}, {"final_alpha": "first_time"}),
)
OFFSET = axis(
    "diffusers, steps_offset: 'An offset added to the inference steps, as required by some model families'",
    one=({"steps_offset": 1}, {"offset": "one"}),
)
OUT_OF_TABLE = {
    "steps_offset and 999 % (1000 // steps) == 0": "the original takes a step more than asked, whose time the offset moves out of its table"
}
# From time 1 the last step adds noise, in the original's code as well (docs/findings/ddpm-steps-offset.md); where the variance is
# the smaller one it is 0 there, and 1e-20 in diffusers.
OFFSET_LARGE = {**OFFSET, "without": ["variance_type"]}
SPACING = axis(
    SPACING_SAID,
    linspace=({"timestep_spacing": "linspace"}, {"spacing": "linspace"}),
    trailing=({"timestep_spacing": "trailing"}, {"spacing": "trailing"}),
)
NO_NOISE_LEFT = {
    "timestep_spacing == 'trailing' and variance_type": (
        "the last step begins above time 0, where the smaller variance is 0 in the original and 1e-20 in diffusers, as with steps_offset"
    )
}
UNCLIPPED = axis(
    "diffusers, clip_sample: 'Clip the predicted sample for numerical stability'; " + BOUNDED_SAID,
    false=({"clip_sample": False}, {"clip": "none"}),
    **CLIP,
    **THRESHOLD,
)
SMALLER = axis(
    "diffusers, DDPMScheduler, variance_type: 'Clip the variance when adding noise to the denoised sample'",
    fixed_small=({"variance_type": "fixed_small"}, {"variance": "posterior"}),
    fixed_small_log=({"variance_type": "fixed_small_log"}, {"variance": "posterior"}),
)

CLAIMS: tuple[Claim, ...] = (
    claim(
        "ermongroup/ddim",
        "DDIMScheduler",
        DOCS + "ddim",
        "The original codebase of this paper can be found at ermongroup/ddim, and you can contact the author on tsong.me.",
        config={},
        grids={"uniform": {}},
        parameterizations=EPS,
        step=("eta",),
        levels="alpha_bar",
        domain={
            "options": ETA,
            "composed": {
                "set_alpha_to_one": AT_FIRST_TIME,
                "steps_offset": OFFSET,
                "trained_betas": TRAINED_BETAS,
                "strength": STRENGTH,
            },
            "unless": OUT_OF_TABLE,
        },
        note="with the constructor's defaults: set_alpha_to_one=True, steps_offset=0, clip_sample=True",
    ),
    claim(
        "ermongroup/ddim",
        "DDIMScheduler",
        DOCS + "ddim",
        "The original codebase of this paper can be found at ermongroup/ddim, and you can contact the author on tsong.me.",
        name="unclipped",
        config={},
        base={"clip_sample": False},
        grids={"uniform": {}},
        parameterizations=EPS,
        step=("eta",),
        levels="alpha_bar",
        domain={
            "options": ETA,
            "order": {"claimed": 1, "grid": "uniform", "steps": [25, 50, 100, 200]},
            "composed": {
                "set_alpha_to_one": AT_FIRST_TIME,
                "steps_offset": OFFSET,
                "trained_betas": TRAINED_BETAS,
                "strength": STRENGTH,
                "parted": SPLIT,
                "wide_clip": WIDE_CLIP,
            },
            "unless": OUT_OF_TABLE,
        },
        note="with clip_sample=False ('Clip the predicted sample for numerical stability', its docstring says); the original does not clip",
    ),
    claim(
        "ermongroup/ddpm",
        "DDPMScheduler",
        INFLUENCED,
        "DISCLAIMER: This file is strongly influenced by https://github.com/ermongroup/ddim",
        config=DDPM_CIFAR10,
        grids={"uniform": {}},
        parameterizations=EPS,
        levels="ermongroup_ddpm",
        domain={
            "composed": {
                "clip_sample": UNCLIPPED,
                "variance_type": SMALLER,
                "trained_betas": TRAINED_BETAS,
                "prediction_type": PREDICTION,
                "strength": STRENGTH,
                "steps_offset": OFFSET_LARGE,
                "timestep_spacing": SPACING,
                "generator": GENERATOR,
                "parted": SPLIT,
            },
            "unless": {**OUT_OF_TABLE, **NO_NOISE_LEFT},
        },
        note="in the configuration of google/ddpm-cifar10-32, which the original's README recommends with diffusers",
    ),
    claim(
        "ermongroup/ddpm",
        "DDPMScheduler",
        "diffusers/schedulers/scheduling_ddpm.py, docstring of set_timesteps",
        "Custom timesteps used to support arbitrary spacing between timesteps.",
        name="custom",
        config=DDPM_CIFAR10,
        grids={"quad": {}},
        parameterizations=EPS,
        levels="ermongroup_ddpm",
        loop="ermongroup_custom_times",
        domain={
            "composed": {"clip_sample": UNCLIPPED, "variance_type": SMALLER, "trained_betas": TRAINED_BETAS, "prediction_type": PREDICTION}
        },
    ),
    claim(
        "ermongroup/ddpm",
        "DDPMScheduler",
        INFLUENCED,
        "DISCLAIMER: This file is strongly influenced by https://github.com/ermongroup/ddim",
        name="defaults",
        config={},
        grids={"uniform": {}},
        parameterizations=EPS,
        levels="ermongroup_ddpm",
        cases=("uniform-50", "uniform-1000"),
        domain={"composed": {"clip_sample": UNCLIPPED, "strength": STRENGTH}},
        note="with the constructor's defaults, so variance_type='fixed_small'",
    ),
)

NO_CLAIMS: dict[str, str] = {}
