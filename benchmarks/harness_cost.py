"""What the harness costs beyond candidate and network, a cell and a network call: python benchmarks/harness_cost.py."""

from __future__ import annotations

import gc
import os
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from figures import Figure, best_seconds, text_of

from trueto.candidates import load_candidate
from trueto.fixtures import network, schedule, start_noise
from trueto.ledger import load_ledger
from trueto.model import SAMPLER_LAYERS, Case, Cell, Layer, Verdict
from trueto.references import reference
from trueto.running.client import Limits, Outcome, Worker
from trueto.running.profiles import profile
from trueto.running.verdict import Runs, judge_cell
from trueto.workers.protocol import NETS, run_request

__all__ = ["figures"]

SPEC = str(Path(__file__).with_name("null_candidate.py"))
CASE = "model-20"
ROUNDS = 12


class _Bare:
    """The run as it would be without a harness: the network, in torch, and nothing written down."""

    def __init__(self, case: Case, dtype: Any, net: Any) -> None:
        import torch

        self.case, self.dtype, self.schedule, self.net = case, dtype, schedule(case.schedule), net
        self.start = torch.from_numpy(start_noise(case.seed, case.shape)).to(dtype)

    def table(self, values: Any) -> Any:
        import torch

        return torch.from_numpy(values).to(self.dtype)

    def start_noise(self) -> Any:
        return self.start

    def network(self, x: Any, t: Any) -> Any:
        import torch

        return torch.from_numpy(self.net(x.double().numpy(), t.double().numpy())).to(self.dtype)

    def finish(self, **_: Any) -> None:
        """Nothing is kept."""


def _bare(adapter: Any, case: Case, net: str, *, twin: bool) -> Callable[[], None]:
    import torch

    found = network("open" if net == "open" else case.network, schedule(case.schedule), case.parameterization)
    dtype = torch.float64 if twin else torch.float32

    def call() -> None:
        with torch.no_grad():
            adapter.sample(adapter.claims[0], _Bare(case, dtype, found), {})

    return call


def _harnessed(adapter: Any, case: Case, net: str, *, twin: bool) -> Callable[[], None]:
    """The same run under the harness, in this process: interposed, observed."""
    import torch

    from trueto.workers.run import _observe, _prepare

    request = run_request(1, adapter.claims[0], case, net, profile("default").to_json(), twin=twin, output=Path(os.devnull), limits={})

    def call() -> None:
        _observe(adapter, request, _prepare(request))
        torch.set_default_dtype(torch.float32)

    return call


KINDS = {"bare": _bare, "harnessed": _harnessed}
MORE = 40


def _network_call() -> list[Figure]:
    """Microseconds of one network call beyond the call itself, in both arms: what MORE steps cost more, so that nothing fixed is in it."""
    import torch

    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()  # as in a worker, once it has loaded the library
    adapter, short = load_candidate(SPEC), reference("k_diffusion/dpmpp_2m").case(CASE)
    cases = {"short": short, "long": replace(short, steps=short.steps + MORE)}
    found = []
    for twin in (False, True):
        best = best_seconds(
            {f"{kind} {size}": make(adapter, case, "open", twin=twin) for size, case in cases.items() for kind, make in KINDS.items()}, 40
        )
        bare, harnessed = ((best[f"{kind} long"] - best[f"{kind} short"]) / MORE * 1e6 for kind in KINDS)
        name = "float64 twin" if twin else "native"
        note = f"a step of candidate and network alone takes {bare:.0f} us"
        found.append(Figure(f"harness, a network call ({name})", harnessed - bare, "us", at_most=50, note=note))
    gc.unfreeze()
    return found


def _tree_seconds(pid: int) -> float:
    """CPU seconds of a process and of the children that it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


class _Counted(Worker):
    """A worker that knows the CPU time of its process."""

    @property
    def seconds(self) -> float:
        assert self._process is not None
        return _tree_seconds(self._process.pid)


def _judged(adapter: Any, case: Case, outcomes: dict[tuple[str, bool], Outcome]) -> int:
    """Judge every layer of the case; the number of cells."""
    ref, chosen, ledger = reference(adapter.claims[0].reference), profile("default"), load_ledger(None, adapter.name)
    layers = [layer for layer in SAMPLER_LAYERS if layer is not Layer.NOISE]  # which compares no more than the others
    for layer in layers:
        net = NETS[layer]
        runs = Runs(outcomes[net, False], outcomes.get((net, True)), outcomes["closed", False])
        judgement = judge_cell(Cell(adapter.name, adapter.claims[0], case, layer, "default"), "1", ref, chosen, runs, ledger)
        assert judgement.verdict not in (Verdict.BROKEN, Verdict.UNJUDGED), judgement
    return len(layers)


def _cell() -> list[Figure]:
    """Milliseconds of one cell beyond the candidate and its network: fork, protocol, tensors on disk, judging."""
    adapter, case = load_candidate(SPEC), reference("k_diffusion/dpmpp_2m").case(CASE)
    kinds = [(net, twin) for twin in (False, True) for net in ("closed", "open", "seeded") if not (net == "seeded" and twin)]  # as the gate
    worker = _Counted(SPEC, profile("default"))
    try:
        worker.load()
        outcomes = {kind: worker.run(adapter.claims[0], case, kind[0], Limits(), twin=kind[1]) for kind in kinds}
        judged, cells = _judged(adapter, case, outcomes), len(SAMPLER_LAYERS)
        before, own, began = worker.seconds, time.process_time(), time.perf_counter()
        for _ in range(ROUNDS):
            for net, twin in kinds:
                worker.run(adapter.claims[0], case, net, Limits(), twin=twin)
        wall = (time.perf_counter() - began) / ROUNDS / cells
        runs = (worker.seconds - before + time.process_time() - own) / ROUNDS / cells
    finally:
        worker.close()
    contenders: dict[str, Callable[[], object]] = {f"{net} {twin}": _bare(adapter, case, net, twin=twin) for net, twin in kinds}
    best = best_seconds({**contenders, "judging": lambda: _judged(adapter, case, outcomes)}, ROUNDS)
    judging = best.pop("judging") / judged
    alone = sum(best.values()) / cells
    note = f"runs {runs * 1e3:.1f} ms, of which candidate and network {alone * 1e3:.1f}; "
    note += f"judging {judging * 1e3:.1f}; wall of the runs {wall * 1e3:.1f}"
    return [
        Figure("harness, a cell", (runs - alone + judging) * 1e3, "ms CPU", at_most=10, note=note),
        Figure("harness, judging a cell", judging * 1e3, "ms CPU"),
        Figure("harness, fork and answer of a process with torch", _fork() * 1e3, "ms CPU", note="least of 20"),
    ]


def _fork() -> float:
    """CPU seconds of a fork of this process, torch loaded, that ends at once."""
    least = float("inf")
    for _ in range(20):
        before = _used()
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        least = min(least, _used() - before)
    return least


def _used() -> float:
    """CPU seconds of this process and of the children that it has waited for."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(used.ru_utime + used.ru_stime for used in both)


def figures() -> list[Figure]:
    """The figures of the harness."""
    return [*_network_call(), *_cell()]


if __name__ == "__main__":
    np.seterr(all="ignore")
    print(text_of(figures()))
