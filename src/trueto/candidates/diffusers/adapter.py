"""Driving diffusers' schedulers as its own pipelines do; imported in a worker, where alone `load` imports diffusers."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from trueto.candidates.diffusers.claims import CLAIMS, NO_CLAIMS, SD_V1
from trueto.fixtures import schedule
from trueto.model import Case, Claim

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["ADAPTER", "DiffusersAdapter"]


class DiffusersAdapter:
    """The adapter of diffusers (see `trueto.candidates.Adapter`)."""

    name = "diffusers"
    claims = CLAIMS
    no_claims = NO_CLAIMS
    modules = ("diffusers.schedulers",)

    def version(self) -> str:
        """The installed version, without importing the library."""
        return version("diffusers")

    def load(self) -> None:
        """Import every scheduler that a claim names."""
        schedulers = importlib.import_module("diffusers.schedulers")
        for claim in self.claims:
            getattr(schedulers, claim.implementation)
        logging = importlib.import_module("diffusers.utils.logging")
        logging.set_verbosity_error()

    def owns(self, filename: str) -> bool:
        """Whether a source file is diffusers' own."""
        return "/diffusers/" in filename and "/trueto/" not in filename

    def settings(self, claim: Claim, case: Case) -> dict[str, Any]:
        """The configuration: SD v1's released one, the case's betas, then what the claim says."""
        chosen = claim.settings
        options = {k: v for k, v in case.options.items() if chosen["options"][k] == "init"}
        return {
            **SD_V1,
            **schedule(case.schedule).settings,
            "prediction_type": chosen["parameterizations"][case.parameterization],
            **chosen["base"],
            **chosen["grids"][case.grid],
            **options,
        }

    def build(self, claim: Claim, case: Case) -> Any:
        """The claimed scheduler in its configuration; some take longer to build than to run."""
        return getattr(importlib.import_module("diffusers.schedulers"), claim.implementation).from_config(self.settings(claim, case))

    def sample(self, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:
        """The denoising loop of diffusers' pipelines around the claimed scheduler.

        Noise comes from torch's global generator, seeded as for the original (no `generator=` is passed).
        """
        import torch

        case = run.case
        scheduler = self.build(claim, case) if run.built is None else copy.deepcopy(run.built)
        scheduler.set_timesteps(case.steps, device=run.device)
        latents = run.start_noise() * scheduler.init_noise_sigma
        extra = self._step_arguments(claim, scheduler, case, run, latents)
        step = torch.compile(scheduler.step, backend=flags["compile"]) if flags.get("compile") else scheduler.step
        start = latents
        for index, t in enumerate(scheduler.timesteps):
            run.step = run.noise.step = _step_of(index, claim.settings["stages"]["kind"])
            scaled = scheduler.scale_model_input(latents, t)
            start = scaled if index == 0 else start
            latents = step(_guided(run, scheduler, scaled, latents, t), t, latents, return_dict=False, **extra)[0]
        run.finish(levels=_levels(scheduler, claim, case), level_kind=claim.settings["levels"]["kind"], start=start, sample=latents)

    def _step_arguments(self, claim: Claim, scheduler: Any, case: Case, run: Run, latents: Any) -> dict[str, Any]:
        """What is passed to step(): the case's options, as eta."""
        extra = {k: v for k, v in case.options.items() if claim.settings["options"][k] == "step"}
        if claim.implementation == "DPMSolverSDEScheduler":
            scheduler.noise_sampler = _brownian(scheduler, run, latents)
        return extra


def _brownian(scheduler: Any, run: Run, latents: Any) -> Any:
    """The scheduler's own Brownian tree, made at its first draw, in a seeded run; recorded increments else."""
    if not run.seeded:
        return _recorded(run)
    module = importlib.import_module(type(scheduler).__module__)
    positive = scheduler.sigmas[scheduler.sigmas > 0]
    trees: list[Any] = []

    def increment(*interval: Any) -> Any:
        if not trees:
            span = (positive.min().item(), scheduler.sigmas.max().item())
            trees.append(module.BrownianTreeNoiseSampler(latents, *span, scheduler.noise_sampler_seed))
        return trees[0](*interval)

    return run.noise.watch(increment)


def _recorded(run: Run) -> Any:
    """Recorded increments, one for each draw of the step that is running."""

    def increment(*_: Any) -> Any:
        return run.draw(run.step)

    return increment


def _step_of(index: int, stages: str) -> int:
    """The sampling step that a network call belongs to."""
    return {"single": index, "double": index // 2, "plms": max(index - 1, 0)}[stages]


def _guided(run: Run, scheduler: Any, scaled: Any, latents: Any, t: Any) -> Any:
    """The prediction, with classifier-free guidance on a doubled batch as the pipelines do it."""
    import torch

    scale = run.case.guidance
    if scale is None:
        return run.network(scaled, t)
    doubled = scheduler.scale_model_input(torch.cat([latents] * 2), t)
    size = run.case.shape[0]
    marks = torch.cat([torch.zeros(size, 1), torch.ones(size, 1)])
    unconditional, conditional = run.network(doubled, t, marks).chunk(2)
    return unconditional + scale * (conditional - unconditional)


def _levels(scheduler: Any, claim: Claim, case: Case) -> Any:
    """The noise levels that the scheduler steps through, before each step and at the end, as it stores them."""
    import torch

    if claim.settings["levels"]["kind"] == "sigma":
        sigmas = scheduler.sigmas
        keep = torch.cat([torch.ones(1, dtype=torch.bool), sigmas[1:] != sigmas[:-1]])
        return sigmas[keep]
    times = scheduler.timesteps
    if claim.settings["stages"]["kind"] == "plms" and len(times) > 1:
        times = torch.cat([times[:1], times[2:]])
    before = times[-1] - scheduler.config.num_train_timesteps // case.steps
    last = scheduler.alphas_cumprod[before] if before >= 0 else scheduler.final_alpha_cumprod
    return torch.cat([scheduler.alphas_cumprod[times], last.reshape(1)])


ADAPTER = DiffusersAdapter()
