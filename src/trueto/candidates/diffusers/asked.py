"""What users ask of diffusers besides a configuration and a step count: a first picture, lists of times or levels, generators.

A claim's options that its loop takes (`driven`), and settings of its domain that go by way of the loop, come together in `wishes`. What is
done with them is what the pipelines do: strength as in their `get_timesteps` and `prepare_latents`, lists as in `retrieve_timesteps`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from trueto.errors import UnknownName
from trueto.fixtures.lists import ays_times
from trueto.model import Case, Claim

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["LISTS", "continued", "first_latents", "generator_of", "set_times", "takes", "wishes"]


def wishes(claim: Claim, case: Case) -> dict[str, Any]:
    """What the loop is asked for: options of the case that the claim's loop takes, and settings that go by way of it."""
    options = {name: value for name, value in case.options.items() if claim.settings["options"][name] == "loop"}
    axes = claim.settings.get("domain", {}).get("composed", {})
    chosen = [axes[axis]["values"][value].get("asked", {}) for axis, value in case.composed.items()]
    return {**options, **{name: value for asked in chosen for name, value in asked.items()}}


def set_times(scheduler: Any, claim: Claim, run: Run, wanted: Mapping[str, Any], **more: Any) -> None:
    """`set_timesteps` with the step count, or with the list of times or levels that is wanted instead."""
    name = wanted.get("given")
    if wanted.get("by_set_timesteps"):
        more = {**more, "strength": wanted["strength"]}
    if name is None:
        scheduler.set_timesteps(run.case.steps, device=run.device, **more)
        return
    if name not in LISTS:
        raise UnknownName("list of times or levels", name, LISTS, "candidates/diffusers/asked.py")
    scheduler.set_timesteps(device=run.device, **LISTS[name](scheduler, claim, run), **more)


def _own_times(scheduler: Any, claim: Claim, run: Run) -> dict[str, Any]:
    """The times that the scheduler would have taken by itself, one for each step."""
    scheduler.set_timesteps(run.case.steps)
    times = scheduler.timesteps.tolist()
    return {"timesteps": [times[0], *times[1::2]] if claim.settings["stages"]["kind"] == "double" else times}


def _own_levels(scheduler: Any, claim: Claim, run: Run) -> dict[str, Any]:  # noqa: ARG001 - all lists are made alike
    """The levels that the scheduler would have taken by itself."""
    scheduler.set_timesteps(run.case.steps)
    return {"sigmas": scheduler.sigmas.tolist()}


def _original_levels(scheduler: Any, claim: Claim, run: Run) -> dict[str, Any]:  # noqa: ARG001 - all lists are made alike
    """k-diffusion's own levels for the step count, in float64: its `get_sigmas`, linear in log sigma between the training times."""
    alpha_bar = run.schedule.alphas_cumprod
    times = np.linspace(len(alpha_bar) - 1, 0, run.case.steps)
    logs = np.log((1 - alpha_bar) / alpha_bar) / 2
    return {"sigmas": [*np.exp(np.interp(times, np.arange(len(logs)), logs)).tolist(), 0.0]}


def _align_your_steps(scheduler: Any, claim: Claim, run: Run) -> dict[str, Any]:  # noqa: ARG001 - all lists are made alike
    """The list of `AysSchedules` as it is for ten steps; interpolated for another number."""
    return {"timesteps": ays_times(run.case.steps).tolist()}


LISTS = {"own_timesteps": _own_times, "own_sigmas": _own_levels, "original_sigmas": _original_levels, "ays_timesteps": _align_your_steps}


def first_latents(scheduler: Any, run: Run, wanted: Mapping[str, Any]) -> tuple[Any, int]:
    """The latents that the loop begins with, and how many steps it leaves out: with a strength, a picture with noise added to it."""
    noise = _noise(run, wanted)
    if "strength" not in wanted:
        return noise * scheduler.init_noise_sigma, 0
    steps = run.case.steps
    skipped = 0 if wanted.get("by_set_timesteps") else max(steps - min(int(steps * float(wanted["strength"])), steps), 0)
    begin = skipped * scheduler.order
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin)
    first = scheduler.timesteps[begin : begin + 1].repeat(run.case.shape[0])
    picture = run.picture()
    if wanted.get("generator") == "list":  # one picture for all, as users give it: only the generators differ
        picture = picture[:1].expand(run.case.shape)
    return scheduler.add_noise(picture, noise, first), skipped


def continued(scheduler: Any, claim: Claim, run: Run, wanted: Mapping[str, Any], done: int, **more: Any) -> Any:
    """A new object of the same configuration that goes on after so many calls, as the refiner of Stable Diffusion XL does."""
    fresh = type(scheduler).from_config(scheduler.config)
    set_times(fresh, claim, run, wanted, **more)
    if hasattr(fresh, "set_begin_index"):
        fresh.set_begin_index(done)
    return fresh


def _noise(run: Run, wanted: Mapping[str, Any]) -> Any:
    """The first noise, from the generators that are wanted in a seeded run."""
    generator = generator_of(run, wanted)
    if not isinstance(generator, list):
        return run.start_noise(generator)
    from diffusers.utils.torch_utils import randn_tensor

    return randn_tensor(run.case.shape, generator=generator, dtype=run.dtype)


def generator_of(run: Run, wanted: Mapping[str, Any]) -> Any:
    """No generator, one from the case's seed, or one for each picture from seeds that follow one another; the same object in a run."""
    import torch

    kind = wanted.get("generator")
    if kind is None or not run.seeded:
        return None
    if run.generator is None:
        seeds = [run.case.seed + index for index in range(run.case.shape[0] if kind == "list" else 1)]
        made = [torch.Generator().manual_seed(seed) for seed in seeds]
        run.generator = made if kind == "list" else made[0]
    return run.generator


def takes(function: Any, name: str) -> bool:
    """Whether a function has an argument of that name, as the pipelines ask before they pass `generator` to step()."""
    return name in inspect.signature(function).parameters
