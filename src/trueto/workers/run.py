"""One case of one candidate, in the fork that was made for it; imports torch."""

from __future__ import annotations

import contextlib
import importlib
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save

from trueto.candidates import Adapter
from trueto.errors import TruetoError
from trueto.fixtures import network, schedule, start_noise, tape
from trueto.fixtures.source import FAMILIES, family_tensors
from trueto.interpose import NUMPY_OF, TORCH_OF, NoiseSource, Promoted, served_draws
from trueto.model import Case
from trueto.observe import Observation, StepError, nudge_signs
from trueto.power.rewriting import NUDGED
from trueto.torch_run import Run
from trueto.workers.branches import Branches
from trueto.workers.promoted import Seen, get_ready, twin_of
from trueto.workers.protocol import claim_from_json, write_observation
from trueto.workers.tasks import call, raised
from trueto.workers.traces import Watch

__all__ = ["Room", "observed", "run_case", "warm"]

FORK_SECONDS = 0.1  # about three times what a fork costs (benchmarks/harness_cost.py): below it a whole run is cheaper


@cache
def _numpy_places(modules: tuple[str, ...], loaded: int) -> list[tuple[dict[str, Any], str]]:
    """Where the candidate's modules have numpy, as (names, name); anew when more is `loaded`."""
    del loaded
    own = [vars(module) for name, module in list(sys.modules.items()) if name.startswith(modules)]
    return [(names, alias) for names in own for alias in ("np", "numpy") if names.get(alias) is np]


def _promote_numpy(modules: tuple[str, ...]) -> None:
    """In the twin `np.float32` means float64 too, in the candidate's own modules."""
    for names, alias in _numpy_places(modules, len(sys.modules)):
        names[alias] = Promoted(np)


@dataclass(frozen=True, slots=True)
class Built:
    """An object that an adapter built for a case, or why it could not."""

    made: Any
    error: Exception | None = None
    below: str = ""


def _prepare(request: Mapping[str, Any], bump: int | None = None) -> Run:
    """Everything that the candidate is fed."""
    case, profile, net = Case.from_json(request["case"]), request["profile"], request["net"]
    seeded = net in ("seeded", "effective")
    dtype = TORCH_OF["float64" if request["twin"] else profile["dtype"]]
    levels = schedule(case.schedule)
    source = NoiseSource(None if seeded else tape(case.seed, case.shape), bump)
    name = "open" if net == "open" else case.network
    start = _nudged(start_noise(case.seed, case.shape), dtype, request.get("fault"))
    closed = network(name, levels, case.parameterization)
    return Run(case, closed, levels, dtype, start, source, seeded=seeded, device=profile["device"])


def _nudged(start: np.ndarray[Any, Any], dtype: torch.dtype, fault: Mapping[str, Any] | None) -> np.ndarray[Any, Any]:
    """The start latents, each moved by one unit in the last place where a harmless rewrite says so."""
    if fault is None or fault["operator"] != NUDGED:
        return start
    signs = nudge_signs(int(fault["site"]), start.size).reshape(start.shape)
    given = start.astype(NUMPY_OF[dtype])
    return np.nextafter(given, (signs * np.inf).astype(given.dtype))


def _observe(adapter: Adapter, request: Mapping[str, Any], run: Run) -> str:
    """Run the candidate once; returns what was seen below float64 in a twin."""
    profile = request["profile"]
    # The same as torch.manual_seed, which takes half a millisecond longer where there is no GPU.
    seed_torch = torch.default_generator.manual_seed if profile["device"] == "cpu" else torch.manual_seed
    for seed in (seed_torch, random.seed, np.random.seed):
        seed(run.case.seed)
    torch.set_num_threads(int(profile["threads"]))
    torch.set_default_dtype(torch.float64 if request["twin"] else torch.float32)
    with torch.no_grad(), _mode(adapter, request, run.noise) as seen:
        adapter.sample(claim_from_json(request["claim"]), run, profile.get("flags", {}))
    return "" if seen is None else seen.below


def _mode(adapter: Adapter, request: Mapping[str, Any], noise: NoiseSource | None) -> contextlib.AbstractContextManager[Seen | None]:
    """How a run is stood between: in a twin promoted, its draws served if there is `noise`."""
    if request["twin"]:
        return twin_of(noise, adapter.modules, compiled=bool(request["profile"].get("flags", {}).get("compile")))
    return contextlib.nullcontext() if noise is None else served_draws(noise, adapter.modules)


def _drawn(run: Run) -> np.ndarray[Any, Any]:
    """Every draw of the latents' shape, whether it moves Y or not."""
    draws = [drawn for drawn in run.noise.draws if drawn.shape == run.case.shape]
    return np.stack(draws) if draws else np.zeros((0, *run.case.shape), np.float32)


def _effective(adapter: Adapter, request: Mapping[str, Any], run: Run, seconds: float) -> np.ndarray[Any, Any]:
    """The draws that move Y: each is perturbed in a run of its own, or in a fork where a run (of `seconds`) is dear."""
    assert run.observation is not None
    profile = request["profile"]
    plain = profile["device"] == "cpu" and int(profile["threads"]) == 1 and not profile.get("flags")
    known = _moved_by_branches(adapter, request, run.observation, run.built) if plain and seconds > FORK_SECONDS else {}
    moved = []
    for index, drawn in enumerate(run.noise.draws):
        if known[index] if index in known else _moved_alone(adapter, request, run.observation, index, run.built):
            moved.append(drawn)
    return np.stack(moved) if moved else np.zeros((0, *run.case.shape), np.float32)


def _moved_alone(adapter: Adapter, request: Mapping[str, Any], base: Observation, index: int, built: Any) -> bool:
    """Whether draw `index` moves Y, by a whole run in which it is perturbed."""
    again = _prepare(request, bump=index)
    again.built = built
    _observe(adapter, request, again)
    return again.observation is None or again.observation.path.tobytes() != base.path.tobytes()


def _moved_by_branches(adapter: Adapter, request: Mapping[str, Any], base: Observation, built: Any) -> dict[int, bool]:
    """The same for all draws in one run, which forks at each draw; a fork perturbs it and ends where its path parts from `base`.

    Draws whose fork ended otherwise (it raised, it died) are left out: they need a whole run.
    """
    again = _prepare(request)
    again.built = built
    branches = Branches(again.probe, base)
    again.noise.branch = branches.at
    try:
        _observe(adapter, request, again)
    except BaseException:
        branches.end(None)
        raise
    branches.end(again.observation)
    return branches.moved


def _with_effect(answer: dict[str, Any], profile: Mapping[str, Any]) -> dict[str, Any]:
    """The answer, and what the profile asks for and the run did not do: one that compiled nothing says nothing of compiling."""
    if not profile.get("flags", {}).get("compile"):
        return answer
    found = sys.modules.get("torch._dynamo.utils")
    effective = found is not None and found.counters["frames"]["ok"]
    return answer if effective or "error" in answer else {**answer, "ineffective": "nothing was compiled"}


def build_for(adapter: Any, request: Mapping[str, Any]) -> Built:
    """What the adapter builds for a case, in the precision of the request; its exception, if it raises."""
    try:
        with _mode(adapter, request, None) as seen:
            made = adapter.build(claim_from_json(request["claim"]), Case.from_json(request["case"]))
    except Exception as error:  # noqa: BLE001 - raised again in every run of the case
        return Built(None, error)
    return Built(made, below="" if seen is None else seen.below)


def warm(adapter: Adapter) -> None:
    """Import, read and look up once what every run needs: numpy's generator, X, where draws are called and traces are left."""
    with contextlib.suppress(TruetoError):  # the run that needs the fixture says what is wrong with it
        for family in FAMILIES:
            family_tensors(family)
    np.random.seed(0)  # noqa: NPY002 - as for a run: what candidates may draw from
    save({"warm": np.zeros(1)})
    Watch(adapter.modules)
    _numpy_places(adapter.modules, len(sys.modules))
    get_ready(adapter.modules)
    with served_draws(NoiseSource(None), adapter.modules):
        pass


class Room:
    """The runs of one case in one process: what the library builds for it is built once for each precision."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        self._built: dict[bool, Built | None] = {}
        self._watch: Watch | None = None
        self._seconds = 0.0

    def run(self, request: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        """The answer to one request, and whether the run left anything behind that another run could see (a compiler always does)."""
        twin = bool(request["twin"])
        if request["op"] != "run":
            return _of_faults(self, request), True
        if not self._built and request.get("fault") is not None:
            _put_fault(request["fault"], self.adapter)
        if Case.from_json(request["case"]).of_outputs:
            return _with_effect(call(self.adapter, request), request["profile"]), True  # what features do to a library goes with the room
        if twin not in self._built:
            self.enter(request, twin=twin)
        assert self._watch is not None
        answer = {**run_case(self.adapter, request, self._built[twin]), "built": self._seconds}
        return answer, self._watch.anything_left() or bool(request["profile"].get("flags", {}).get("compile"))

    def enter(self, request: Mapping[str, Any], *, twin: bool) -> None:
        """Get ready for runs in one precision: build what the case of this request needs."""
        began = time.process_time()
        self.promote(twin=twin)
        self._built.clear()  # a room once promoted stays so, and a twin begins where nothing in float32 is alive
        self._built[twin] = build_for(self.adapter, request) if hasattr(self.adapter, "build") else None
        self._seconds = time.process_time() - began
        self._watch = Watch(self.adapter.modules)

    def promote(self, *, twin: bool) -> None:
        """Let new tensors, and numpy's float32, be float64 in a twin."""
        torch.set_default_dtype(torch.float64 if twin else torch.float32)
        if twin:
            _promote_numpy(self.adapter.modules)


def _of_faults(room: Room, request: Mapping[str, Any]) -> dict[str, Any]:
    """The operations that only seeded faults need (they stand on this module)."""
    faulty = importlib.import_module("trueto.workers.faulty")
    return {"reach": faulty.reach, "differs": faulty.differs}[request["op"]](room, request)


def _put_fault(fault: Mapping[str, Any], adapter: Adapter) -> None:
    importlib.import_module("trueto.workers.faulty").put_fault(fault, adapter)


def observed(adapter: Adapter, request: Mapping[str, Any]) -> Observation | StepError:
    """What is seen of one run with everything built anew, or the exception that it ended with."""
    run = _prepare(request)
    try:
        built = build_for(adapter, request) if hasattr(adapter, "build") else None
        if built is not None and built.error is not None:
            raise built.error  # noqa: TRY301 - as in run_case
        run.built = None if built is None else built.made
        _observe(adapter, request, run)
    except MemoryError:
        raise
    except BaseException as error:  # noqa: BLE001 - as in run_case
        return StepError(**raised(error, adapter, len(run.probe.told)))
    return StepError("RuntimeError", "the adapter ended without run.finish(...)") if run.observation is None else run.observation


def run_case(adapter: Adapter, request: Mapping[str, Any], built: Built | None = None) -> dict[str, Any]:
    """Run, observe, write the tensors; an exception of the candidate is part of the answer."""
    run = _prepare(request)
    began = time.process_time()
    try:
        if built is not None and built.error is not None:
            raise built.error  # noqa: TRY301 - it belongs to this run as well
        run.built = None if built is None else built.made
        below = _observe(adapter, request, run) or ("" if built is None else built.below)
        seconds = time.process_time() - began
        if run.observation is None:
            raise RuntimeError("the adapter ended without run.finish(...)")  # noqa: TRY301
        seen = run.observation
        if run.seeded:
            noise = _drawn(run) if request["net"] == "seeded" else _effective(adapter, request, run, seconds)
            seen = Observation(seen.told, seen.step, seen.states[:0], seen.levels, seen.level_kind, seen.start, seen.sample, noise)
    except MemoryError:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a candidate raises is data, sys.exit() too
        return {"error": raised(error, adapter, len(run.probe.told))}
    write_observation(Path(request["output"]), seen)
    claim = claim_from_json(request["claim"])
    answer = {"below": below, "dtype": str(seen.sample.dtype), "settings": adapter.settings(claim, run.case)}
    place, ignored = getattr(adapter, "source", None), getattr(adapter, "ignored", None)
    if ignored is not None and (names := ignored(claim, run.case)):
        answer["ignored"] = names
    return _with_effect(answer if place is None else {**answer, "source": str(place(claim))}, request["profile"])
