"""diffusers' schedulers, each with one fault in what users pass, of a kind that users have suffered; and one with none, beside each.

The faults are put in for one run each, in the worker. `trueto gate tests/mistaken/arguments.py --claim NAME --case CASE` judges one.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from typing import Any
from unittest import mock

from trueto.candidates.diffusers.adapter import DiffusersAdapter
from trueto.model import Claim

Patch = Callable[[Any], Any]


def noise_of_the_first_level(self: Any, picture: Any, noise: Any, times: Any) -> Any:
    """add_noise that takes the noisiest level of the schedule whatever the time."""
    del times
    return picture + noise * self.sigmas[0]


def noise_unscaled(self: Any, picture: Any, noise: Any, times: Any) -> Any:
    """add_noise without the level."""
    del self, times
    return picture + noise


def replaced(name: str, value: Any) -> Patch:
    """A patch that puts `value` in the place of an attribute of the scheduler's class."""
    return lambda kind: mock.patch.object(kind, name, value)


def changed(name: str, change: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]) -> Patch:
    """A patch that calls `change` with the method, its arguments and those by name."""

    def patch(kind: Any) -> Any:
        method = getattr(kind, name)
        return mock.patch.object(kind, name, lambda *found, **named: change(method, found, named))

    return patch


def half_the_noise(method: Any, found: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """step() that gives the first generator of a list to every picture."""
    listed = named.get("generator")
    if isinstance(listed, list):
        named = {**named, "generator": [listed[0]] * len(listed)}
    return method(*found, **named)


def times_cut(method: Any, found: tuple[Any, ...], named: dict[str, Any]) -> None:
    """set_timesteps() that cuts what it tells the network down to whole numbers."""
    method(*found, **named)
    found[0].timesteps = found[0].timesteps.floor()


def one_time_less(method: Any, found: tuple[Any, ...], named: dict[str, Any]) -> None:
    """set_timesteps() that drops the noisiest of the times that it is given."""
    if named.get("timesteps") is not None:
        named = {**named, "timesteps": named["timesteps"][1:]}
    method(*found, **named)


def not_rescaled(kind: Any) -> Any:
    """A patch by which betas stay as they are with rescale_betas_zero_snr."""
    return mock.patch.object(sys.modules[kind.__module__], "rescale_zero_terminal_snr", lambda betas: betas)


# Name of the fault: the claim, the patch, the drawn case that finds it. docs/arguments.md says which users suffered it.
FAULTS: Mapping[str, tuple[str, Patch, str]] = {
    "add_noise_first_level": ("k_diffusion/euler", replaced("add_noise", noise_of_the_first_level), "steps=10,grid=model,strength=0.5"),
    "add_noise_unscaled": ("k_diffusion/euler", replaced("add_noise", noise_unscaled), "steps=10,grid=model,strength=0.5"),
    "order_forgotten": ("k_diffusion/heun", replaced("order", 1), "steps=10,grid=model,strength=0.5"),
    "times_cut": ("k_diffusion/euler", changed("set_timesteps", times_cut), "steps=10,grid=karras"),
    "given_cut": ("k_diffusion/euler", changed("set_timesteps", one_time_less), "steps=10,grid=model,given=ays_timesteps"),
    "generators_shared": ("compvis/ddim", changed("step", half_the_noise), "law=generators,steps=5,grid=uniform,eta=0.8,generator=list"),
    "snr_forgotten": ("compvis/ddim", not_rescaled, "steps=20,grid=uniform,rescale_betas_zero_snr=true"),
}


class Spoiled(DiffusersAdapter):
    """diffusers, with the fault that a claim is named after; those named `sound` have none."""

    name = "arguments"

    def __init__(self) -> None:
        known = {claim.id: claim for claim in DiffusersAdapter.claims}
        named = [(known[of], name) for name, (of, _, _) in FAULTS.items()] + [
            (known[of], "sound") for of in {f[0] for f in FAULTS.values()}
        ]
        self.of = {f"{claim.reference}@{name}": claim for claim, name in named}
        self.claims = tuple(replace(claim, id=name) for name, claim in self.of.items())

    @contextlib.contextmanager
    def spoiled(self, claim: Claim) -> Generator[None]:
        """While this lasts the claimed scheduler has its fault."""
        import diffusers

        fault = claim.id.partition("@")[2]
        with FAULTS[fault][1](getattr(diffusers, claim.implementation)) if fault in FAULTS else contextlib.nullcontext():
            yield

    def build(self, claim: Claim, case: Any) -> Any:
        """The scheduler, built with its fault."""
        with self.spoiled(claim):
            return super().build(claim, case)

    def sample(self, claim: Claim, run: Any, flags: Mapping[str, Any]) -> None:
        """One run with the fault."""
        with self.spoiled(claim):
            super().sample(claim, run, flags)


ADAPTER = Spoiled()
