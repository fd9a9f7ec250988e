"""A sampler that is a plain function, `sampler(model, x, sigmas, **options)`, as a candidate; imports torch.

`model(x, sigma)` is the denoiser of Karras et al. 2022 (arXiv 2206.00364): x (B, C, H, W), sigma a number or (B,), returns the clean
picture. Grid, start and denoiser are the certified spec's own, so that the function alone is judged.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

from trueto.interpose import NUMPY_OF, to_numpy, to_torch
from trueto.model import Case, Claim
from trueto.references import observe_spec, reference
from trueto.references.spec import SpecInputs
from trueto.workers.run import warm

__all__ = ["FunctionAdapter", "options_of"]

DRAWS_FIRST = ("euler", "heun", "dpm_2")  # whose draw comes before the network call of its step


def options_of(sampler: Callable[..., Any]) -> tuple[str, ...]:
    """The names of the options that a sampler takes besides (model, x, sigmas)."""
    named = list(inspect.signature(sampler).parameters.values())[3:]
    return tuple(one.name for one in named if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY))


def _increment(run: Any, *interval: Any) -> torch.Tensor:  # noqa: ARG001 - a noise sampler is given the levels that it goes between
    """The recorded draw of the step that is running."""
    return run.draw(run.step)


class FunctionAdapter:
    """See `trueto.candidates.Adapter`: one claim, one function."""

    no_claims: Mapping[str, str] = {}

    def __init__(self, sampler: Callable[..., Any], claim: Claim, version: str) -> None:
        self.name = claim.implementation
        self.claims = (claim,)
        self.modules = (sampler.__module__,)
        self._sampler, self._version = sampler, version
        warm(self)

    def version(self) -> str:
        """As given."""
        return self._version

    def load(self) -> None:
        """The function is there already."""

    def settings(self, claim: Claim, case: Case) -> Mapping[str, Any]:  # noqa: ARG002 - the protocol's signature
        """The options that it is given."""
        return dict(case.options)

    def owns(self, filename: str) -> bool:
        """Whether an exception passed through the file of the function."""
        return filename == inspect.unwrap(self._sampler).__code__.co_filename

    def sample(self, claim: Claim, run: Any, flags: Mapping[str, Any]) -> None:  # noqa: ARG002 - as settings
        """Call the function on the original's own levels."""
        ref, case = reference(claim.reference), run.case
        inputs = SpecInputs(case, np.dtype(NUMPY_OF[run.dtype]), run.schedule, run.probe, np.zeros(0), run.noise.tape)
        table = ref.frame.training_sigmas(inputs)
        levels, times = ref.frame.grid(inputs, table)
        denoise = ref.frame.Denoiser(inputs, table, levels, times, table[:0])
        steps = observe_spec(ref, case, "idle").native.step

        def step(_: int = 0) -> int:
            """The step of the next network call, as the original numbers its calls."""
            return int(steps[min(denoise.calls, len(steps) - 1)])

        def model(x: torch.Tensor, sigma: Any, **_: Any) -> torch.Tensor:
            run.step = run.noise.step = step()
            with torch._C.DisableTorchFunction():  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001 - what the harness does is not the candidate's
                level = to_numpy(sigma).reshape(-1)[0] if isinstance(sigma, torch.Tensor) else inputs.dtype.type(sigma)
                return to_torch(denoise(to_numpy(x), level, run.step), x)

        if claim.reference.endswith(DRAWS_FIRST):
            run.noise.step_of = step
        sigmas = run.table(levels)
        x = run.start_noise() * sigmas[0]
        options = dict(case.options)
        if "noise_sampler" in options_of(self._sampler):
            options["noise_sampler"] = partial(_increment, run)
        sample = self._sampler(model, x, sigmas, **options)
        if not isinstance(sample, torch.Tensor):
            raise TypeError(f"{self.name} returns {type(sample).__name__}, expected a tensor")
        ends = [(sigmas[place] ** 2 + 1) ** 0.5 for place in (0, -1)]
        run.finish(levels=sigmas, level_kind="sigma", start=x / ends[0], sample=sample / ends[1])
