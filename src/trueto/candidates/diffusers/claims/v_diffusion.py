"""Which schedulers of diffusers are v-diffusion-pytorch's samplers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from trueto.candidates.diffusers import loops
from trueto.candidates.diffusers.claims.row import DOCS, claim
from trueto.model import Case, Claim

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["CLAIMS", "LEVELS", "LOOPS", "NO_CLAIMS"]

QUOTE = "The original implementation can be found at crowsonkb/v-diffusion-pytorch."
V = {"v": "v_prediction"}
SPLICE = (0.80074257, 0.48536712)  # where get_spliced_ddpm_cosine_schedule passes from its cosine to its DDPM part, in the time of each

CLAIMS: tuple[Claim, ...] = (
    claim(
        "v_diffusion/iplms",
        "IPNDMScheduler",
        DOCS + "ipndm",
        QUOTE,
        grids={"spliced": {}},
        parameterizations=V,
        config={},
        levels="ratio",
        note="as DanceDiffusionPipeline drives it; the original takes its times from its caller, here those of its own scripts",
        domain={"schedules": ["angle"]},
    ),
    claim(
        "v_diffusion/iplms",
        "IPNDMScheduler",
        DOCS + "ipndm",
        QUOTE,
        name="trained_betas",
        grids={"spliced": {}, "ddpm": {}, "log": {}},
        parameterizations=V,
        config={},
        levels="ratio",
        loop="given_sigmas",
        needs=("trained_betas",),
        cases=("spliced-2", "spliced-4", "spliced-7", "spliced-20", "spliced-1000", "ddpm-*", "log-*"),
        note="with `trained_betas`, which this scheduler takes for the sigmas of its grid, set to those of the original's times",
        domain={"schedules": ["angle"]},
    ),
)

NO_CLAIMS: dict[str, str] = {
    "v_diffusion/ddim": "no scheduler is documented as this one; DDIMScheduler walks whole training times",
    "v_diffusion/plms": "PNDMScheduler is documented as CompVis' PLMS",
    "v_diffusion/prk": "PNDMScheduler starts with such steps unless skip_prk_steps is set, but is documented as CompVis' PLMS",
    "v_diffusion/pie": "no scheduler is documented as this algorithm",
    "v_diffusion/plms2": "no scheduler is documented as this algorithm",
}


def ratio_levels(scheduler: Any, claim: Claim, case: Case) -> tuple[str, Any]:  # noqa: ARG001 - all readers of levels are alike
    """Sigma over alpha; infinite at the beginning of the scheduler's own grid."""
    return "sigma", scheduler.betas / scheduler.alphas


def given_sigmas(scheduler: Any, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:
    """The pipelines' loop on the sigmas of the original's grid."""
    sigmas = np.append(np.sin(times(run.case) * np.pi / 2), 0.0)
    loops.pipeline(type(scheduler)(trained_betas=sigmas.tolist()), claim, run, flags)


def times(case: Case) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The times of v-diffusion-pytorch's schedules, from noisy to clean (its utils.py)."""
    even = np.linspace(1, 0, case.steps + 1)[:-1]

    def of_ratio(squared: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.arctan(np.sqrt(squared)) / np.pi * 2

    if case.grid == "log":
        return of_ratio(np.exp(20 * even - 10))
    if case.grid == "ddpm":
        return of_ratio(np.expm1(1e-4 + 10 * even**2))
    cosine, ddpm = SPLICE
    stretched = even * (1 + cosine - ddpm)
    late = of_ratio(np.expm1(1e-4 + 10 * (stretched + ddpm - cosine) ** 2))
    return np.where(stretched < cosine, stretched, late)


LEVELS = {"ratio": ratio_levels}
LOOPS = {"given_sigmas": given_sigmas}
