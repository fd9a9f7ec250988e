"""What diffusers' documentation says its schedulers are, and the configuration in which it says so.

`settings` of a claim: `base` goes into the scheduler's constructor for every case, `grids` by the case's grid,
`parameterizations` by what the network predicts; `options` says which options of the original the scheduler takes, in its
constructor (`init`) or in `step()`. A case that needs anything else is not claimed. `stages` says how network calls make up
sampling steps.
"""

from __future__ import annotations

from typing import Any

from trueto.model import Claim

__all__ = ["CLAIMS", "NO_CLAIMS", "SD_V1"]

DOCS = "diffusers documentation, api/schedulers/"
TABLE = DOCS + "overview, table 'A1111/k-diffusion'"

# scheduler/scheduler_config.json as Stable Diffusion v1-4 and v1-5 were released with (PNDMScheduler), without the betas,
# which come from the case's training schedule.
SD_V1: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "clip_sample": False,
}
EPS = {"eps": "epsilon"}
EPS_V = {**EPS, "v": "v_prediction"}
ALL_THREE = {**EPS_V, "x0": "sample"}
KARRAS = {"karras": {"use_karras_sigmas": True}}
# docs, api/schedulers/overview, "Noise schedules and schedule types"
EXPONENTIAL = {"exponential": {"timestep_spacing": "linspace", "use_exponential_sigmas": True}}
GRIDS: dict[str, dict[str, Any]] = {"model": {}, **KARRAS, **EXPONENTIAL}


def _claim(  # noqa: PLR0913 - a claim is a row of a table, with these columns
    reference: str,
    scheduler: str,
    source: str,
    quote: str,
    *,
    name: str = "",
    stages: str = "single",
    grids: dict[str, dict[str, Any]] | None = None,
    parameterizations: dict[str, str] | None = None,
    base: dict[str, Any] | None = None,
    init: tuple[str, ...] = (),
    step: tuple[str, ...] = (),
    levels: str = "sigma",
    note: str = "",
) -> Claim:
    return Claim(
        id=f"{reference}@{name}" if name else reference,
        reference=reference,
        implementation=scheduler,
        source=source,
        quote=quote,
        note=note,
        settings={
            "stages": {"kind": stages},
            "levels": {"kind": levels},
            "grids": GRIDS if grids is None else grids,
            "parameterizations": EPS_V if parameterizations is None else parameterizations,
            "base": base or {},
            "options": {**dict.fromkeys(init, "init"), **dict.fromkeys(step, "step")},
        },
    )


CLAIMS: tuple[Claim, ...] = (
    _claim(
        "compvis/plms",
        "PNDMScheduler",
        "diffusers/schedulers/scheduling_pndm.py, set_timesteps; the scheduler that Stable Diffusion v1-4 and v1-5 were released with",
        "is based on crowsonkb's PLMS sampler implementation: https://github.com/CompVis/latent-diffusion/pull/51",
        stages="plms",
        grids={"uniform": {}},
        parameterizations=EPS,
        levels="alpha_bar",
    ),
    _claim(
        "compvis/ddim",
        "DDIMScheduler",
        "diffusers documentation, api/pipelines/stable_diffusion/overview",
        "You can find the original codebase for Stable Diffusion v1.0 at CompVis/stable-diffusion",
        grids={"uniform": {}},
        parameterizations=EPS,
        step=("eta",),
        levels="alpha_bar",
        note="with the settings of the released v1 checkpoints: set_alpha_to_one=False, steps_offset=1, clip_sample=False",
    ),
    _claim(
        "k_diffusion/euler",
        "EulerDiscreteScheduler",
        DOCS + "euler",
        "The scheduler is based on the original k-diffusion implementation by Katherine Crowson.",
        parameterizations=ALL_THREE,
        step=("s_churn", "s_tmin", "s_tmax", "s_noise"),
    ),
    _claim(
        "k_diffusion/euler_ancestral",
        "EulerAncestralDiscreteScheduler",
        DOCS + "euler_ancestral",
        "The scheduler is based on the original k-diffusion implementation by Katherine Crowson.",
        grids={"model": {}},
    ),
    _claim(
        "k_diffusion/heun",
        "HeunDiscreteScheduler",
        DOCS + "heun",
        "The scheduler is ported from the k-diffusion library and created by Katherine Crowson.",
        stages="double",
        parameterizations=ALL_THREE,
    ),
    _claim(
        "k_diffusion/lms",
        "LMSDiscreteScheduler",
        DOCS + "lms_discrete",
        "The scheduler is ported from and created by Katherine Crowson, and the original implementation can be found at "
        "crowsonkb/k-diffusion.",
        parameterizations=ALL_THREE,
        step=("order",),
    ),
    _claim(
        "k_diffusion/dpm_2",
        "KDPM2DiscreteScheduler",
        DOCS + "dpm_discrete",
        "the scheduler is ported from and created by Katherine Crowson. The original codebase can be found at crowsonkb/k-diffusion.",
        stages="double",
    ),
    _claim(
        "k_diffusion/dpm_2_ancestral",
        "KDPM2AncestralDiscreteScheduler",
        DOCS + "dpm_discrete_ancestral",
        "the scheduler is ported from and created by Katherine Crowson. The original codebase can be found at crowsonkb/k-diffusion.",
        stages="double",
    ),
    _claim(
        "k_diffusion/dpmpp_2m",
        "DPMSolverMultistepScheduler",
        TABLE,
        "DPM++ 2M: DPMSolverMultistepScheduler; DPM++ 2M Karras: init with use_karras_sigmas=True",
        parameterizations=ALL_THREE,
    ),
    _claim(
        "k_diffusion/dpmpp_2m_sde",
        "DPMSolverMultistepScheduler",
        TABLE,
        'DPM++ 2M SDE: DPMSolverMultistepScheduler, init with algorithm_type="sde-dpmsolver++"',
        parameterizations=ALL_THREE,
        base={"algorithm_type": "sde-dpmsolver++"},
        init=("solver_type",),
    ),
    _claim(
        "k_diffusion/dpmpp_sde",
        "DPMSolverSDEScheduler",
        DOCS + "dpm_sde",
        "the scheduler is ported from and created by Katherine Crowson",
        stages="double",
        step=("s_noise",),
    ),
    _claim(
        "k_diffusion/dpmpp_sde",
        "DPMSolverSinglestepScheduler",
        TABLE,
        "DPM++ SDE: DPMSolverSinglestepScheduler; DPM++ SDE Karras: init with use_karras_sigmas=True",
        name="singlestep",
        grids={"model": {}, **KARRAS},
        parameterizations=EPS,
    ),
)

NO_CLAIMS: dict[str, str] = {
    "k_diffusion/dpm_fast": "diffusers' table of k-diffusion samplers says N/A",
    "k_diffusion/dpm_adaptive": "diffusers' table of k-diffusion samplers says N/A",
    "k_diffusion/dpmpp_2s_ancestral": "diffusers' table says N/A, 'very similar to DPMSolverSinglestepScheduler'",
    "k_diffusion/dpmpp_3m_sde": "no scheduler is documented as this algorithm",
}
