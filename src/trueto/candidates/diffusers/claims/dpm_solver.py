"""Which schedulers of diffusers are DPM-Solver's methods, by its documentation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from trueto.candidates.diffusers.claims.row import (
    ALL_THREE,
    BELOW_15,
    BY_THIRDS,
    DOCS,
    FIRST_TWICE,
    FLOW,
    STRENGTH,
    axis,
    but_for_flow,
    claim,
    flow_axis,
    sigmas_axis,
    spacing_axis,
)
from trueto.model import Claim

__all__ = ["CLAIMS", "NO_CLAIMS"]

# diffusers' words for the values of the original's options. Which solver type is which is proven in tests/test_causes_dpm_solver.py.
WORDS: dict[str, dict[str, dict[str, Any]]] = {
    "order": {str(order): {"solver_order": order} for order in (1, 2, 3)},
    "algorithm_type": {name: {"algorithm_type": name} for name in ("dpmsolver", "dpmsolver++")},
    "solver_type": {"dpmsolver": {"solver_type": "midpoint"}, "taylor": {"solver_type": "heun"}},
    "lower_order_final": {"True": {"lower_order_final": True}, "False": {"lower_order_final": False}},
    "correcting_x0_fn": {"dynamic_thresholding": {"thresholding": True}},
}
UNIFORM = {"time_uniform": {}}
WITH_LOG_SNR = {**UNIFORM, "logSNR": {"use_lu_lambdas": True}}
# The original cuts off half log-SNRs below -5.1; diffusers' docstring: 'This is critical for the cosine noise schedule.'
CUT = {"lambda_min_clipped": -5.1}
AT_SIGMA_MIN = {**CUT, "final_sigmas_type": "sigma_min"}
# final_sigmas_type 'zero', the default, is refused for algorithm_type 'dpmsolver'.
DATA_MULTISTEP = (
    "order2-20", "order2-9", "order2-12", "order2-taylor-15", "order3-9", "order3-20", "order3-kept-7", "order1-*", "order2-2",
    "order3-2", "log-snr-order2-15", "log-snr-order3-9", "threshold-9", "v-9", "x0-10", "guided-9", "linear-20", "cosine-15",
)  # fmt: skip
DATA_SINGLESTEP = (
    "order3-20", "order3-9", "order3-10", "order3-11", "order3-taylor-*", "order2-10", "order2-9", "order2-taylor-27", "order3-1",
    "order3-2", "order2-2", "threshold-9", "v-10", "x0-9", "guided-9", "cosine-9",
)  # fmt: skip
MULTISTEP = (
    "DPMSolverMultistepScheduler",
    DOCS + "multistep_dpm_solver",
    (
        "is a multistep scheduler from DPM-Solver: A Fast ODE Solver for Diffusion Probabilistic Model Sampling in Around 10 Steps and "
        "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models by Cheng Lu, Yuhao Zhou, Fan Bao, Jianfei Chen, "
        "Chongxuan Li, and Jun Zhu"
    ),
)
SINGLESTEP = (
    "DPMSolverSinglestepScheduler",
    DOCS + "singlestep_dpm_solver",
    "The original implementation can be found at LuChengTHU/dpm-solver.",
)

# Domains of the laws.
ORDERS = {"order": {"choices": [1, 2, 3]}, "solver_type": {"choices": ["dpmsolver", "taylor"]}}
DATA = {**ORDERS, "correcting_x0_fn": {"choices": ["dynamic_thresholding"]}, "dynamic_thresholding_ratio": {"range": [0.6, 1.0]}}
NOISE = {**DATA, "algorithm_type": {"choices": ["dpmsolver", "dpmsolver++"]}}
FINAL = {"lower_order_final": {"choices": [True, False]}}
WIDE: dict[str, Any] = {
    "schedules": ["sd_v1", "linear", "cosine"],
    "parameterizations": list(ALL_THREE),
    "guidance": [None, 7.5],
    "borders": BELOW_15,
}
# Whole training times, which are told exactly.
WHOLE = {"grid": "time_uniform", "steps": [3, 9, 27, 37, 111]}
# The multistep method is of second order with `order` 3 too (docs/findings/dpm-solver-third-order.md), the singlestep one of third.
SECOND = {**BY_THIRDS, "grid": "time_uniform", "options": {"order": 2}}
THIRD = {**SECOND, "claimed": 3, "options": {"order": 3}}
# Settings that only end in NaN or raise equal no variant; docs/findings has both.
NO_LENGTH = {
    "(order == 3 or solver_type == 'taylor') and (grid == 'logSNR' or sigmas) and (steps >= 15 or not lower_order_final)": (
        "a last step of no length is NaN, docs/findings/diffusers-sigma-min-last-step-nan.md"
    ),
    **FIRST_TWICE,
}
RAISES = {
    "algorithm_type == 'dpmsolver' and correcting_x0_fn == 'dynamic_thresholding'": (
        "raises, docs/findings/diffusers-singlestep-thresholding.md"
    ),
    **FIRST_TWICE,
}
BOUND = axis(
    "diffusers, sample_max_value: 'The threshold value for dynamic thresholding'",
    out_of_reach=({"sample_max_value": 1e6}, {"threshold": "percentile"}),
)
MULTISTEP_AXES = {
    "strength": STRENGTH,
    "sigmas": sigmas_axis("time_uniform"),
    "timestep_spacing": spacing_axis("time_uniform"),
    "sample_max_value": BOUND,
}
FIXED_AXES = {"sigmas": sigmas_axis("time_uniform"), "sample_max_value": BOUND}
SINGLESTEP_AXES = {**FIXED_AXES, "strength": STRENGTH}
# Flow matching ends at a clean picture. With final_sigmas_type 'sigma_min' its last level would be that of the betas, which no network of
# flow matching was trained with (docs/laws.md).
TO_CLEAN = {"flow_sigmas": flow_axis("time_uniform")}
MULTISTEP_TO_CLEAN = {**MULTISTEP_AXES, **TO_CLEAN, "timestep_spacing": but_for_flow(spacing_axis("time_uniform"))}


def row(reference: str, scheduler: tuple[str, str, str], **columns: Any) -> Claim:
    """A claim whose options are translated into diffusers' words."""
    made = claim(
        reference, *scheduler, parameterizations={**ALL_THREE, **FLOW}, init=("dynamic_thresholding_ratio",), levels="each_sigma", **columns
    )
    options = {**made.settings["options"], **dict.fromkeys(WORDS, "translated")}
    return replace(made, settings={**made.settings, "options": options, "translated": WORDS})


CLAIMS: tuple[Claim, ...] = (
    row(
        "dpm_solver/multistep",
        MULTISTEP,
        grids=WITH_LOG_SNR,
        base=AT_SIGMA_MIN,
        note="with final_sigmas_type='sigma_min', because the original ends at the level of the cleanest training time",
        domain={**WIDE, "order": SECOND, "options": {**NOISE, **FINAL}, "forms": WHOLE, "composed": MULTISTEP_AXES, "unless": NO_LENGTH},
    ),
    row(
        "dpm_solver/multistep",
        MULTISTEP,
        name="released",
        grids=WITH_LOG_SNR,
        base=CUT,
        cases=DATA_MULTISTEP,
        note="with the default final_sigmas_type='zero', as models use it",
        domain={
            **WIDE,
            "order": SECOND,
            "options": {**DATA, **FINAL},
            "forms": WHOLE,
            "composed": MULTISTEP_TO_CLEAN,
            "unless": FIRST_TWICE,
        },
    ),
    row(
        "dpm_solver/singlestep",
        SINGLESTEP,
        grids=UNIFORM,
        base={**AT_SIGMA_MIN, "lower_order_final": True},
        note="with final_sigmas_type='sigma_min' and lower_order_final=True; the original always lowers the order of what is left over",
        domain={**WIDE, "order": THIRD, "options": NOISE, "forms": WHOLE, "composed": SINGLESTEP_AXES, "unless": RAISES},
    ),
    row(
        "dpm_solver/singlestep",
        SINGLESTEP,
        name="default_orders",
        grids=UNIFORM,
        base=AT_SIGMA_MIN,
        note="with final_sigmas_type='sigma_min' and the default lower_order_final=False",
        domain={**WIDE, "order": THIRD, "options": NOISE, "forms": WHOLE, "composed": SINGLESTEP_AXES, "unless": RAISES},
    ),
    row(
        "dpm_solver/singlestep",
        SINGLESTEP,
        name="released",
        grids=UNIFORM,
        base=CUT,
        cases=DATA_SINGLESTEP,
        note="with the default final_sigmas_type='zero', as models use it",
        domain={
            **WIDE,
            "order": THIRD,
            "options": DATA,
            "forms": WHOLE,
            "composed": {**SINGLESTEP_AXES, **TO_CLEAN},
            "unless": FIRST_TWICE,
        },
    ),
    row(
        "dpm_solver/singlestep_fixed",
        SINGLESTEP,
        grids=UNIFORM,
        base=AT_SIGMA_MIN,
        note="with lower_order_final=False, the default: docstring, 'Whether to use lower-order solvers in the final steps'",
        domain={**WIDE, "order": THIRD, "options": NOISE, "forms": WHOLE, "composed": FIXED_AXES, "unless": RAISES},
    ),
)

NO_CLAIMS: dict[str, str] = {
    "dpm_solver/adaptive": "no scheduler has adaptive steps",
    "dpm_solver/inverse": (
        "DPMSolverMultistepInverseScheduler is documented as 'mostly based on the DDIM inversion definition of Null-text Inversion', "
        "not on the original's own inverse"
    ),
}
