"""Which schedulers of diffusers are CompVis' samplers."""

from __future__ import annotations

from trueto.candidates.diffusers.claims.row import EPS, claim
from trueto.model import Claim

__all__ = ["CLAIMS", "NO_CLAIMS"]

CLAIMS: tuple[Claim, ...] = (
    claim(
        "compvis/plms",
        "PNDMScheduler",
        "diffusers/schedulers/scheduling_pndm.py, set_timesteps; the scheduler that Stable Diffusion v1-4 and v1-5 were released with",
        "is based on crowsonkb's PLMS sampler implementation: https://github.com/CompVis/latent-diffusion/pull/51",
        stages="plms",
        grids={"uniform": {}},
        parameterizations=EPS,
        levels="alpha_bar",
    ),
    claim(
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
)

NO_CLAIMS: dict[str, str] = {}
