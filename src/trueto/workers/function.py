"""One run of a sampler that is a plain function, `sampler(model, x, sigmas, **options)`; imports torch.

`model(x, sigma)` is the denoiser of Karras et al. 2022 (arXiv 2206.00364): x (B, C, H, W), sigma a number or (B,), returns the clean
picture. Grid, start and denoiser are the certified spec's own, so that the function alone is judged.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from trueto.interpose import NUMPY_OF, to_numpy, to_torch
from trueto.model import Claim
from trueto.references import observe_spec, reference
from trueto.references.spec import SpecInputs

__all__ = ["sample_on"]

DRAWS_FIRST = ("euler", "heun", "dpm_2")  # whose draw comes before the network call of its step


def _increment(run: Any, *interval: Any) -> torch.Tensor:  # noqa: ARG001 - a noise sampler is given the levels that it goes between
    """The recorded draw of the step that is running."""
    return run.draw(run.step)


def sample_on(sampler: Callable[..., Any], claim: Claim, run: Any) -> None:
    """Call the function on the original's own levels; ends with `run.finish(...)`."""
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
    if "noise_sampler" in inspect.signature(sampler).parameters:
        options["noise_sampler"] = partial(_increment, run)
    sample = sampler(model, x, sigmas, **options)
    if not isinstance(sample, torch.Tensor):
        raise TypeError(f"{claim.implementation} returns {type(sample).__name__}, expected a tensor")
    ends = [(sigmas[place] ** 2 + 1) ** 0.5 for place in (0, -1)]
    run.finish(levels=sigmas, level_kind="sigma", start=x / ends[0], sample=sample / ends[1])
