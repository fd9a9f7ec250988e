"""False alarms: harmless rewrites of a candidate's source, each judged like the candidate, and the verdicts that got worse by one."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from trueto.distances import measure, same_bits
from trueto.judge import same_in_float64
from trueto.model import LAYERS, Case, Layer
from trueto.power import MIXED, NUDGED, UNBOUND, Fault
from trueto.running.client import Limits, Outcome, Worker
from trueto.running.judging import Runs
from trueto.running.seeded import Checks
from trueto.workers.protocol import NETS

__all__ = ["Cell", "judged_profile", "judged_rewrites", "summary"]

Array = np.ndarray[Any, np.dtype[Any]]

JUDGED = tuple(layer for layer in LAYERS if layer is not Layer.NOISE)  # which numbers a generator draws does not hang on arithmetic
OF_LAYER = {
    Layer.SCHEDULE: ("told", "levels"),
    Layer.START: ("start",),
    Layer.UPDATE: ("states", "sample"),
    Layer.TRAJECTORY: ("states", "sample"),
}
EVERY = ("told", "levels", "start", "states", "sample")
NUDGES = 8
SHORTEST = 3  # steps after which a multistep method remembers what it needs


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell judged with a rewrite in place whose bits it changed.

    `computes` is empty where the float64 twin is the same within 1e-12 of the signal; else it says what became another number: the
    rewrite crossed a rounding to a whole number or a comparison, so that the program means something else. `worse` is a good verdict
    that turned bad.
    """

    claim: str
    case: str
    layer: str
    kind: str
    where: str
    before: str
    after: str
    ratio: float | None
    worse: bool
    computes: str
    bound: bool

    def to_json(self) -> dict[str, Any]:
        """As the list of alarms keeps it."""
        return asdict(self)


def judged_rewrites(checks: Checks, cells: int, chance: random.Random) -> Iterator[Cell]:
    """Cells of one claim under rewrites drawn by `chance`, until so many have changed bits or nothing is left to draw."""
    nudges = [Fault("", "", NUDGED, number) for number in range(NUDGES)]
    mixed = [fault for fault in checks.possible if fault.operator == MIXED]
    everywhere = [fault for fault in checks.possible if fault.operator != MIXED]
    queues = [[(fault, case) for fault in kind for case in checks.cases] for kind in (mixed, [*everywhere, *nudges])]
    for queue in queues:
        chance.shuffle(queue)
    found = 0
    while found < cells and any(queues):
        for queue in [queue for queue in queues if queue]:
            for cell in _cells(checks, *queue.pop()):
                found += cell.bound and not cell.computes
                yield cell


def judged_profile(checks: Checks, other: Worker) -> Iterator[Cell]:
    """Quick cases of one claim under another profile (threads, instruction set, compiler), held against those under the default one.

    A compiler makes a graph of each step, so there it is the shortest case of `SHORTEST` steps or more.
    """
    chosen = other.profile
    limits = Limits(seconds=chosen.seconds)
    cases = [case for case in checks.cases if case.quick]
    if chosen.flags.get("compile"):
        cases = sorted((case for case in checks.cases if case.steps >= SHORTEST), key=lambda case: case.steps)[:1]
    for case in cases:
        made: dict[str, Outcome] = {}
        for layer in JUDGED:
            if layer is Layer.INVARIANCE:
                continue  # it is held against the feature off under the same profile, which is no harmless rewrite of anything
            if layer not in case.layers or not ((clean := checks.clean(case, layer)).same or clean.declared):
                continue
            net = NETS[layer]
            if net not in made:
                made[net] = other.run(checks.claim, case, net, limits, twin=False)
            right = checks.arms(case, None, [net])[net]
            runs = Runs(made[net], None)
            if not _changed(layer, right, runs):
                continue
            seen = checks.verdict(case, layer, runs, chosen.id)
            worse = not (seen.verdict.same or seen.verdict.declared)
            kind = f"profile {chosen.id}"
            yield Cell(checks.claim.id, case.id, str(layer), kind, "", str(clean), str(seen.verdict), seen.ratio, worse, "", bound=True)


def _cells(checks: Checks, fault: Fault, case: Case) -> Iterator[Cell]:
    """The layers of a case that were good, and of which the rewrite changed a bit."""
    good = {layer: clean for layer in JUDGED if layer in case.layers and ((clean := checks.clean(case, layer)).same or clean.declared)}
    nets = list(dict.fromkeys(NETS[layer] for layer in good))
    before, after = checks.arms(case, None, nets), checks.arms(case, fault, nets)
    for layer, clean in good.items():
        right, other = before[NETS[layer]], after[NETS[layer]]
        if not _changed(layer, right, other):
            continue
        seen = checks.verdict(case, layer, other, fault=fault)
        worse = not (seen.verdict.same or seen.verdict.declared)
        where = f"{fault.module}:{fault.function}, line {fault.first}" if fault.function else fault.module
        bound = fault.site != UNBOUND
        computes = _computes(right, other)
        yield Cell(
            checks.claim.id, case.id, str(layer), fault.operator, where, str(clean), str(seen.verdict), seen.ratio, worse, computes, bound
        )


def _changed(layer: Layer, right: Runs, other: Runs) -> bool:
    """Whether a bit that the layer looks at is another, in either arm, or one of them did not end as before."""
    for first, second in ((right.native, other.native), (right.twin, other.twin)):
        if first is None or second is None:
            continue
        one, two = _seen(first, layer), _seen(second, layer)
        if one is None or two is None:
            if (one is None) != (two is None):
                return True
            continue
        if list(one) != list(two) or not all(same_bits(one[name], two[name]) for name in one):
            return True
    return False


def _seen(outcome: Outcome, layer: Layer | None = None) -> Mapping[str, Array] | None:
    """What was seen of a run, by name; of a sampler's only what a layer looks at, where one is named; None where it gave nothing."""
    if outcome.outputs is not None:
        return outcome.outputs.arrays
    names = EVERY if layer is None else OF_LAYER.get(layer, EVERY)
    return None if outcome.observation is None else {name: getattr(outcome.observation, name) for name in names}


def _computes(right: Runs, other: Runs) -> str:
    """What the rewritten program computes otherwise in float64, or nothing."""
    if right.twin is None or other.twin is None:
        return ""
    one, two = _seen(right.twin), _seen(other.twin)
    if one is None or two is None:
        return "" if one is two else "ends otherwise"
    if list(one) != list(two):
        return "other outputs"
    return next((name for name in one if _apart(one[name], two[name])), "")


def _apart(first: Array, second: Array) -> bool:
    if first.shape != second.shape or first.dtype != second.dtype:
        return True
    finite = abs(first[abs(first) < float("inf")])
    return not same_bits(first, second) and not measure(second, first)[1] <= same_in_float64() * float(finite.max(initial=0))


def summary(cells: list[Cell]) -> dict[str, Any]:
    """The counts: judged and alarms among harmless rewrites, by kind; then what is no harmless rewrite, apart."""
    harmless = [cell for cell in cells if cell.bound and not cell.computes]
    kinds = sorted({cell.kind for cell in harmless})
    return {
        "cells": len(harmless),
        "alarms": sum(cell.worse for cell in harmless),
        "largest_ratio": max((cell.ratio or 0.0 for cell in harmless if not cell.worse), default=0.0),
        "by_kind": {kind: _counts([cell for cell in harmless if cell.kind == kind]) for kind in kinds},
        "apart": {
            "another float64 result": _counts([cell for cell in cells if cell.bound and cell.computes]),
            "not bound by rounding": _counts([cell for cell in cells if not cell.bound and not cell.computes]),
            "not bound by rounding, another float64 result": _counts([cell for cell in cells if not cell.bound and cell.computes]),
        },
        "list": [cell.to_json() for cell in harmless if cell.worse],
    }


def _counts(cells: list[Cell]) -> dict[str, int]:
    return {"cells": len(cells), "alarms": sum(cell.worse for cell in cells)}
