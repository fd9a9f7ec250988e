"""Which scheduler of diffusers is SA-Solver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trueto.candidates.diffusers.claims.row import (
    ALL_THREE,
    BELOW_15,
    BY_THIRDS,
    FIRST_TWICE,
    FLOW,
    GENERATOR,
    SPACING_SAID,
    STRENGTH,
    axis,
    but_for_flow,
    claim,
    flow_axis,
    sigmas_axis,
)
from trueto.candidates.diffusers.loops import passed, pipeline
from trueto.model import Claim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trueto.torch_run import Run

__all__ = ["CLAIMS", "LOOPS", "NO_CLAIMS"]

# SASolverScheduler has the original's mode few_steps, in PEC, with a corrector (its order must be 1 to 4).
CASES = ("middle-*", "ode-*", "sde-*", "order-1-*", "order-3-*", "order-4-*", "noise-*", "logsnr-*", "karras-*", "v-*", "x0-*", "linear-*")
GRIDS: dict[str, dict[str, Any]] = {
    "time": {},
    "karras": {"use_karras_sigmas": True},
    "logSNR": {"use_exponential_sigmas": True},  # evenly spaced in log(sigma), which is log-SNR
}

# Domains of the laws.
OPTIONS = {
    "tau": {"choices": [0, "middle", 0.3, 1], "always": True},
    "predictor_order": {"choices": [2, 1, 3], "always": True},
    "corrector_order": {"choices": [2, 1, 3], "always": True},
    "algorithm_type": {"choices": ["noise_prediction"]},
    "correcting_x0_fn": {"choices": ["dynamic_thresholding"]},
}
SPACING = axis(
    SPACING_SAID,
    grids=("time",),
    leading=({"timestep_spacing": "leading", "steps_offset": 1}, {"spacing": "leading"}),
    trailing=({"timestep_spacing": "trailing"}, {"spacing": "trailing"}),
)
AXES = {
    "generator": GENERATOR,
    # add_noise knows the betas' levels only, and would begin on those of flow matching with another picture than they have.
    "strength": but_for_flow(STRENGTH),
    "sigmas": sigmas_axis("time"),
    "flow_sigmas": flow_axis("time"),
    "timestep_spacing": but_for_flow(SPACING),
    "lower_order_final": axis(
        "diffusers, lower_order_final: 'Whether to use lower-order solvers in the final steps'",
        false=({"lower_order_final": False}, {"startup": "kept"}),
    ),
    "sample_max_value": axis(
        "diffusers, sample_max_value: 'The threshold value for dynamic thresholding'",
        out_of_reach=({"sample_max_value": 1e6}, {"threshold": "dynamic"}),
    ),
}
UNLESS = {
    **FIRST_TWICE,
    "flow_sigmas and algorithm_type == 'noise_prediction'": "raises ValueError: it does not turn a velocity into noise",
    "algorithm_type == 'noise_prediction' and correcting_x0_fn == 'dynamic_thresholding'": (
        "raises RuntimeError, as DPMSolverSinglestepScheduler does: docs/findings/diffusers-singlestep-thresholding.md"
    ),
    "(predictor_order > 2 or corrector_order > 2) and steps > 9": (
        "orders 3 and 4 lose digits in float32 where steps are short, the original's too; the recorded cases are short for that reason"
    ),
}

CLAIMS: tuple[Claim, ...] = (
    claim(
        "sa_solver/few_steps",
        "SASolverScheduler",
        "diffusers/schedulers/scheduling_sasolver.py, SASolverScheduler",
        "`SASolverScheduler` is a fast dedicated high-order solver for diffusion SDEs. [...] For more details, please check "
        "https://huggingface.co/papers/2309.05019",
        grids=GRIDS,
        parameterizations={**ALL_THREE, **FLOW},
        config={},
        base={"predictor_order": 3, "corrector_order": 4},  # the original's defaults, where a case does not say
        init=("predictor_order", "corrector_order", "algorithm_type"),
        driven=("tau", "correcting_x0_fn"),
        levels="each_sigma",
        loop="sa_solver",
        cases=(*CASES, "guided-*", "threshold-*"),
        note="SASolverScheduler's own defaults but for the orders; tau_func as the original's README gives it for diffusers",
        domain={
            "parameterizations": list(ALL_THREE),
            "borders": BELOW_15,
            "order": {**BY_THIRDS, "grid": "time", "options": {"tau": 0, "predictor_order": 2, "corrector_order": 2}},
            "guidance": [None, 5.0],
            "options": OPTIONS,
            "composed": AXES,
            "forms": {"grid": "time", "steps": [9, 27, 37]},
            "unless": UNLESS,
        },
    ),
)

NO_CLAIMS: dict[str, str] = {
    "sa_solver/more_steps": (
        "SASolverScheduler's comments say that its weights are 'used only for few steps sampling', and it has no denoising step"
    ),
}


def middle(t: Any) -> int:
    """The README's tau function for diffusers, which is also the scheduler's default."""
    return 1 if t >= 200 and t <= 800 else 0


def sa_solver(scheduler: Any, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:
    """The loop of diffusers' pipelines, with the function tau and thresholding given to the constructor."""
    options = passed(claim, run.case, "loop")

    def constant(t: Any) -> Any:
        del t
        return options["tau"]

    settings = {"tau_func": middle if options["tau"] == "middle" else constant, "thresholding": "correcting_x0_fn" in options}
    pipeline(type(scheduler).from_config(scheduler.config, **settings), claim, run, flags)


LOOPS = {"sa_solver": sa_solver}
