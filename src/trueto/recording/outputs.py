"""Recording named outputs: what an original function returns, in both precisions, with its own rounding and its variants."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from trueto.distances import measure, same_bits
from trueto.errors import DataError
from trueto.interpose import TORCH_OF, Interposer
from trueto.model import Case
from trueto.outputs import Outputs
from trueto.references.golden import as_read, kept_under, run_so
from trueto.references.library import OUTPUTS, Reference
from trueto.references.spec import NUDGES
from trueto.running.likewise import ill_conditioned
from trueto.torch_task import Task

__all__ = ["call_original", "record_outputs", "variants_of"]

LIMIT = 1e-3


def variants_of(ref: Reference) -> list[dict[str, str]]:
    """The original as it is, each of its knobs turned alone, and those that are declared together.

    Knobs of which a variant is a formula of the outputs are left out.
    """
    turned = ((knob, values) for knob, values in ref.knobs.items() if knob not in ref.varied)
    return [{}, *({knob: value} for knob, values in turned for value in values[1:]), *map(dict, ref.together)]


def call_original(
    module: Any, original: Any, ref: Reference, case: Case, dtype: str, knobs: dict[str, str] | None = None, nudge: int | None = None
) -> Task:
    """Call the original once; in float64 every request for float32 inside it is one for float64."""
    task = Task(case, TORCH_OF[dtype], ref.codebase.folder, knobs=knobs, nudge=nudge)
    lifted = dtype == "float64"
    torch.set_default_dtype(torch.float64 if lifted else torch.float32)
    torch.manual_seed(case.seed)
    try:
        with Interposer(None, torch.float64 if lifted else None, task.moved):
            module.drive(original, ref.name, task)
    finally:
        torch.set_default_dtype(torch.float32)
    return task


def _with_spread(args: tuple[Any, Any, Reference, Case], dtype: str, knobs: dict[str, str], base: Outputs) -> Outputs:
    """The outputs with the largest distance of 8 repetitions whose inputs moved by one unit in the last place."""
    rms, maximum = np.zeros(len(base.arrays)), np.zeros(len(base.arrays))
    for nudge in range(NUDGES):
        again = call_original(*args, dtype, knobs, nudge).outputs
        for place, (name, value) in enumerate(base.arrays.items()):
            if again.arrays[name].shape != value.shape:
                raise DataError(f"{args[2].id} case {args[3].id}: a nudge changes the shape of {name}: choose another case")
            found = measure(again.arrays[name], value)
            rms[place], maximum[place] = max(rms[place], found[0]), max(maximum[place], found[1])
    return replace(base, spread_rms=rms, spread_max=maximum)


def _conditioned(args: tuple[Any, Any, Reference, Case], knobs: dict[str, str], seen: Mapping[str, Outputs]) -> dict[str, Outputs]:
    """The outputs with their spread; DataError where the X is too touchy to tell anything."""
    spread = {dtype: _with_spread(args, dtype, knobs, outputs) for dtype, outputs in seen.items()}
    if bad := ill_conditioned(spread["float64"], spread["float32"], LIMIT):
        where = f"{args[2].id} case {args[3].id}"
        raise DataError(f"{where} is ill-conditioned: its own rounding moves {bad} by over {LIMIT:.0e} of its size")
    return spread


def record_outputs(module: Any, original: Any, ref: Reference, case: Case, writer: Any, *, quick: bool = False) -> None:
    """Record one case of one reference, and its variants; `quick` leaves out the repetitions."""
    plain: dict[str, Outputs] = {}
    for knobs in variants_of(ref):
        net = "@".join((OUTPUTS, *([run_so(knobs)] if knobs else [])))
        try:
            tasks = {dtype: call_original(module, original, ref, case, dtype, knobs) for dtype in ("float32", "float64")}
        except DataError:
            raise
        except Exception as error:  # noqa: BLE001 - "F raises on X" is a legal golden
            writer.outcomes[f"outcome.{case.id}.{net}.float32"] = writer.raised(ref, error)
            continue
        writer.parameters |= tasks["float32"].filled
        seen = {dtype: task.outputs for dtype, task in tasks.items()}
        if list(seen["float32"].arrays) != list(seen["float64"].arrays):
            raise DataError(f"{ref.id} case {case.id}: gives other outputs in float64 than in float32")
        if knobs and plain and all(_same(seen[dtype], plain[dtype]) for dtype in seen):
            seen = plain  # a knob that changes nothing on this X
        elif not quick:
            seen = _conditioned((module, original, ref, case), knobs, seen)
        plain = plain if knobs else seen
        _write(writer, case, net, seen)


def _write(writer: Any, case: Case, net: str, seen: Mapping[str, Outputs]) -> None:
    """Both precisions of one run; what a variant or the other precision does not change is kept once."""
    writer.outcomes[f"names.{case.id}.{net}"] = json.dumps(list(seen["float32"].arrays))
    for dtype, outputs in seen.items():
        writer.outcomes[f"outcome.{case.id}.{net}.{dtype}"] = "ok"
        for name, value in outputs.tensors().items():
            if not name.startswith("value/"):
                writer.tensors[f"{case.id}/{net}/{dtype}/{name}"] = value
                continue
            key, *others = kept_under(case.id, net, dtype, name.removeprefix("value/"))
            kept = next((writer.tensors[other] for other in others if other in writer.tensors), None)
            if kept is None or not same_bits(as_read(kept, dtype), as_read(value, dtype)):
                writer.tensors[key] = value


def _same(outputs: Outputs, others: Outputs) -> bool:
    """Whether both gave the same values, bit for bit."""
    pairs = ((value, others.arrays.get(name)) for name, value in outputs.arrays.items())
    return list(outputs.arrays) == list(others.arrays) and all(other is not None and same_bits(value, other) for value, other in pairs)
