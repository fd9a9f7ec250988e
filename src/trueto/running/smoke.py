"""A quick look at an adapter: does it start, say who it is, name what exists, and run one case for each claim?"""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trueto.errors import UnknownName, WorkerError
from trueto.model import Case, Claim, Layer
from trueto.references import Reference, reference, reference_names
from trueto.running.arms import Bench
from trueto.running.client import Limits, Outcome, Worker
from trueto.running.faults import malformed
from trueto.running.plan import covers
from trueto.running.profiles import profile
from trueto.workers.protocol import NETS

__all__ = ["Started", "Tried", "started", "tried"]

SLOW = 5.0  # seconds of one run of one case: the dearest one of diffusers takes one
SHARE = 4  # of the time for all, where a user gives more
AXES = {"grids": "grid", "parameterizations": "parameterization"}


@dataclass(frozen=True, slots=True)
class Started:
    """A candidate that has said who it is and imported its library, and the seconds that each took."""

    worker: Worker
    name: str
    version: str
    claims: tuple[Claim, ...]
    told: float
    imported: float


@dataclass(frozen=True, slots=True)
class Tried:
    """One claim: the case that it was tried on, network calls and seconds, or the problem and the next thing to type."""

    claim: str
    case: str = ""
    calls: int = 0
    seconds: float = 0.0
    problem: str = ""
    hint: str = ""


def started(spec: str) -> Started:
    """Start the worker of a candidate; WorkerError, with what to type next, where it does not come up."""
    from trueto.workers.protocol import claim_from_json

    worker, began = Worker(spec, profile("default")), time.monotonic()
    try:
        said = worker.describe()
        claims = tuple(claim_from_json(claim) for claim in said["claims"])
        told = time.monotonic()
        loaded = worker.load()
    except BaseException:
        worker.close()
        raise
    if why := loaded.get("failed") or loaded.get("died"):
        worker.close()
        raise WorkerError(f"candidate {spec} cannot import its library: {why}", "install what it needs into this environment")
    return Started(worker, str(said["candidate"]), str(said["version"]), claims, told - began, time.monotonic() - told)


def tried(spec: str, here: Started, seconds: float) -> Iterator[Tried]:
    """Try one case of each claim, as long as there are `seconds` left; claims that were not tried are left out.

    Samplers go first, which take a fraction of what networks do; last what has no quick case, as a network that is compiled.
    """
    deadline = time.monotonic() + seconds
    for claim in sorted(here.claims, key=_effort):
        if time.monotonic() > deadline:
            return
        yield _try(spec, here.worker, claim, Limits(seconds=max(SLOW, seconds / SHARE)))


def _effort(claim: Claim) -> tuple[bool, bool]:
    """What is tried later: functions after samplers, each without a quick case after the others."""
    if claim.reference not in reference_names():
        return False, False
    cases = [case for case in reference(claim.reference).cases if covers(claim, case)]
    slow = not any(case.quick for case in cases)
    return reference(claim.reference).of_outputs, slow


def _try(spec: str, worker: Worker, claim: Claim, limits: Limits) -> Tried:
    if claim.reference not in reference_names():
        unknown = UnknownName("reference", claim.reference, reference_names())
        return Tried(claim.id, problem=unknown.message, hint="trueto list references")
    ref = reference(claim.reference)
    covered = sorted((case for case in ref.cases if covers(claim, case)), key=lambda case: (not case.quick, case.steps, case.id))
    if not covered:
        return Tried(claim.id, problem=_why_nothing(claim, ref.cases), hint=f"trueto show {claim.reference}")
    case, began = covered[0], time.monotonic()
    layer = next(Layer(name) for name in reversed(case.layers) if name != Layer.NOISE)
    outcome = worker.run(claim, case, NETS[layer], limits, twin=False)
    calls = 0 if outcome.observation is None else len(outcome.observation.told)
    again = f"trueto gate {spec} --claim {shlex.quote(claim.id)} --case {shlex.quote(case.id)}"
    return Tried(claim.id, case.id, calls, time.monotonic() - began, _problem(outcome, ref, case, layer), again)


def _problem(outcome: Outcome, ref: Reference, case: Case, layer: Layer) -> str:
    """What is wrong with a run before any number of it is looked at, or nothing."""
    if outcome.failed or outcome.died:
        return f"the run {outcome.failed or outcome.died}"
    if case.of_outputs:
        return "" if outcome.raised is None else f"raises {outcome.raised.type}: {outcome.raised.message} ({outcome.raised.where})"
    bench = Bench(ref, case, layer, profile("default"))
    if (raised := outcome.raised) is not None:
        place = f" ({raised.where})" if raised.where else ""
        return "" if bench.original_error() is not None else f"raises {raised.type}: {raised.message}{place}"
    assert outcome.observation is not None
    fault = malformed(outcome.observation, bench)
    return "" if fault is None else fault[1]


def _why_nothing(claim: Claim, cases: Sequence[Case]) -> str:
    """Why a claim covers no case of its reference."""
    for key, axis in AXES.items():
        named, there = sorted(claim.settings.get(key) or ()), sorted({getattr(case, axis) for case in cases})
        if named and not set(named) & set(there):
            return f"covers no case: it names {key} {', '.join(named)}; the original was recorded with {', '.join(there)}"
    return f"covers none of the original's {len(cases)} cases: {', '.join(case.id for case in cases[:6])} …"
