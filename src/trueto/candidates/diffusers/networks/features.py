"""diffusers' switches on its own networks; what each does is in trueto.candidates.diffusers.switches and .execution."""

from __future__ import annotations

import importlib
from functools import partial
from typing import TYPE_CHECKING, Any

from trueto.candidates.diffusers.claims.features import CLAIMS

if TYPE_CHECKING:
    from trueto.torch_task import Task

__all__ = ["OUTPUTS"]


def flip(name: str, network: Any, task: Task) -> None:
    """The network with that switch on or off, as the task says."""
    importlib.import_module("trueto.candidates.diffusers.execution").SWITCHES[name](network, task)


OUTPUTS = {claim.reference: partial(flip, claim.reference.partition("/")[2]) for claim in CLAIMS}
