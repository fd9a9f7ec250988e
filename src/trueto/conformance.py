"""`check(my_sampler, "k_diffusion/dpmpp_2m")`: judge a sampler that is a plain function inside a library's own tests."""

from __future__ import annotations

import gc
import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from trueto.errors import UsageError
from trueto.events import cell_record
from trueto.model import Case, Cell, Claim, Judgement, Layer
from trueto.references import observe_spec, reference, reference_names
from trueto.running.client import Limits, Outcome, answered
from trueto.running.gate import NETS
from trueto.running.ledger import load_ledger
from trueto.running.plan import Selection, plan
from trueto.running.profiles import profile
from trueto.running.screen import failure_screen
from trueto.running.verdict import Runs, judge_cell

__all__ = ["check"]

# Grid and start are the harness's, so that only what the function does itself is judged.
LAYERS = (Layer.SCHEDULE, Layer.UPDATE, Layer.TRAJECTORY)


def check(
    sampler: Callable[..., Any],
    name: str,
    *,
    cases: Sequence[str] = (),
    quick: bool = False,
    ledger: str | Path | None = None,
    limits: Limits | None = None,
) -> None:
    """Judge `sampler(model, x, sigmas, **options)` on the cases of the k-diffusion reference `name`.

    `model(x, sigma)` returns the clean picture that the network sees in x (B, C, H, W); `sigmas` (S + 1,) end in 0; the sampler returns x
    at the last of them. Cases with options that it does not take are left out; a parameter `noise_sampler` is given a function of (sigma,
    sigma_next). `cases` are case names (globs allowed), `quick` takes one or two, `ledger` is a deviations.toml. Every case is run in a
    fork of this process, in float32 and in float64.

    AssertionError with the failure screen where it is not the same as the original; UsageError for what cannot be asked.
    """
    from trueto.workers.function import FunctionAdapter, options_of

    samplers = [known for known in reference_names() if known.startswith("k_diffusion/")]
    if name in reference_names() and name not in samplers:
        raise UsageError(f"a plain function can be checked against k_diffusion's samplers; {name} needs an adapter", "CONTRIBUTING.md")
    reference(name)
    settings = {"options": {option: {} for option in options_of(sampler)}, "layers": {str(layer): {} for layer in LAYERS}}
    said = (inspect.getdoc(sampler) or "trueto.conformance.check").splitlines()[0]
    claim = Claim(name, name, getattr(sampler, "__name__", type(sampler).__name__), _place(sampler), said, settings=settings)
    cells = plan(claim.implementation, [claim], Selection(cases=tuple(cases), quick=quick))
    known = load_ledger(None if ledger is None else Path(ledger), claim.implementation)
    for cell in cells:
        observe_spec(reference(name), cell.case, "idle")  # once here instead of in every fork
    here = _Here(FunctionAdapter(sampler, claim, "here"), limits or Limits())
    try:
        judged = [judge_cell(cell, "here", reference(name), profile("default"), here.runs(cell), known) for cell in cells]
    finally:
        here.close()
    bad = [one for one in judged if one.verdict.bad or one.verdict.unknown]
    if bad:
        raise AssertionError(_screen(bad, len(judged)))


def _place(sampler: Callable[..., Any]) -> str:
    code = inspect.unwrap(sampler).__code__ if hasattr(inspect.unwrap(sampler), "__code__") else None
    return "" if code is None else f"{os.path.relpath(code.co_filename)}:{code.co_firstlineno}"


def _screen(bad: Sequence[Judgement], of: int) -> str:
    """The first that differs, in the cheapest layer, and how many more there are."""
    first = bad[0]
    claim, case = first.cell.claim, first.cell.case.id
    again = f'trueto.conformance.check({claim.implementation}, "{claim.reference}", cases=["{case}"])'
    told = {"claim_source": claim.source, "quote": claim.quote, "implementation": claim.implementation, "command": again}
    screen = failure_screen(cell_record(replace(first, evidence={**first.evidence, **told})))
    return f"{claim.implementation} is not {claim.reference}: {len(bad)} of {of} cells, the first:\n\n{screen}"


class _Here:
    """Runs of the function in forks of this process; each is made once."""

    def __init__(self, adapter: Any, limits: Limits) -> None:
        from trueto.workers.rooms import Rooms

        self._adapter, self._limits = adapter, limits
        self._nothing = os.open(os.devnull, os.O_RDWR)
        self._rooms = Rooms(adapter, self._nothing)
        self._made: dict[tuple[str, str, bool], Outcome] = {}
        self._number = 0
        gc.collect()
        gc.freeze()  # so that no fork copies what is there, or takes it for its own

    def runs(self, cell: Cell) -> Runs:
        """What a cell is judged by."""
        for twin in (False, True):  # a fork serves a case until it is promoted, and never goes back
            for net in ("closed", "open"):
                self._run(cell.claim, cell.case, net, twin=twin)
        native, twin = (self._run(cell.claim, cell.case, NETS[cell.layer], twin=twin) for twin in (False, True))
        return Runs(native, twin, self._run(cell.claim, cell.case, "closed", twin=False))

    def _run(self, claim: Claim, case: Case, net: str, *, twin: bool) -> Outcome:
        key = (case.id, net, twin)
        if key not in self._made:
            self._number += 1
            settings = profile("default").to_json()
            self._made[key] = answered(self._rooms.run, self._number, claim, case, net, settings, self._limits, twin=twin)
        return self._made[key]

    def close(self) -> None:
        """End the fork that is still there."""
        gc.unfreeze()
        self._rooms.close()
        os.close(self._nothing)
