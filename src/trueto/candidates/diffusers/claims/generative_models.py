"""Which scheduler of diffusers is the sampler of Stable Diffusion XL and Stable Video Diffusion in Stability AI's generative-models."""

from __future__ import annotations

from typing import Any

from trueto.candidates.diffusers.claims.row import EPS_V, SPACING_SAID, STRENGTH, axis, claim
from trueto.model import Case, Claim

__all__ = ["CLAIMS", "LEVELS", "NO_CLAIMS"]

# SCHEDULER_DEFAULT_CONFIG of diffusers/loaders/single_file_utils.py without the betas, which come from the case: what an original
# checkpoint of Stable Diffusion XL or 2.1 is given when it is loaded. The same as scheduler_config.json of Stable Diffusion XL 1.0.
SDXL: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "interpolation_type": "linear",
    "sample_max_value": 1.0,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "timestep_spacing": "leading",
}
# scheduler/scheduler_config.json of Stable Video Diffusion.
SVD: dict[str, Any] = {
    **SDXL,
    "use_karras_sigmas": True,
    "timestep_type": "continuous",
    "sigma_min": 0.002,
    "sigma_max": 700.0,
}
CONVERSION = "diffusers/loaders/single_file_utils.py, _legacy_load_scheduler: what an original checkpoint becomes"

# Domains of the laws.
CHURN = {
    "s_churn": {"range": [0.0, 30.0]},
    "s_tmin": {"range": [0.0, 1.0]},
    "s_tmax": {"range": [2.0, 20.0]},
    "s_noise": {"range": [0.9, 1.1]},
}
SPACING = axis(SPACING_SAID, trailing=({"timestep_spacing": "trailing"}, {"spacing": "trailing", "start": "sigma_max"}))

CLAIMS: tuple[Claim, ...] = (
    claim(
        "generative_models/euler_edm",
        "EulerDiscreteScheduler",
        CONVERSION,
        'if model_type in ["xl_base", "xl_refiner"]: scheduler_type = "euler"',
        grids={"legacy": {}},
        parameterizations=EPS_V,
        config=SDXL,
        step=("s_churn", "s_tmin", "s_tmax", "s_noise"),
        levels="every_sigma",
        note="in the configuration that Stable Diffusion XL was released with; v cases as Stable Diffusion 2.1 (768)",
        domain={
            "guidance": [None, 5.0],
            "options": CHURN,
            "forms": {"grid": "legacy"},
            "composed": {"timestep_spacing": SPACING, "strength": STRENGTH},
        },
    ),
    claim(
        "generative_models/euler_edm",
        "EulerDiscreteScheduler",
        "diffusers/pipelines/stable_video_diffusion/pipeline_stable_video_diffusion.py, StableVideoDiffusionPipeline",
        "scheduler ([`EulerDiscreteScheduler`]): A scheduler to be used in combination with `unet` to denoise the encoded image latents.",
        name="svd",
        grids={"edm": {}},
        parameterizations={"v": "v_prediction"},
        config=SVD,
        levels="every_sigma",
        cases=("svd-*",),
        needs=("timestep_type",),  # without it the network is told whole training times, for which this one has no level
        domain={"schedules": ["svd"], "order": {"claimed": 1, "grid": "edm", "steps": [16, 32, 64, 128]}},
        note="in the configuration that Stable Video Diffusion was released with, without its guidance, which grows from frame to frame",
    ),
)

OTHERS = {
    "heun_edm": "HeunDiscreteScheduler",
    "euler_ancestral": "EulerAncestralDiscreteScheduler",
    "linear_multistep": "LMSDiscreteScheduler",
}
NO_CLAIMS: dict[str, str] = {
    **{
        f"generative_models/{name}": f"the documentation of {scheduler} names k-diffusion as its origin, where it is judged"
        for name, scheduler in OTHERS.items()
    },
    "generative_models/dpmpp_2m": "the documentation names k-diffusion's sampler for DPMSolverMultistepScheduler, where it is judged",
    "generative_models/dpmpp_2s_ancestral": "diffusers' table says N/A, 'very similar to DPMSolverSinglestepScheduler'",
}


def every_sigma(scheduler: Any, claim: Claim, case: Case) -> tuple[str, Any]:  # noqa: ARG001 - all readers of levels are alike
    """The stored sigmas, also where two are equal: with 1000 steps the first two are, and Euler has no second stage that repeats one."""
    return "sigma", scheduler.sigmas


LEVELS = {"every_sigma": every_sigma}
