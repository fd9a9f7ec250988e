"""Which schedulers of diffusers are k-diffusion's samplers, by its documentation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trueto.candidates.diffusers.claims.row import ALL_THREE, DOCS, EPS, KARRAS, TABLE, claim
from trueto.candidates.diffusers.loops import pipeline
from trueto.model import Claim

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["CLAIMS", "LOOPS", "NO_CLAIMS"]


def edm_pipeline(scheduler: Any, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:
    """The loop of the pipelines; the first latents are scaled by 1 / sqrt(1 + sigma^2), where the network sees them with sigma_data."""
    pipeline(scheduler, claim, run, flags)
    seen = run.observation
    assert seen is not None
    sigma2 = float(seen.levels[0]) ** 2
    scale = np.sqrt((sigma2 + scheduler.config.sigma_data**2) / (sigma2 + 1))
    run.observation = replace(seen, start=(seen.start.astype(np.float64) * scale).astype(seen.start.dtype))


# Networks in EDM form, which the documentation's "epsilon" means here. Released with it: Playground v2.5 (EDMDPMSolverMultistepScheduler,
# the defaults, as in diffusers/loaders/single_file_utils.py).
EDM: dict[str, Any] = {
    "grids": {"karras": {"sigma_schedule": "karras"}, "exponential": {"sigma_schedule": "exponential"}},
    "parameterizations": {"edm": "epsilon"},
    "config": {},
    "loop": "edm",
    "name": "edm",
}
EDM_MULTISTEP = "EDMDPMSolverMultistepScheduler is a Karras formulation of DPMSolverMultistepScheduler"
EDM_NOTE = "DPMSolverMultistepScheduler is what the documentation's table 'A1111/k-diffusion' gives for this algorithm"
LOOPS = {"edm": edm_pipeline}

CLAIMS: tuple[Claim, ...] = (
    claim(
        "k_diffusion/euler",
        "EulerDiscreteScheduler",
        DOCS + "euler",
        "The scheduler is based on the original k-diffusion implementation by Katherine Crowson.",
        parameterizations=ALL_THREE,
        step=("s_churn", "s_tmin", "s_tmax", "s_noise"),
    ),
    claim(
        "k_diffusion/euler_ancestral",
        "EulerAncestralDiscreteScheduler",
        DOCS + "euler_ancestral",
        "The scheduler is based on the original k-diffusion implementation by Katherine Crowson.",
        grids={"model": {}},
    ),
    claim(
        "k_diffusion/heun",
        "HeunDiscreteScheduler",
        DOCS + "heun",
        "The scheduler is ported from the k-diffusion library and created by Katherine Crowson.",
        stages="double",
        parameterizations=ALL_THREE,
    ),
    claim(
        "k_diffusion/lms",
        "LMSDiscreteScheduler",
        DOCS + "lms_discrete",
        "The scheduler is ported from and created by Katherine Crowson, and the original implementation can be found at "
        "crowsonkb/k-diffusion.",
        parameterizations=ALL_THREE,
        step=("order",),
    ),
    claim(
        "k_diffusion/dpm_2",
        "KDPM2DiscreteScheduler",
        DOCS + "dpm_discrete",
        "the scheduler is ported from and created by Katherine Crowson. The original codebase can be found at crowsonkb/k-diffusion.",
        stages="double",
    ),
    claim(
        "k_diffusion/dpm_2_ancestral",
        "KDPM2AncestralDiscreteScheduler",
        DOCS + "dpm_discrete_ancestral",
        "the scheduler is ported from and created by Katherine Crowson. The original codebase can be found at crowsonkb/k-diffusion.",
        stages="double",
    ),
    claim(
        "k_diffusion/dpmpp_2m",
        "DPMSolverMultistepScheduler",
        TABLE,
        "DPM++ 2M: DPMSolverMultistepScheduler; DPM++ 2M Karras: init with use_karras_sigmas=True",
        parameterizations=ALL_THREE,
    ),
    claim(
        "k_diffusion/dpmpp_2m_sde",
        "DPMSolverMultistepScheduler",
        TABLE,
        'DPM++ 2M SDE: DPMSolverMultistepScheduler, init with algorithm_type="sde-dpmsolver++"',
        parameterizations=ALL_THREE,
        base={"algorithm_type": "sde-dpmsolver++"},
        init=("solver_type",),
    ),
    claim(
        "k_diffusion/dpmpp_sde",
        "DPMSolverSDEScheduler",
        DOCS + "dpm_sde",
        "the scheduler is ported from and created by Katherine Crowson",
        stages="double",
        step=("s_noise",),
    ),
    claim(
        "k_diffusion/dpmpp_sde",
        "DPMSolverSinglestepScheduler",
        TABLE,
        "DPM++ SDE: DPMSolverSinglestepScheduler; DPM++ SDE Karras: init with use_karras_sigmas=True",
        name="singlestep",
        grids={"model": {}, **KARRAS},
        parameterizations=EPS,
    ),
    claim(
        "k_diffusion/euler",
        "EDMEulerScheduler",
        DOCS + "edm_euler",
        "The Karras formulation of the Euler scheduler (Algorithm 2) [...] The scheduler is based on the original k-diffusion "
        "implementation by Katherine Crowson.",
        step=("s_churn", "s_tmin", "s_tmax", "s_noise"),
        **EDM,
    ),
    claim(
        "k_diffusion/dpmpp_2m",
        "EDMDPMSolverMultistepScheduler",
        DOCS + "edm_multistep_dpm_solver",
        EDM_MULTISTEP,
        note=EDM_NOTE,
        **EDM,
    ),
    claim(
        "k_diffusion/dpmpp_2m_sde",
        "EDMDPMSolverMultistepScheduler",
        DOCS + "edm_multistep_dpm_solver",
        EDM_MULTISTEP,
        note=EDM_NOTE,
        base={"algorithm_type": "sde-dpmsolver++"},
        init=("solver_type",),
        **EDM,
    ),
)

NO_CLAIMS: dict[str, str] = {
    "k_diffusion/dpm_fast": "diffusers' table of k-diffusion samplers says N/A",
    "k_diffusion/dpm_adaptive": "diffusers' table of k-diffusion samplers says N/A",
    "k_diffusion/dpmpp_2s_ancestral": "diffusers' table says N/A, 'very similar to DPMSolverSinglestepScheduler'",
    "k_diffusion/dpmpp_3m_sde": "no scheduler is documented as this algorithm",
}
