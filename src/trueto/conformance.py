"""Samplers that are plain functions: `check` judges one inside a library's own tests, `functions` makes an adapter of several.

A sampler is `sampler(model, x, sigmas, **options)`: `model(x, sigma)` returns the clean picture that the network sees in x (B, C, H, W),
`sigmas` (S + 1,) end in 0, and it returns x at the last of them. A parameter `noise_sampler` is given a function of (sigma, sigma_next).
"""

from __future__ import annotations

import gc
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from trueto.errors import UsageError
from trueto.events import cell_record
from trueto.ledger import load_ledger
from trueto.model import Case, Cell, Claim, Judgement, Layer
from trueto.references import observe_spec, reference, reference_names
from trueto.running.client import Limits, Outcome, answered
from trueto.running.plan import Selection, plan
from trueto.running.profiles import profile
from trueto.running.screen import failure_screen
from trueto.running.verdict import Runs, judge_cell
from trueto.workers.protocol import NETS

__all__ = ["FAMILY", "Functions", "check", "functions"]

FAMILY = "k_diffusion"  # whose samplers are such functions
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
    """Judge a sampler on the cases of the k-diffusion reference `name`, in float32 and float64, each in a fork of this process.

    Cases with options that it does not take are left out. `cases` are case names (globs allowed), `quick` takes one or two, `ledger` is
    a deviations.toml.

    AssertionError with the failure screen where it is not the same as the original; UsageError for what cannot be asked.
    """
    from trueto.workers.run import warm

    __tracebackhide__ = True  # what a test of a user's shows is the screen
    code = getattr(inspect.unwrap(sampler), "__code__", None)
    place = "" if code is None else f"{os.path.relpath(code.co_filename)}:{code.co_firstlineno}"
    said = (inspect.getdoc(sampler) or "trueto.conformance.check").splitlines()[0]
    claim = _claim(name, getattr(sampler, "__name__", type(sampler).__name__), place, said, _options_of(sampler))
    adapter = Functions(claim.implementation, {name: sampler}, (claim,))
    adapter.load()
    cells = plan(claim.implementation, [claim], Selection(cases=tuple(cases), quick=quick))
    known = load_ledger(None if ledger is None else Path(ledger), claim.implementation)
    for cell in cells:
        observe_spec(reference(name), cell.case, "idle")  # once here instead of in every fork
    warm(adapter)
    here = _Here(adapter, limits or Limits())
    try:
        seen = [here.runs(cell) for cell in cells]  # all of them before a golden is read, which the next fork could see
    finally:
        here.close()
    judged = [judge_cell(cell, "here", reference(name), profile("default"), runs, known) for cell, runs in zip(cells, seen, strict=True)]
    bad = [one for one in judged if one.verdict.bad or one.verdict.unknown]
    if bad:
        raise AssertionError(_screen(bad, len(judged)))


def functions(
    distribution: str, samplers: Mapping[str, str], *, source: str, quote: str, options: Mapping[str, Sequence[str]] | None = None
) -> Functions:
    """The adapter of a library whose samplers are such functions: `samplers` maps a reference of k-diffusion to `module:function`.

    `distribution` is the name that it is installed by, `source` and `quote` say where its own docs claim it. `options` are, by
    reference, the original's options that the function takes by the same names; cases with others are not claimed.
    """
    claims = tuple(_claim(name, path, source, quote, (options or {}).get(name, ())) for name, path in samplers.items())
    return Functions(distribution, samplers, claims)


def _claim(name: str, implementation: str, source: str, quote: str, options: Sequence[str]) -> Claim:
    if name in reference_names() and not name.startswith(f"{FAMILY}/"):
        raise UsageError(f"a plain function can be held against {FAMILY}'s samplers; {name} needs an adapter", "CONTRIBUTING.md")
    reference(name)
    settings = {"options": {option: {} for option in options}, "layers": {str(layer): {} for layer in LAYERS}}
    return Claim(name, name, implementation, source, quote, settings=settings)


def _options_of(sampler: Callable[..., Any]) -> tuple[str, ...]:
    """The names of what a sampler takes besides (model, x, sigmas)."""
    named = list(inspect.signature(sampler).parameters.values())[3:]
    return tuple(one.name for one in named if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY))


class Functions:
    """See `trueto.candidates.Adapter`: samplers by reference, each a function or `module:function`, imported by `load`."""

    def __init__(self, name: str, samplers: Mapping[str, Callable[..., Any] | str], claims: tuple[Claim, ...]) -> None:
        self.name, self.claims = name, claims
        self.no_claims: Mapping[str, str] = {}
        self.modules = tuple({_module(sampler) for sampler in samplers.values()})
        self._samplers = samplers
        self._found: dict[str, Callable[..., Any]] = {}

    def version(self) -> str:
        """The installed version."""
        return version(self.name)

    def load(self) -> None:
        """Import the samplers; raises what that raises."""
        for name, sampler in self._samplers.items():
            if isinstance(sampler, str):
                module, _, function = sampler.partition(":")
                self._found[name] = getattr(importlib.import_module(module), function)
            else:
                self._found[name] = sampler

    def settings(self, claim: Claim, case: Case) -> Mapping[str, Any]:  # noqa: ARG002 - the protocol's signature
        """The options that a sampler is given."""
        return dict(case.options)

    def source(self, claim: Claim) -> str:
        """File and line of the sampler."""
        code = getattr(inspect.unwrap(self._found[claim.reference]), "__code__", None)
        return "" if code is None else f"{code.co_filename}:{code.co_firstlineno}"

    def owns(self, filename: str) -> bool:
        """Whether a file is one of the library's modules."""
        return any(getattr(found, "__file__", None) == filename for name, found in sys.modules.items() if name.startswith(self.modules))

    def sample(self, claim: Claim, run: Any, flags: Mapping[str, Any]) -> None:  # noqa: ARG002 - as settings
        """Call the sampler on the original's own levels."""
        from trueto.workers.function import sample_on

        sample_on(self._found[claim.reference], claim, run)


def _module(sampler: Callable[..., Any] | str) -> str:
    return sampler.partition(":")[0].partition(".")[0] if isinstance(sampler, str) else sampler.__module__


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
        from trueto.workers.promoted import get_ready
        from trueto.workers.rooms import Rooms

        self._limits = limits
        self._nothing = os.open(os.devnull, os.O_RDWR)
        self._rooms = Rooms(adapter, self._nothing)
        self._made: dict[tuple[str, str, bool], Outcome] = {}
        self._number = 0
        gc.collect()
        get_ready(adapter.modules)
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
