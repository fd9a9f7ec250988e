"""Which configurations of diffusers' UniPCMultistepScheduler are UniPC, by its documentation."""

from __future__ import annotations

from trueto.candidates.diffusers.claims.row import (
    ALL_THREE,
    BELOW_15,
    BY_THIRDS,
    DOCS,
    EPS_V,
    FIRST_TWICE,
    FLOW,
    SD_V1,
    SPACING_SAID,
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

GRIDS = {"uniform": {}}
OPTIONS = ("solver_order", "predict_x0", "lower_order_final", "thresholding")
SOURCE = "diffusers/schedulers/scheduling_unipc_multistep.py, first lines"
QUOTE = "check https://huggingface.co/papers/2302.04867 and https://github.com/wl-zhao/UniPC for more info"
ORDERS = "diffusers/schedulers/scheduling_unipc_multistep.py, docstring of solver_type"
SOLVER = "Solver type for UniPC. It is recommended to use `bh1` for unconditional sampling when steps < 10, and `bh2` otherwise."
# What can be run to sigma = 0, the default end: with bh1, without lower orders at the end, and for noise prediction the last step gives NaN
# or infinity (docs/findings/unipc-last-step.md), so that bh1 is claimed only as it can be used.
TO_ZERO = ("uniform-*", "order*", "v-*", "x0-*", "threshold-*", "linear-*", "guided-*")
# The settings that come nearest to the original: its last level, and a bound of thresholding that is never reached.
NEAREST = {"final_sigmas_type": "sigma_min", "sample_max_value": 1e6}
# scheduler/scheduler_config.json of Stable Diffusion XL base 1.0, from which docs and users make other schedulers with from_config.
SDXL = {**SD_V1, "timestep_spacing": "leading", "interpolation_type": "linear", "use_karras_sigmas": False, "sample_max_value": 1.0}

# Domains of the laws.
UP_TO_FOUR = {"solver_order": {"choices": [1, 2, 3, 4]}, "thresholding": {"choices": [True]}}
NOISE = {**UP_TO_FOUR, "predict_x0": {"choices": [False]}, "lower_order_final": {"choices": [False]}}
WIDE = {
    "parameterizations": list(ALL_THREE),
    "borders": BELOW_15,
    "guidance": [None, 7.5],
    "forms": {"grid": "uniform", "steps": [3, 9, 27, 37]},
}
# A predictor of second order with its corrector. Stable Diffusion XL's times are 40, 20, 10 and 5 apart, and all come through 321.
THIRD = {**BY_THIRDS, "claimed": 3, "grid": "uniform", "options": {"solver_order": 2}}
THIRD_SDXL = {**THIRD, "steps": [24, 49, 99, 199], "until": 321}
BOUND = axis(
    "diffusers, sample_max_value: 'The threshold value for dynamic thresholding'",
    out_of_reach=({"sample_max_value": 1e6}, {"threshold": "dynamic"}),
)
TRAILING, LINSPACE = (({"timestep_spacing": name}, {"times": knob}) for name, knob in (("trailing", "trailing"), ("linspace", "whole")))
# Flow matching ends at a clean picture.
TO_CLEAN = {
    "timestep_spacing": but_for_flow(spacing_axis("uniform")),
    "flow_sigmas": flow_axis("uniform", flow_from="1", final_sigma="zero"),
}
PREDICTS = {**ALL_THREE, **FLOW}
AXES = {"strength": STRENGTH, "sigmas": sigmas_axis("uniform"), "timestep_spacing": spacing_axis("uniform")}
SDXL_AXES = {
    "strength": STRENGTH,
    "sigmas": sigmas_axis("uniform"),
    "timestep_spacing": axis(SPACING_SAID, trailing=TRAILING, linspace=LINSPACE),
}
# A last step of no length: orders above the first divide by it.
NO_LENGTH = {**FIRST_TWICE, "sigmas and not lower_order_final": "docs/findings/unipc-last-step.md"}

CLAIMS: tuple[Claim, ...] = (
    claim(
        "unipc/bh2",
        "UniPCMultistepScheduler",
        SOURCE,
        QUOTE,
        grids=GRIDS,
        levels="each_sigma",
        parameterizations=PREDICTS,
        init=OPTIONS,
        cases=TO_ZERO,
        note="as released, from the configuration of Stable Diffusion v1; without noise-* and full-*, which end in NaN",
        domain={
            **WIDE,
            "order": THIRD,
            "options": UP_TO_FOUR,
            "composed": {**AXES, **TO_CLEAN, "sample_max_value": BOUND},
            "unless": FIRST_TWICE,
        },
    ),
    claim(
        "unipc/bh2",
        "UniPCMultistepScheduler",
        DOCS + "unipc",
        "It can also be applied to both noise prediction and data prediction models.",
        name="nearest",
        grids=GRIDS,
        levels="each_sigma",
        parameterizations=PREDICTS,
        base=NEAREST,
        init=OPTIONS,
        note="the settings that come nearest to the original: final_sigmas_type='sigma_min', sample_max_value out of reach",
        domain={**WIDE, "order": THIRD, "options": NOISE, "composed": AXES, "unless": NO_LENGTH},
    ),
    claim(
        "unipc/bh2",
        "UniPCMultistepScheduler",
        SOURCE,
        QUOTE,
        name="sdxl",
        grids=GRIDS,
        levels="each_sigma",
        config=SDXL,
        init=OPTIONS,
        cases=("uniform-20", "order3-14", "guided-10"),
        note="from the configuration of Stable Diffusion XL",
        domain={
            **WIDE,
            "order": THIRD_SDXL,
            "parameterizations": list(EPS_V),
            "schedules": ["sd_v1"],
            "options": {"solver_order": {"choices": [1, 2, 3, 4]}},
            "composed": SDXL_AXES,
            "unless": FIRST_TWICE,
        },
    ),
    claim(
        "unipc/bh1",
        "UniPCMultistepScheduler",
        ORDERS,
        SOLVER,
        name="nearest",
        grids=GRIDS,
        levels="each_sigma",
        parameterizations=PREDICTS,
        base={"solver_type": "bh1", **NEAREST},
        init=OPTIONS,
        note="only so: with the default final_sigmas_type='zero' every bh1 run ends in NaN",
        domain={**WIDE, "order": THIRD, "options": NOISE, "composed": AXES, "unless": NO_LENGTH},
    ),
)

NO_CLAIMS: dict[str, str] = {"unipc/vary_coeff": "its solver_type is bh1 or bh2; another raises NotImplementedError"}
