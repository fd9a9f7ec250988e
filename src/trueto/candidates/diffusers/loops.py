"""How diffusers' schedulers are driven, as its own pipelines do it, and how their noise levels are read off.

A claim names a loop and a reader of levels; modules of `claims/` add their own (`LOOPS`, `LEVELS`).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from trueto.candidates.diffusers.asked import continued, first_latents, generator_of, set_times, takes, wishes
from trueto.model import Case, Claim

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = [
    "alpha_bar_levels",
    "compiled",
    "drive",
    "guided",
    "passed",
    "pipeline",
    "read_levels",
    "sigma_levels",
    "spread_of_flow",
    "step_arguments",
    "step_of",
]


def drive(scheduler: Any, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:
    """Run the claimed scheduler in the loop that its claim names; ends with `run.finish(...)`."""
    from trueto.candidates.diffusers.claims import LOOPS  # its modules use the loops of this one

    loops = {"pipeline": pipeline, **LOOPS}
    loops[claim.settings["loop"]["kind"]](scheduler, claim, run, flags)


def read_levels(scheduler: Any, claim: Claim, case: Case) -> tuple[str, Any]:
    """Kind and values of the noise levels that the scheduler steps through, before each step and at the end, as it stores them."""
    from trueto.candidates.diffusers.claims import LEVELS

    readers: dict[str, Callable[..., tuple[str, Any]]] = {
        "sigma": sigma_levels,
        "each_sigma": each_sigma,
        "alpha_bar": alpha_bar_levels,
        **LEVELS,
    }
    return readers[claim.settings["levels"]["kind"]](scheduler, claim, case)


def pipeline(scheduler: Any, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:
    """The denoising loop of diffusers' pipelines, part of it where a strength is wanted.

    Noise comes from torch's global generator, seeded as for the original, unless the case wants generators of its own.
    """
    case, wanted = run.case, wishes(claim, run.case)
    set_times(scheduler, claim, run, wanted, **passed(claim, case, "timesteps"))
    latents, skipped = first_latents(scheduler, run, wanted)
    extra = {**step_arguments(claim, scheduler, case, run, latents), **wanted.get("step", {})}
    if "generator" in wanted and takes(scheduler.step, "generator"):
        extra["generator"] = generator_of(run, wanted)
    step = compiled(scheduler.step, flags)
    start, parted = latents, int(case.steps * wanted["parted"]) * scheduler.order if "parted" in wanted else None
    for index, t in enumerate(scheduler.timesteps[skipped * scheduler.order :]):
        if index == parted:
            scheduler = continued(scheduler, claim, run, wanted, index, **passed(claim, case, "timesteps"))
            step = compiled(scheduler.step, flags)
        run.step = run.noise.step = step_of(index, claim.settings["stages"]["kind"])
        scaled = scheduler.scale_model_input(latents, t)
        start = scaled if index == 0 else start
        latents = step(guided(run, scheduler, scaled, latents, t), t, latents, return_dict=False, **extra)[0]
    kind, levels = read_levels(scheduler, claim, case)
    levels = levels[skipped:]
    if kind == "flow":
        start, latents = (x / spread_of_flow(level.to(x)) for x, level in ((start, levels[0]), (latents, levels[-1])))
    run.finish(levels=levels, level_kind=kind, start=start, sample=latents)


def spread_of_flow(level: Any) -> Any:
    """sqrt(alpha^2 + sigma^2) at a level of flow matching, by which a state is divided where it is seen."""
    import torch

    return torch.hypot(1 - level, level)


def compiled(function: Any, flags: Mapping[str, Any]) -> Any:
    """A function of a scheduler, under torch.compile where the profile asks for it."""
    import torch

    return torch.compile(function, backend=flags["compile"]) if flags.get("compile") else function


def passed(claim: Claim, case: Case, place: str) -> dict[str, Any]:
    """The case's options that the claim passes at `place`: init, timesteps, step or loop."""
    return {k: v for k, v in case.options.items() if claim.settings["options"][k] == place}


def step_arguments(claim: Claim, scheduler: Any, case: Case, run: Run, latents: Any) -> dict[str, Any]:
    """What is passed to step(): the case's options, as eta."""
    extra = passed(claim, case, "step")
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


def step_of(index: int, stages: str) -> int:
    """The sampling step that a network call belongs to."""
    return {"single": index, "double": index // 2, "plms": max(index - 1, 0)}[stages]


def guided(run: Run, scheduler: Any, scaled: Any, latents: Any, t: Any) -> Any:
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


def sigma_levels(scheduler: Any, claim: Claim, case: Case) -> tuple[str, Any]:  # noqa: ARG001 - all readers of levels are alike
    """The stored sigmas, without those that a second stage repeats."""
    import torch

    sigmas = scheduler.sigmas
    if claim.settings["stages"]["kind"] != "double":
        return "sigma", sigmas
    keep = torch.cat([torch.ones(1, dtype=torch.bool), sigmas[1:] != sigmas[:-1]])
    return "sigma", sigmas[keep]


def each_sigma(scheduler: Any, claim: Claim, case: Case) -> tuple[str, Any]:  # noqa: ARG001 - all readers of levels are alike
    """The stored sigmas, all of them: a last step of no length is a step too. They may be those of flow matching."""
    return "flow" if getattr(scheduler.config, "use_flow_sigmas", False) else "sigma", scheduler.sigmas


def alpha_bar_levels(scheduler: Any, claim: Claim, case: Case) -> tuple[str, Any]:
    """alpha_bar at the times visited, and where a stride of T // n ends after the last."""
    import torch

    times = scheduler.timesteps
    if claim.settings["stages"]["kind"] == "plms" and len(times) > 1:
        times = torch.cat([times[:1], times[2:]])
    before = times[-1] - scheduler.config.num_train_timesteps // case.steps
    last = scheduler.alphas_cumprod[before] if before >= 0 else scheduler.final_alpha_cumprod
    return "alpha_bar", torch.cat([scheduler.alphas_cumprod[times], torch.as_tensor(last).reshape(1)])  # a number of numpy in 0.3
