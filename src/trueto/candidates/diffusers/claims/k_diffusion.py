"""Which schedulers of diffusers are k-diffusion's samplers, by its documentation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trueto.candidates.diffusers.claims.row import (
    ALL_THREE,
    BELOW_15,
    BOUNDED_SAID,
    BY_THIRDS,
    DOCS,
    EPS,
    GENERATOR,
    KARRAS,
    SPLIT,
    STRENGTH,
    TABLE,
    THRESHOLD,
    TRAINED_BETAS,
    ZERO_SNR_SAID,
    axis,
    claim,
)
from trueto.candidates.diffusers.loops import pipeline
from trueto.model import Claim

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["CLAIMS", "LOOPS", "NO_CLAIMS"]


def edm_pipeline(scheduler: Any, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:
    """The loop of the pipelines; the first latents are scaled by 1 / sqrt(1 + sigma^2), where the network sees them with sigma_data.

    So is the sample, which is at the last level, 0 unless that is sigma_min.
    """
    pipeline(scheduler, claim, run, flags)
    seen = run.observation
    assert seen is not None
    sigma2 = float(seen.levels[0]) ** 2
    scale = np.sqrt((sigma2 + scheduler.config.sigma_data**2) / (sigma2 + 1))
    last = np.sqrt(float(seen.levels[-1]) ** 2 + 1)
    start, sample = seen.start.astype(np.float64) * scale, seen.sample.astype(np.float64) / last
    run.observation = replace(seen, start=start.astype(seen.start.dtype), sample=sample.astype(seen.sample.dtype))


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

# Domains of the laws. Levels of the model that are told exactly: there n - 1 divides 999.
EXACT_STEPS = [2, 4, 10, 28, 38]
# On the model's own levels; Karras and exponential ones would begin and end elsewhere with it.
SPACING_SAID = "diffusers documentation, api/schedulers/overview: timestep_spacing, see table 2 of arXiv 2305.08891"
SPACING = axis(
    SPACING_SAID,
    grids=("model",),
    leading=({"timestep_spacing": "leading"}, {"spacing": "leading", "start": "sqrt_1_sigma2"}),
    trailing=({"timestep_spacing": "trailing"}, {"spacing": "trailing"}),
)
SPACING_MULTISTEP = axis(
    SPACING_SAID,
    grids=("model",),
    leading=({"timestep_spacing": "leading"}, {"spacing": "leading_drop_last"}),
    trailing=({"timestep_spacing": "trailing"}, {"spacing": "trailing"}),
)
CHURN = {
    "s_churn": {"range": [0.0, 30.0]},
    "s_tmin": {"range": [0.0, 1.0]},
    "s_tmax": {"range": [2.0, 20.0]},
    "s_noise": {"range": [0.9, 1.1]},
}
FINAL_SIGMA = axis(
    "diffusers, DPMSolverMultistepScheduler: 'If \"sigma_min\", the final sigma is the same as the last sigma in the training schedule'",
    sigma_min=({"final_sigmas_type": "sigma_min"}, {"final_sigma": "sigma_min"}),
)
EULER_LAST: dict[str, Any] = {"final_sigmas_type": "sigma_min", "euler_at_final": True}


def ends(lowered: str) -> dict[str, Any]:
    """FINAL_SIGMA, and that with a last step by Euler's method; `lowered` is what the spec calls it."""
    said = FINAL_SIGMA["source"] + "; euler_at_final: 'Whether to use Euler's method in the final step'"
    knobs = {"final_sigma": "sigma_min", "final_step": lowered}
    return axis(said, sigma_min=({"final_sigmas_type": "sigma_min"}, {"final_sigma": "sigma_min"}), euler=(EULER_LAST, knobs))


FINAL_SIGMA_EDM = {
    **FINAL_SIGMA,
    "source": "diffusers, EDMEulerScheduler and EDMDPMSolverMultistepScheduler, final_sigmas_type, in the same words",
}
TIMES_SAID = "diffusers, set_timesteps, `timesteps`: 'Custom timesteps used to support arbitrary timesteps schedule.'"
OWN_TIMES = ({}, {}, {"given": "own_timesteps"})
AYS_TIMES = ({}, {"given": "ays"}, {"given": "ays_timesteps"})
# Lists are for the model's own levels: with Karras or exponential ones `timesteps` are refused.
GIVEN_TIMES = axis(TIMES_SAID, grids=("model",), without=("timestep_spacing",), own_timesteps=OWN_TIMES, ays_timesteps=AYS_TIMES)
GIVEN = axis(
    TIMES_SAID + "; `sigmas`: 'Custom sigmas used to support arbitrary timesteps schedule.'",
    grids=("model",),
    without=("timestep_spacing",),
    own_timesteps=OWN_TIMES,
    ays_timesteps=AYS_TIMES,
    own_sigmas=({}, {"told": "exact"}, {"given": "own_sigmas"}),
    original_sigmas=({}, {"given": "original", "told": "exact"}, {"given": "original_sigmas"}),
)
# LMS begun part-way weighs its slopes by levels that were left out, which its own levels alone do not say.
LMS_STRENGTH = {**STRENGTH, "layers": ["schedule", "start", "trajectory"]}
BETA_SAID = (
    "diffusers, use_beta_sigmas: 'See Beta Sampling is All You Need (https://huggingface.co/papers/2407.12173) for more information.'"
)
BETA_ONLY: dict[str, Any] = {"grids": ("model",), "without": ("timestep_spacing", "given"), "least": 3}
USED: dict[str, Any] = {"use_beta_sigmas": True}
BETA = axis(BETA_SAID, **BETA_ONLY, true=(USED, {"given": "beta", "told": "exact"}))
AXES = {"timestep_spacing": SPACING, "strength": STRENGTH, "use_beta_sigmas": BETA, "trained_betas": TRAINED_BETAS}
# Levels that do not rise have no one time (docs/findings/zero-snr-linear.md).
NOT_LINEAR = {"rescale_betas_zero_snr and schedule == 'linear'": "on linear betas the noisiest level is below the three before it"}
ZERO_SNR = {"rescale_betas_zero_snr": axis(ZERO_SNR_SAID, true=({"rescale_betas_zero_snr": True}, {"terminal": "nearly_zero"}))}
# EulerAncestralDiscreteScheduler spaces its levels in no other way than along the training times.
ANCESTRAL_AXES = {**{name: made for name, made in AXES.items() if name != "use_beta_sigmas"}, **ZERO_SNR}
# Between the two noisiest levels, 4096 and 2254, Karras and other spacings have several levels that share the first time, on
# which the multistep schedulers begin at the second of them (docs/findings/first-time-twice.md).
ZERO_SNR_MULTISTEP = {"rescale_betas_zero_snr": {**ZERO_SNR["rescale_betas_zero_snr"], "grids": ["model"], "without": ["use_beta_sigmas"]}}
MULTISTEP_AXES = {
    "timestep_spacing": SPACING_MULTISTEP,
    "final_sigmas_type": ends("first_order_always"),
    **ZERO_SNR_MULTISTEP,
    "given": GIVEN_TIMES,
    "strength": STRENGTH,
    "use_beta_sigmas": axis(BETA_SAID, **BETA_ONLY, true=(USED, {"given": "beta"})),
    "trained_betas": TRAINED_BETAS,
}
# On Karras levels the last one is sigma_min already; the SDE form divides by the length of the step to it
# (docs/findings/diffusers-sigma-min-last-step-nan.md).
SDE_AXES = {
    **{name: made for name, made in MULTISTEP_AXES.items() if name not in ZERO_SNR},
    "final_sigmas_type": {**ends("first_order"), "grids": ["model"]},
}
BETA_TWICE = {"use_beta_sigmas and steps > 31": "two levels share the first time: IndexError, docs/findings/first-time-twice.md"}
SOLVERS = {"solver_type": {"choices": ["midpoint", "heun"]}}
EDM_DOMAIN: dict[str, Any] = {"schedules": ["edm"]}
EDM_AXES = {"strength": STRENGTH, "final_sigmas_type": FINAL_SIGMA_EDM}
EDM_MULTISTEP_DOMAIN: dict[str, Any] = {
    **EDM_DOMAIN,
    "borders": BELOW_15,
    "composed": {"thresholding": axis(BOUNDED_SAID, **THRESHOLD), **EDM_AXES},
}
# A last step from sigma_min to sigma_min: the SDE form takes the root of a difference that rounding can make negative
# (docs/findings/diffusers-sigma-min-last-step-nan.md).
EDM_SDE_AXES = {name: made for name, made in EDM_MULTISTEP_DOMAIN["composed"].items() if name != "final_sigmas_type"}
EDM_SDE_DOMAIN = {**EDM_MULTISTEP_DOMAIN, "options": SOLVERS, "composed": EDM_SDE_AXES}
FIRST_ORDER = {"claimed": 1, "grid": "karras", "steps": [16, 32, 64, 128]}
SECOND_ORDER = {**FIRST_ORDER, "claimed": 2}
# The weights of LMS are integrals taken to 1e-4 of them, which would show in the fourth order.
LMS_ORDER = {**FIRST_ORDER, "claimed": 3, "options": {"order": 3}}
EULER_FORMS = {"grid": "model", "steps": EXACT_STEPS}

CLAIMS: tuple[Claim, ...] = (
    claim(
        "k_diffusion/euler",
        "EulerDiscreteScheduler",
        DOCS + "euler",
        "The scheduler is based on the original k-diffusion implementation by Katherine Crowson.",
        parameterizations=ALL_THREE,
        step=("s_churn", "s_tmin", "s_tmax", "s_noise"),
        domain={
            "options": CHURN,
            "order": FIRST_ORDER,
            "forms": EULER_FORMS,
            "composed": {**AXES, **ZERO_SNR, "given": GIVEN, "generator": GENERATOR, "parted": SPLIT},
            "unless": NOT_LINEAR,
        },
    ),
    claim(
        "k_diffusion/euler_ancestral",
        "EulerAncestralDiscreteScheduler",
        DOCS + "euler_ancestral",
        "The scheduler is based on the original k-diffusion implementation by Katherine Crowson.",
        grids={"model": {}},
        domain={"composed": {**ANCESTRAL_AXES, "generator": GENERATOR, "parted": SPLIT}, "unless": NOT_LINEAR},
    ),
    claim(
        "k_diffusion/heun",
        "HeunDiscreteScheduler",
        DOCS + "heun",
        "The scheduler is ported from the k-diffusion library and created by Katherine Crowson.",
        stages="double",
        parameterizations=ALL_THREE,
        domain={
            "order": SECOND_ORDER,
            "forms": EULER_FORMS,
            "composed": {**AXES, "given": GIVEN_TIMES, "parted": SPLIT},
        },
    ),
    claim(
        "k_diffusion/lms",
        "LMSDiscreteScheduler",
        DOCS + "lms_discrete",
        "The scheduler is ported from and created by Katherine Crowson, and the original implementation can be found at "
        "crowsonkb/k-diffusion.",
        parameterizations=ALL_THREE,
        step=("order",),
        domain={
            "options": {"order": {"choices": [1, 2, 3, 4]}},
            "order": LMS_ORDER,
            "forms": EULER_FORMS,
            "composed": {**AXES, "strength": LMS_STRENGTH},
        },
    ),
    claim(
        "k_diffusion/dpm_2",
        "KDPM2DiscreteScheduler",
        DOCS + "dpm_discrete",
        "the scheduler is ported from and created by Katherine Crowson. The original codebase can be found at crowsonkb/k-diffusion.",
        stages="double",
        domain={"order": {**SECOND_ORDER, "grid": "exponential"}, "composed": {**AXES, "parted": SPLIT}},
    ),
    claim(
        "k_diffusion/dpm_2_ancestral",
        "KDPM2AncestralDiscreteScheduler",
        DOCS + "dpm_discrete_ancestral",
        "the scheduler is ported from and created by Katherine Crowson. The original codebase can be found at crowsonkb/k-diffusion.",
        stages="double",
        # On the linear schedule a run of 2 steps ends in NaN (docs/findings/kdpm2-ancestral-nan.md), which no variant can declare.
        domain={"schedules": ["sd_v1"], "composed": {**AXES, "generator": GENERATOR, "parted": SPLIT}},
    ),
    claim(
        "k_diffusion/dpmpp_2m",
        "DPMSolverMultistepScheduler",
        TABLE,
        "DPM++ 2M: DPMSolverMultistepScheduler; DPM++ 2M Karras: init with use_karras_sigmas=True",
        parameterizations=ALL_THREE,
        domain={
            "borders": BELOW_15,
            "order": {**BY_THIRDS, "grid": "model"},
            "forms": {"grid": "model"},
            "composed": MULTISTEP_AXES,
            "unless": {**BETA_TWICE, **NOT_LINEAR},
        },
    ),
    claim(
        "k_diffusion/dpmpp_2m_sde",
        "DPMSolverMultistepScheduler",
        TABLE,
        'DPM++ 2M SDE: DPMSolverMultistepScheduler, init with algorithm_type="sde-dpmsolver++"',
        parameterizations=ALL_THREE,
        base={"algorithm_type": "sde-dpmsolver++"},
        init=("solver_type",),
        domain={"borders": BELOW_15, "options": SOLVERS, "composed": {**SDE_AXES, "generator": GENERATOR}, "unless": BETA_TWICE},
    ),
    claim(
        "k_diffusion/dpmpp_sde",
        "DPMSolverSDEScheduler",
        DOCS + "dpm_sde",
        "the scheduler is ported from and created by Katherine Crowson",
        stages="double",
        step=("s_noise",),
        domain={"options": {"s_noise": CHURN["s_noise"]}, "composed": AXES},
    ),
    claim(
        "k_diffusion/dpmpp_sde",
        "DPMSolverSinglestepScheduler",
        TABLE,
        "DPM++ SDE: DPMSolverSinglestepScheduler; DPM++ SDE Karras: init with use_karras_sigmas=True",
        name="singlestep",
        grids={"model": {}, **KARRAS},
        parameterizations=EPS,
        domain={"borders": BELOW_15, "composed": {"strength": STRENGTH}},
    ),
    claim(
        "k_diffusion/euler",
        "EDMEulerScheduler",
        DOCS + "edm_euler",
        "The Karras formulation of the Euler scheduler (Algorithm 2) [...] The scheduler is based on the original k-diffusion "
        "implementation by Katherine Crowson.",
        step=("s_churn", "s_tmin", "s_tmax", "s_noise"),
        domain={**EDM_DOMAIN, "options": CHURN, "order": FIRST_ORDER, "composed": EDM_AXES},
        **EDM,
    ),
    claim(
        "k_diffusion/dpmpp_2m",
        "EDMDPMSolverMultistepScheduler",
        DOCS + "edm_multistep_dpm_solver",
        EDM_MULTISTEP,
        note=EDM_NOTE,
        domain={**EDM_MULTISTEP_DOMAIN, "order": SECOND_ORDER},
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
        domain=EDM_SDE_DOMAIN,
        **EDM,
    ),
)

NO_CLAIMS: dict[str, str] = {
    "k_diffusion/dpm_fast": "diffusers' table of k-diffusion samplers says N/A",
    "k_diffusion/dpm_adaptive": "diffusers' table of k-diffusion samplers says N/A",
    "k_diffusion/dpmpp_2s_ancestral": "diffusers' table says N/A, 'very similar to DPMSolverSinglestepScheduler'",
    "k_diffusion/dpmpp_3m_sde": "no scheduler is documented as this algorithm",
}
