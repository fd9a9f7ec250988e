"""Which scheduler of diffusers is SA-Solver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trueto.candidates.diffusers.claims.row import ALL_THREE, claim
from trueto.candidates.diffusers.loops import passed, pipeline
from trueto.model import Claim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trueto.torch_run import Run

__all__ = ["CLAIMS", "LEVELS", "LOOPS", "NO_CLAIMS"]

# SASolverScheduler has the original's mode few_steps, in PEC, with a corrector (its order must be 1 to 4).
CASES = ("middle-*", "ode-*", "sde-*", "order-1-*", "order-3-*", "order-4-*", "noise-*", "logsnr-*", "karras-*", "v-*", "x0-*", "linear-*")
GRIDS: dict[str, dict[str, Any]] = {
    "time": {},
    "karras": {"use_karras_sigmas": True},
    "logSNR": {"use_exponential_sigmas": True},  # evenly spaced in log(sigma), which is log-SNR
}

CLAIMS: tuple[Claim, ...] = (
    claim(
        "sa_solver/few_steps",
        "SASolverScheduler",
        "diffusers/schedulers/scheduling_sasolver.py, SASolverScheduler",
        "`SASolverScheduler` is a fast dedicated high-order solver for diffusion SDEs. [...] For more details, please check "
        "https://huggingface.co/papers/2309.05019",
        grids=GRIDS,
        parameterizations=ALL_THREE,
        config={},
        base={"predictor_order": 3, "corrector_order": 4},  # the original's defaults, where a case does not say
        init=("predictor_order", "corrector_order", "algorithm_type"),
        driven=("tau", "correcting_x0_fn"),
        levels="all_sigmas",
        loop="sa_solver",
        cases=(*CASES, "guided-*", "threshold-*"),
        note="SASolverScheduler's own defaults but for the orders; tau_func as the original's README gives it for diffusers",
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


def all_levels(scheduler: Any, claim: Claim, case: Any) -> tuple[str, Any]:  # noqa: ARG001 - all readers of levels are alike
    """The stored sigmas, also where the last one is there twice: that is a step of its own."""
    return "sigma", scheduler.sigmas


LOOPS = {"sa_solver": sa_solver}
LEVELS = {"all_sigmas": all_levels}
