"""Which scheduler of diffusers is the sampler of Ho et al."""

from __future__ import annotations

from trueto.candidates.diffusers.claims.guided_diffusion import PAPER, VARIANCES
from trueto.candidates.diffusers.claims.row import DOCS, EPS, claim
from trueto.model import Claim

__all__ = ["CLAIMS", "NO_CLAIMS"]

CLAIMS: tuple[Claim, ...] = (
    claim(
        "ho/ddpm",
        "DDPMScheduler",
        DOCS + "ddpm",
        PAPER,
        grids={"spaced": {}},
        parameterizations={**EPS, "x0": "sample"},
        config={},
        init=VARIANCES,
        levels="to_clean",
        loop="ancestral",
        cases=("[!l]*", "large-*"),
        # The original has as many training times as steps, and here are schedules of 50.
        domain={
            "steps": [50, 50],
            "further": [],
            "schedules": ["linear50", "quad50"],
            "options": {
                "variance": {"choices": ["fixed_large", "fixed_small"], "always": True},
                "clip_denoised": {"choices": [True, False]},
            },
        },
        note=(
            "over every training time, as the original samples; networks that predict the previous state have no counterpart, and "
            "variance_type 'learned' is not claimed, because it takes a variance where the original's network gives its logarithm"
        ),
    ),
)

NO_CLAIMS: dict[str, str] = {}
