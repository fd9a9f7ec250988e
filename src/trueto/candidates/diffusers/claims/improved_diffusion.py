"""Which schedulers of diffusers are improved-diffusion's samplers."""

from __future__ import annotations

from trueto.candidates.diffusers.claims.guided_diffusion import ANCESTRAL, CLIPPED, EPS_X0, TYPES, VARIANCES
from trueto.candidates.diffusers.claims.row import DOCS, claim
from trueto.model import Claim

__all__ = ["CLAIMS", "NO_CLAIMS"]

# Domains of the laws: 4000 training times and 1000. Grid `sections` takes lists of times of its own.
LONG = {"schedules": ["linear4000", "cosine4000", "linear"], "grids": ["spaced", "ddim"]}
# A step over nearly all times of the cosine: the original's products of 1 - beta lose digits there, in float64 as well.
NEARLY_ALL = {"schedule == 'cosine4000' and grid == 'spaced' and steps < 10": "the original's float64 is not exact enough to judge by"}
CLIP = {"clip_denoised": {"choices": [False, True]}}

CLAIMS: tuple[Claim, ...] = (
    claim(
        "improved_diffusion/ddpm",
        "DDPMScheduler",
        DOCS + "ddpm, parameter variance_type; diffusers/schedulers/scheduling_ddpm.py, _get_variance",
        TYPES,
        grids=ANCESTRAL,
        parameterizations=EPS_X0,
        config={},
        base={"variance_type": "fixed_large"},
        init=VARIANCES,
        driven=("sections",),
        levels="to_clean",
        loop="ancestral",
        cases=("[!l]*", "large-*", "linear-*"),
        note=(
            "the documentation does not name improved-diffusion, but has its learned_range; times that are rescaled have no counterpart, "
            "and variance_type 'learned' is not claimed, because it takes a variance where the original's network gives its logarithm"
        ),
        domain={**LONG, "options": {**CLIP, "variance": {"choices": ["fixed_large", "fixed_small", "learned_range"]}}},
    ),
    claim(
        "improved_diffusion/ddim",
        "DDIMScheduler",
        "diffusers/schedulers/scheduling_ddim.py, step, use_clipped_model_output",
        "Necessary because predicted original sample is clipped to [-1, 1] when `self.config.clip_sample` is `True`.",
        grids={"ddim": {}, "spaced": {"timestep_spacing": "linspace"}},
        parameterizations=EPS_X0,
        config={},
        init=CLIPPED,
        driven=("eta", "variance"),
        levels="alpha_bar",
        loop="corrected",
        note="with use_clipped_model_output=True, which the documentation calls necessary where the sample is clipped",
        domain={**LONG, "options": {**CLIP, "eta": {"range": [0.0, 1.0]}}, "unless": NEARLY_ALL},
    ),
)

NO_CLAIMS: dict[str, str] = {}
