"""Which schedulers of diffusers are k-diffusion's samplers, by its documentation."""

from __future__ import annotations

from trueto.candidates.diffusers.claims.row import ALL_THREE, DOCS, EPS, KARRAS, TABLE, claim
from trueto.model import Claim

__all__ = ["CLAIMS", "NO_CLAIMS"]

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
)

NO_CLAIMS: dict[str, str] = {
    "k_diffusion/dpm_fast": "diffusers' table of k-diffusion samplers says N/A",
    "k_diffusion/dpm_adaptive": "diffusers' table of k-diffusion samplers says N/A",
    "k_diffusion/dpmpp_2s_ancestral": "diffusers' table says N/A, 'very similar to DPMSolverSinglestepScheduler'",
    "k_diffusion/dpmpp_3m_sde": "no scheduler is documented as this algorithm",
}
