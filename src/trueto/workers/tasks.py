"""One call of a candidate's function whose named outputs are compared, in the fork that was made for it; imports torch."""

from __future__ import annotations

import contextlib
import random
import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trueto.candidates import Adapter
from trueto.distances import measure
from trueto.errors import TruetoError
from trueto.interpose import TORCH_OF, Interposer
from trueto.model import Case, Claim
from trueto.observe import StepError
from trueto.outputs import Outputs
from trueto.power import NUDGED
from trueto.references.spec import NUDGES
from trueto.settings import data_root
from trueto.torch_task import Task
from trueto.workers.protocol import FEATURE, PLAIN, claim_from_json, write_outputs

__all__ = ["call", "raised", "returned"]


def _task(request: Mapping[str, Any], claim: Claim, nudge: int | None = None) -> Task:
    profile, fault = request["profile"], request.get("fault")
    if nudge is None and fault is not None and fault["operator"] == NUDGED:
        nudge = int(fault["site"])  # the inputs are moved, and nothing of the library
    dtype = TORCH_OF["float64" if request["twin"] else profile["dtype"]]
    home = data_root() / "references" / claim.reference.partition("/")[0]
    return Task(Case.from_json(request["case"]), dtype, home, nudge=nudge, feature=request["net"] == FEATURE, device=profile["device"])


def _called(adapter: Any, request: Mapping[str, Any], claim: Claim, task: Task) -> str:
    """Call the candidate; returns what was seen below float64 in a twin."""
    for seed in (torch.manual_seed, random.seed, np.random.seed):
        seed(task.case.seed)
    profile = request["profile"]
    torch.set_num_threads(int(profile["threads"]))
    torch.set_default_dtype(torch.float64 if request["twin"] else torch.float32)
    promoted = Interposer(None, torch.float64, task.moved) if request["twin"] else None
    with promoted or contextlib.nullcontext():
        adapter.outputs(claim, task, profile.get("flags", {}))
    return promoted.below if promoted else ""


def _with_spread(adapter: Any, request: Mapping[str, Any], claim: Claim, base: Outputs) -> Outputs:
    """The outputs with the largest distance of 8 repetitions whose inputs moved by one unit in the last place."""
    rms, maximum = np.zeros(len(base.arrays)), np.zeros(len(base.arrays))
    for nudge in range(NUDGES):
        task = _task(request, claim, nudge)
        _called(adapter, request, claim, task)
        again = task.outputs.arrays
        for place, (name, value) in enumerate(base.arrays.items()):
            found = measure(again[name], value) if name in again and again[name].shape == value.shape else (np.inf, np.inf)
            rms[place], maximum[place] = max(rms[place], found[0]), max(maximum[place], found[1])
    return replace(base, spread_rms=rms, spread_max=maximum)


def raised(error: BaseException, adapter: Adapter, at_call: int = 0) -> dict[str, Any]:
    """What a reply says of an exception of a candidate: the fields of StepError; `at_call`: after so many network calls."""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1]
    return {
        "type": type(error).__name__,
        "message": str(error)[:500],
        "where": f"{Path(last.filename).name}:{last.lineno} in {last.name}",
        "own": any(adapter.owns(frame.filename) for frame in frames),
        "at_call": at_call,
    }


def returned(adapter: Adapter, request: Mapping[str, Any]) -> Outputs | StepError:
    """What one call gives, or the exception that it ended with."""
    claim = claim_from_json(request["claim"])
    task = _task(request, claim)
    try:
        _called(adapter, request, claim, task)
    except (MemoryError, TruetoError):
        raise
    except BaseException as error:  # noqa: BLE001 - as in `call`
        return StepError(**raised(error, adapter))
    return task.outputs


def call(adapter: Adapter, request: Mapping[str, Any]) -> dict[str, Any]:
    """Call, look, write the outputs; an exception of the candidate is part of the answer."""
    claim = claim_from_json(request["claim"])
    task = _task(request, claim)
    try:
        below = _called(adapter, request, claim, task)
        seen = task.outputs
        if request["net"] == PLAIN:
            seen = _with_spread(adapter, request, claim, seen)
    except MemoryError:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a candidate raises is data, sys.exit() too
        return {"error": raised(error, adapter)}
    write_outputs(Path(request["output"]), seen)
    answer = {"below": below, "settings": adapter.settings(claim, task.case)}
    place = getattr(adapter, "source", None)
    return answer if place is None else {**answer, "source": str(place(claim))}
