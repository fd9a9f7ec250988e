"""The smallest faithful candidate, DPM++ 2M in ten lines of torch: what the harness costs is measured on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from trueto.model import Case, Claim

__all__ = ["ADAPTER"]


class Null:
    """The adapter (see trueto.candidates.Adapter)."""

    name = "null"
    claims = (Claim("k_diffusion/dpmpp_2m", "k_diffusion/dpmpp_2m", "sample", "benchmarks/null_candidate.py", "ten lines", ("model-*",)),)
    no_claims: Mapping[str, str] = {}
    modules = ("trueto_candidate_null_candidate",)

    def version(self) -> str:
        """A constant."""
        return "1"

    def load(self) -> None:
        """There is no library."""
        import torch  # noqa: F401

    def settings(self, claim: Claim, case: Case) -> dict[str, Any]:  # noqa: ARG002 - the protocol's signature
        """There are none."""
        return {}

    def owns(self, filename: str) -> bool:
        """Whether a source file is this one."""
        return filename.endswith("null_candidate.py")

    def sample(self, claim: Claim, run: Any, flags: Mapping[str, Any]) -> None:  # noqa: ARG002 - as settings
        """Lu et al. 2022 (arXiv 2211.01095), algorithm 2."""
        import torch

        schedule, steps = run.schedule, run.case.steps
        times = np.linspace(len(schedule) - 1, 0, steps)
        table = 0.5 * np.log((1 - schedule.alphas_cumprod) / schedule.alphas_cumprod)
        sigmas = run.table(np.append(np.exp(np.interp(times, np.arange(len(table)), table)), 0.0))
        x = run.start_noise() * sigmas[0]
        start, old, h_last = x / (sigmas[0] ** 2 + 1) ** 0.5, None, None
        for i in range(steps):
            run.step = i
            sigma = sigmas[i]
            told = torch.full((len(x),), float(times[i]), dtype=sigmas.dtype)
            denoised = x - sigma * run.network(x / (sigma**2 + 1) ** 0.5, told)
            h = torch.log(sigma) - torch.log(sigmas[i + 1])
            second = old is not None and sigmas[i + 1] > 0
            direction = denoised + (denoised - old) * h / (2 * h_last) if second else denoised
            x = sigmas[i + 1] / sigma * x - torch.expm1(-h) * direction
            old, h_last = denoised, h
        run.finish(levels=sigmas, level_kind="sigma", start=start, sample=x)


ADAPTER = Null()
