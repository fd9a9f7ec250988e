"""What a worker does with seeded faults: which lines a claim executes, and whether a fault changes what comes out.

Both happen in a fork of their own (trueto.workers.rooms). A fault in a plain run is put in place by `put_fault`, before anything is built.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trueto.candidates import Adapter
from trueto.distances import measure, same_bits
from trueto.judge import same_in_float64
from trueto.model import Case, Layer
from trueto.observe import Observation, StepError
from trueto.outputs import Outputs
from trueto.power import NUDGED, Fault, Overlay, faults_in, rewrites_in
from trueto.power.overlay import source_of
from trueto.references import reference
from trueto.workers.protocol import FEATURE, NETS, PLAIN
from trueto.workers.run import Room, observed
from trueto.workers.tasks import returned

__all__ = ["differs", "put_fault", "reach"]

Array = np.ndarray[Any, np.dtype[Any]]
Ended = Observation | Outputs | StepError
Seen = dict[str, set[int]]

SHARE = 0.9  # of its time, after which it says how far it came


def put_fault(data: Mapping[str, Any], adapter: Adapter) -> None:
    """Put a fault or a rewrite in place for the rest of this process; that of the start latents is made where they are."""
    if data["operator"] != NUDGED:
        Overlay(Fault.from_json(data), _prefixes(adapter)).put()


class _Lines:
    """Collects the lines of the library's own modules that are executed."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files
        self.seen: Seen = {}

    def __call__(self, frame: Any, event: str, argument: Any) -> Any:  # noqa: ARG002 - Python's signature
        """Called at each call of a function: only the library's own are looked into."""
        module = self.files.get(frame.f_code.co_filename)
        if module is None:
            return None
        lines = self.seen.setdefault(module, set())
        lines.add(frame.f_lineno)

        def local(frame: Any, event: str, argument: Any) -> Any:  # noqa: ARG001 - as above
            lines.add(frame.f_lineno)
            return local

        return local


def reach(room: Room, request: Mapping[str, Any]) -> dict[str, Any]:
    """For each case, the lines that a clean run executes by module; then every fault of the functions that any of them executes.

    `alone` are those of a switch that are executed only while it is on.
    """
    room.promote(twin=bool(request["twin"]))
    files = _files(room.adapter)
    found: list[dict[str, list[int]]] = []
    alone: list[dict[str, list[int]]] = []
    everything: dict[str, set[int]] = {}
    for case in request["cases"]:
        reached, own = _lines_of(room.adapter, request, case, files)
        found.append({module: sorted(numbers) for module, numbers in reached.items()})
        alone.append({module: sorted(numbers) for module, numbers in own.items() if numbers})
        for module, numbers in reached.items():
            everything.setdefault(module, set()).update(numbers)
    made = rewrites_in if request.get("rewrites") else faults_in
    faults = [
        fault.to_json()
        for name, numbers in sorted(everything.items())
        for fault in made(name, source_of(sys.modules[name]), frozenset(numbers))
    ]
    return {"reached": found, "alone": alone, "faults": faults}


def _lines_of(adapter: Adapter, request: Mapping[str, Any], case: Mapping[str, Any], files: Mapping[str, str]) -> tuple[Seen, Seen]:
    """The lines that a case executes, and those of a switch that only its being on executes; off goes first, as it may fill caches."""
    if case["layers"] != [Layer.INVARIANCE]:
        return _traced(files, lambda: _ended(adapter, request, case)), {}
    off, on = (_traced(files, lambda net=net: returned(adapter, {**request, "case": case, "net": net})) for net in (PLAIN, FEATURE))
    both = {module: on.get(module, set()) | off.get(module, set()) for module in (*on, *off)}
    return both, {module: numbers - off.get(module, set()) for module, numbers in on.items()}


def _traced(files: Mapping[str, str], run: Callable[[], Any]) -> Seen:
    """The lines of the library's modules that `run` executes."""
    lines = _Lines(files)
    sys.settrace(lines)
    try:
        run()
    finally:
        sys.settrace(None)
    return lines.seen


def _prefixes(adapter: Adapter) -> tuple[str, ...]:
    """Of the modules in which faults are made."""
    return (*adapter.modules, *getattr(adapter, "computing", ()))


def _files(adapter: Adapter) -> dict[str, str]:
    """File to name of every imported module of the library in which faults are made."""
    prefixes = _prefixes(adapter)
    return {
        str(file): name
        for name, module in list(sys.modules.items())
        if name.startswith(prefixes) and (file := getattr(module, "__file__", None)) and Path(file).suffix == ".py"
    }


def differs(room: Room, request: Mapping[str, Any]) -> dict[str, Any]:
    """The first case whose float64 output or exception is another with the fault in place; none where all are the same."""
    # Made before float32 means float64, as what the library's functions have by default was, too.
    overlay = Overlay(Fault.from_json(request["fault"]), _prefixes(room.adapter))
    if not Case.from_json(request["cases"][0]).of_outputs:  # a function computes by numpy as it does where it is judged
        room.promote(twin=bool(request["twin"]))
    began = time.monotonic()
    for index, case in enumerate(request["cases"]):
        if time.monotonic() - began > SHARE * float(request["limits"]["seconds"]):
            return {"differs": None, "tried": index, "how": "time is over"}
        right = _ended(room.adapter, request, case)
        overlay.put()
        try:
            wrong = _ended(room.adapter, request, case)
        finally:
            overlay.take()
        if how := _unlike(right, wrong):
            return {"differs": index, "tried": index + 1, "how": how}
    return {"differs": None, "tried": len(request["cases"]), "how": ""}


def _ended(adapter: Adapter, request: Mapping[str, Any], case: Mapping[str, Any]) -> Ended:
    """What a run of a case gives with everything built anew: of a sampler in the closed loop, of a function its outputs."""
    asked = {**request, "case": case, "net": NETS[Layer(case["layers"][0])]}
    if case["layers"] == [Layer.INVARIANCE]:
        return _on_against_off(adapter, asked)
    return returned(adapter, asked) if Case.from_json(case).of_outputs else observed(adapter, {**asked, "net": "closed"})


def _on_against_off(adapter: Adapter, asked: Mapping[str, Any]) -> Outputs | StepError:
    """Of a switch, which promises nothing of the outputs themselves: for each whether it is the same on as off, and as each variant of off.

    So a fault that moves both alike changes nothing that is promised.
    """
    on, off = (returned(adapter, {**asked, "net": net}) for net in (FEATURE, PLAIN))
    if isinstance(on, StepError) or isinstance(off, StepError):
        return on if isinstance(on, StepError) else off
    ref = reference(asked["claim"]["reference"])
    chosen = [{knob: value} for knob in sorted(ref.varied) for value in ref.knobs[knob][1:]]
    wanted = [off.arrays, *(ref.vary(dict(off.arrays), knobs, Case.from_json(asked["case"])) for knobs in chosen if ref.vary)]

    def kept(name: str) -> Array:
        return np.array([name in way and _close(way[name], on.arrays[name]) for way in wanted], np.int64)

    return Outputs({name: kept(name) for name in on.arrays})


def _parts(seen: Observation | Outputs) -> dict[str, Array]:
    """What was seen, by name."""
    if isinstance(seen, Outputs):
        return dict(seen.arrays)
    return {name: getattr(seen, name) for name in ("told", "states", "levels", "start", "sample")}


def _unlike(right: Ended, wrong: Ended) -> str:
    """In what two answers differ, or nothing."""
    if isinstance(right, StepError) or isinstance(wrong, StepError):
        both = isinstance(right, StepError) and isinstance(wrong, StepError)
        if both and (right.type, right.at_call) == (wrong.type, wrong.at_call):  # type: ignore[union-attr]
            return ""
        return "one of them raises" if not both else "another exception"
    here, there = _parts(right), _parts(wrong)
    if list(here) != list(there):
        return "other outputs"
    for name, first in here.items():
        second = there[name]
        if same_bits(first, second):
            continue
        if first.shape != second.shape or first.dtype != second.dtype:
            return f"{name} has another shape or dtype"
        if not _close(first, second):
            return name
    return ""


def _close(first: Array, second: Array) -> bool:
    """Whether the second is the first but for one share of its largest number, as float64 has it."""
    scale = float(abs(first).max(initial=0))
    return first.shape == second.shape and measure(second, first)[1] <= same_in_float64() * scale
