"""Releases of diffusers before 0.18, asked as today's are: what a class has not yet is answered as that release's own pipelines did it.

Nothing of the library is changed: a class that lacks something is driven through a subclass of the same name, which answers only what the
loops here ask and the class has not. From 0.18 on every class answers by itself.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from packaging.version import Version

from trueto.candidates.diffusers.older_average import by_parameters, keeps_a_module
from trueto.model import Claim

__all__ = ["as_today", "check_times", "lacks", "lacks_name", "offset_of_levels"]

ANSWERS = Version("0.18")  # the first release of which every class has all that the loops ask
PREVIOUS_BY_STRIDE = Version("0.13")  # DDPM steps over the stride of its times; before, always to the time before
IN_PIPELINES = Version("0.4")  # until then pipelines scaled latents, added the offset and told LMS the place of a time in its list
WHOLE_IS_PLACE = Version("0.8")  # until then a whole number meant a place in the list to those that look in one
LOOKING = ("LMSDiscreteScheduler", "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler")


def as_today(found: Any) -> Any:
    """A scheduler's class of the installed release, through which the loops can ask what they ask of today's; anything else as it is."""
    if not inspect.isclass(found) or _release() >= ANSWERS:
        return found
    return by_parameters(found) if keeps_a_module(found) else _answering(found)


def lacks(found: Any, claim: Claim) -> str:
    """What a class of this release has not of what a claim says in its settings; nothing where it can be asked for all of it."""
    if not inspect.isclass(found):
        return ""
    known = inspect.signature(found.__init__).parameters
    if absent := sorted(set(claim.settings.get("needs", {}).get("settings", ())) - set(known)):
        return f"has no such setting: {', '.join(absent)} of {claim.implementation}"
    if _release() >= ANSWERS:
        return ""
    base = {name: value for name, value in claim.settings["base"].items() if name in known}
    try:
        found(**base)
    except NotImplementedError as error:
        return f"has no such method: {str(error)[:100]}"
    return ""


def lacks_name(claim: Claim) -> str:
    """What this release has not yet of what a claim says that it needs beside its class; nothing where it has it."""
    need = claim.settings.get("needs", {})
    return f"has no such name: {need['name']}" if need and _release() < Version(need["since"]) else ""


def check_times(scheduler: Any, times: Sequence[int]) -> None:
    """LookupError for a time at which an older scheduler cannot add noise: it looks in its list, which it spaces in one way only."""
    if _release() < ANSWERS and (absent := sorted(set(times) - {float(t) for t in scheduler.timesteps})):
        raise LookupError(f"{type(scheduler).__name__} has no timestep_spacing, so time {absent[0]} is not among those of its list")


def offset_of_levels(scheduler: Any) -> int:
    """How many training times later PNDMScheduler takes its level than it says: until 0.3 one, less what is added to its times."""
    early = type(scheduler).__name__ == "PNDMScheduler" and _release() < IN_PIPELINES
    return 1 - getattr(scheduler, "_offset", 0) if early else 0


@cache
def _release() -> Version:
    return Version(importlib.import_module("diffusers").__version__)


class _Answer:
    """An attribute that an object answers by a function as long as it has none of its own."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __get__(self, scheduler: Any, owner: type) -> Any:
        return self if scheduler is None else self.function(scheduler)


@cache
def _answering(found: Any) -> Any:
    parts = {name: made for name, made in ANSWERED.items() if not hasattr(found, name)}
    for name, wanted, make in REPLACED:
        if hasattr(found, name) and wanted(found):
            parts[name] = make(found)
    return type(found.__name__, (found,), {**parts, "__module__": found.__module__, "__doc__": found.__doc__})


def _levels(scheduler: Any) -> Any:
    """Sigma over alpha at the times of DPM-Solver, DEIS and UniPC, whose last step went to time 0."""
    import torch

    times = torch.cat([scheduler.timesteps, scheduler.timesteps.new_zeros(1)])
    return scheduler.sigma_t[times] / scheduler.alpha_t[times]


def _previous(scheduler: Any, time: Any) -> Any:
    """Where a step of DDPM ended."""
    total = scheduler.config.num_train_timesteps
    return time - (1 if _release() < PREVIOUS_BY_STRIDE else total // (scheduler.num_inference_steps or total))


def _first_scale(scheduler: Any) -> Any:
    """What the pipelines of 0.3 multiplied the first noise by."""
    if "sigma_max" in scheduler.config:
        return scheduler.config["sigma_max"]
    return scheduler.sigmas[0] if _is_lms(type(scheduler)) else 1.0


def _scaled(scheduler: Any, sample: Any, time: Any) -> Any:
    """What the pipelines of 0.3 showed the network."""
    if not _is_lms(type(scheduler)):
        return sample
    return sample / (scheduler.sigmas[_place(scheduler, time)] ** 2 + 1) ** 0.5


def _last_alpha_bar(scheduler: Any) -> Any:
    """Where the last step ended before a setting said it: that of PNDM never before time 0, that of DDIM where nothing is noise."""
    return scheduler.alphas_cumprod[offset_of_levels(scheduler)] if type(scheduler).__name__ == "PNDMScheduler" else scheduler.one


def _place(scheduler: Any, time: Any) -> int:
    return int((scheduler.timesteps == time).nonzero().item())


def _asked(scheduler: Any, name: str) -> Any:
    """A setting that was asked for, whether the class knows it or not."""
    return getattr(scheduler, "asked", {}).get(name)


def _is_lms(found: Any) -> bool:
    return str(found.__name__) == "LMSDiscreteScheduler"


def _made(found: Any) -> Any:
    """from_config() with settings in place of a file's name, on tensors. LookupError for what the release says that it has not."""

    def from_config(cls: Any, config: Mapping[str, Any], **more: Any) -> Any:
        try:
            made = _built(found, cls, {**config, **more})
        except NotImplementedError as error:
            raise LookupError(f"this release has no such thing: {error}") from error
        made.asked = dict(config)
        return made.set_format("pt") if hasattr(made, "set_format") else made

    return classmethod(from_config)


def _built(found: Any, cls: Any, config: Mapping[str, Any]) -> Any:
    """An object of a class with what it knows of the settings."""
    known = inspect.signature(found.__init__).parameters
    tells = _is_told_of_noise(found.__init__) and "prediction_type" not in known
    learns = str(config.get("variance_type", "")).startswith("learned")
    if learns and "predicted_variance" not in inspect.signature(found._get_variance).parameters:  # noqa: SLF001 - it takes any word
        raise NotImplementedError(f"{config['variance_type']} is no variance_type of {found.__name__}")
    if not tells and "pretrained_model_name_or_path" not in inspect.signature(found.from_config).parameters:
        return found.from_config.__func__(cls, config)
    given = {name: value for name, value in config.items() if name in known}
    return cls(**given, **({"predict_epsilon": config.get("prediction_type") != "sample"} if tells else {}))


def _spaced(found: Any) -> Any:
    """set_timesteps() that takes no device, and may leave a list of numbers."""
    takes_offset = "offset" in inspect.signature(found.set_timesteps).parameters

    def set_timesteps(self: Any, *counts: int, device: Any = None, **more: Any) -> None:  # noqa: ARG001 - all there is runs on the CPU
        import torch

        offset = {"offset": _asked(self, "steps_offset") or 0} if takes_offset else {}
        found.set_timesteps(self, *counts, **offset, **more)
        self.timesteps = torch.as_tensor(self.timesteps)

    return set_timesteps


def _stepped(found: Any) -> Any:
    """step() that is told the place of a time instead of the time, or at each call that the network predicts the picture."""
    by_place = _is_lms(found) and _release() < IN_PIPELINES
    tells = _is_told_of_noise(found.step) and "prediction_type" not in inspect.signature(found.__init__).parameters
    inner = _named(found.step)

    def step(self: Any, answer: Any, time: Any, sample: Any, *rest: Any, **more: Any) -> Any:
        told = _place(self, time) if by_place else time
        kind = {"predict_epsilon": _asked(self, "prediction_type") != "sample"} if tells else {}
        return inner(self, answer, told, sample, *rest, **kind, **more)

    return step


class _Output(dict[str, Any]):
    """What a step gives, by name, as a dictionary has it."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


def _named(function: Any) -> Any:
    """A step that gives a dictionary, as one that gives what is asked for with `return_dict`; any other as it is."""
    if _gives_names(function):
        return function

    def step(*given: Any, return_dict: bool = True, **more: Any) -> Any:
        found = function(*given, **more)
        if not isinstance(found, dict):
            return found
        return _Output(found) if return_dict else tuple(found.values())

    return step


def _noised(found: Any) -> Any:
    """add_noise() to which a whole number meant a place in the list and not a time."""

    def add_noise(self: Any, picture: Any, noise: Any, times: Any) -> Any:
        import torch

        if _release() >= IN_PIPELINES:
            told = times.to(self.timesteps.dtype)
        elif self.num_inference_steps is None:  # there the table is in the order of the times
            told = times
        else:
            told = torch.tensor([_place(self, time) for time in times])
        return found.add_noise(self, picture, noise, told)

    return add_noise


ANSWERED: dict[str, Any] = {
    "order": 1,
    "sigmas": _Answer(_levels),
    "init_noise_sigma": _Answer(_first_scale),
    "final_alpha_cumprod": _Answer(_last_alpha_bar),
    "scale_model_input": _scaled,
    "previous_timestep": _previous,
}
REPLACED: tuple[tuple[str, Callable[[Any], bool], Callable[[Any], Any]], ...] = (
    ("from_config", lambda _: True, _made),
    ("set_timesteps", lambda found: "device" not in inspect.signature(found.set_timesteps).parameters, _spaced),
    ("step", lambda found: _release() < IN_PIPELINES or _is_told_of_noise(found.step), _stepped),
    ("step_pred", lambda found: not _gives_names(found.step_pred), lambda found: _named(found.step_pred)),
    ("step_correct", lambda found: not _gives_names(found.step_correct), lambda found: _named(found.step_correct)),
    ("add_noise", lambda found: found.__name__ in LOOKING and _release() < WHOLE_IS_PLACE, _noised),
)


def _gives_names(function: Any) -> bool:
    return "return_dict" in inspect.signature(function).parameters


def _is_told_of_noise(function: Any) -> bool:
    """Whether a function has the setting that `prediction_type` took the place of."""
    return "predict_epsilon" in inspect.signature(function).parameters
