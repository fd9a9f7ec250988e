"""One gate: plan the cells, run the candidate for them, judge, and write the run record."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from trueto import __version__
from trueto.candidates import parted
from trueto.checkpoints import digest_of
from trueto.errors import TruetoError
from trueto.events import RunWriter
from trueto.fixtures import fixture_digest
from trueto.ledger import Ledger
from trueto.model import Case, Cell, Claim, Judgement, Layer, Verdict, is_drawn
from trueto.references import Reference, reference, reference_names
from trueto.running.ahead import Ahead
from trueto.running.circumstances import digest_of_golden, environment, now
from trueto.running.client import Limits, Outcome, Worker
from trueto.running.domain import AGREEMENT, law_of
from trueto.running.judging import Runs, check_bands, told
from trueto.running.kept import check_kept
from trueto.running.laws import Court, judge_law
from trueto.running.outputs import Calls, judge_outputs
from trueto.running.plan import Selection, check_lacking
from trueto.running.pool import Pool
from trueto.running.profiles import absent, profile
from trueto.running.published import digests
from trueto.running.search import Search
from trueto.running.verdict import judge_cell, unbound
from trueto.running.weights import limits_of, planned
from trueto.workers.protocol import FEATURE, NETS, PLAIN, claim_from_json

__all__ = ["Gate", "exit_code"]


def fails(verdict: Verdict, fail_on: str) -> bool:
    """Whether a verdict is a difference on which the gate fails; `none` excuses differences, never what could not be judged."""
    return (verdict.bad and fail_on != "none") or (verdict.declared and fail_on == "any")


def exit_code(counts: Mapping[str, int], fail_on: str) -> int:
    """0 same or declared, 1 a difference that must not be there, 2 could not judge."""
    verdicts = Counter({Verdict(name): number for name, number in counts.items() if number})
    if any(fails(v, fail_on) for v in verdicts):
        return 1
    return 2 if any(v.unknown for v in verdicts) else 0


@dataclass(slots=True)
class Gate:
    """A gate in progress: its cells, its workers, and the runs already asked for."""

    spec: str
    selection: Selection
    ledger: Ledger
    jobs: int = 2
    limits: Limits | None = None
    name: str = ""
    version: str = ""
    claims: tuple[Claim, ...] = ()
    no_claims: dict[str, str] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    kept: Sequence[tuple[str, str]] = ()
    kept_file: str = ""
    lacking: Mapping[str, str] = field(default_factory=dict)
    search: Search | None = None
    ledger_file: str = ""
    control: Sequence[Mapping[str, Any]] = ()
    _ahead: Ahead = field(default_factory=lambda: Ahead((), Ledger("", "", ())))
    _pools: dict[str, Pool] = field(default_factory=dict)
    _runs: dict[tuple[Any, ...], Future[Outcome]] = field(default_factory=dict)

    def open(self) -> None:
        """Ask the candidate who it is and plan the cells; starts no run yet. `close` also what could not be opened."""
        self.meet()
        if not (self.selection.weights or self.selection.source):
            check_kept(self.kept_file, self.kept, self.spec, self.claims, self.lacking)
        self.cells = planned(self.name, self.claims, self.selection, self.kept)
        check_bands(self.ledger, self.cells)
        self._ahead = Ahead(self.cells, self.ledger)

    def meet(self) -> None:
        """Ask the candidate who it is and what it claims; where it is wanted as it is by default it goes on to load meanwhile."""
        fixture_digest()  # a damaged X ends the gate here, with the name of its file
        first = Worker(self.spec, profile("default"))
        try:
            said = first.describe()
            lacks = first.load().get("lacks", {}) if parted(self.spec)[1] else {}
        except BaseException:
            first.close()
            raise
        if "default" in self.selection.profiles:
            self._pools["default"] = Pool(first, self.jobs)
        else:
            first.close()
        self.name, self.version = str(said["candidate"]), str(said["version"])
        claims, self.lacking = [claim_from_json(claim) for claim in said["claims"]], lacks
        self.claims = tuple(claim for claim in claims if claim.id not in lacks)
        check_lacking(self.spec, self.lacking, self.selection)
        self.no_claims = {**said["no_claims"], **{claim.reference: lacks[claim.id] for claim in claims[::-1] if claim.id in lacks}}
        self.absent = {p: why for p in self.selection.profiles if (why := absent(profile(p)))}

    def start(self) -> None:
        """Ask for every run at once, case by case; workers take them while cells are judged."""
        self.ask([cell for cell in self.cells if law_of(cell.case) == AGREEMENT])
        if self.search is not None:
            for law, claim in self.search.asked:
                if law == AGREEMENT:
                    cases = self.search.expected(law, claim)
                    self.ask([self.cell(claim, case, layer) for case in cases for layer in self.search.layers_of(claim, case)])

    def cell(self, claim: Claim, case: Case, layer: Layer) -> Cell:
        """A cell of a drawn case."""
        return Cell(self.name, claim, case, layer, "default")

    def hold(self, law: str, claim: Claim) -> tuple[list[Judgement], Judgement | None]:
        """What a law says of a claim: all that was judged, and the smallest X that breaks it, or else the first that was not judged."""
        assert self.search is not None
        judged, broken, late = self.search.look(law, claim, lambda case, layer: self.judge(self.cell(claim, case, layer)))
        for key in [key for key in self._runs if key[0] == claim.id and is_drawn(key[1])]:
            del self._runs[key]
        if late and broken is None:
            cell = self.cell(claim, late[0], self.search.layers_of(claim, late[0])[0])
            said = f"the law ran out of its {self.search.settings['seconds']} seconds: {len(late)} X were not judged, this one first"
            broken = self._explained(Judgement(cell, self.version, Verdict.UNJUDGED, cause="time", reason=said), {"law": law})
        return judged, broken

    def ask(self, cells: Sequence[Cell]) -> None:
        """Ask for the runs of these cells."""
        groups: dict[tuple[str, str, str], tuple[Cell, list[tuple[str, bool]]]] = {}
        for cell in cells:
            if cell.profile not in self.absent:
                wanted = groups.setdefault((cell.claim.id, cell.case.id, cell.profile), (cell, []))[1]
                wanted += [run for run in self._wanted(cell) if run not in wanted]
        for cell, runs in groups.values():
            self._submit(cell, sorted(runs, key=lambda run: run[1]))

    def runs(self, cell: Cell) -> Runs:
        """The runs that a cell is judged by, asked for now if nobody did before."""
        if cell.profile in self.absent:
            return Runs(Outcome(None, failed=f"cannot run under profile {cell.profile}: {self.absent[cell.profile]}"), None)
        net = NETS[cell.layer]
        native = self._outcome(cell, net)
        twin = self._outcome(cell, net, twin=True) if (net, True) in self._wanted(cell) else None
        effective = (lambda: self._outcome(cell, "effective")) if cell.layer is Layer.NOISE else None
        if native.failed and not native.meta.get("import"):
            raise TruetoError(f"the harness failed on {cell.id}: {native.failed}", "trueto doctor")
        return Runs(native, twin, self._outcome(cell, "closed"), effective)

    def judge(self, cell: Cell) -> Judgement:
        """The verdict on one cell."""
        self._ahead.judged += 1
        chosen = profile(cell.profile)
        ref = reference(cell.claim.reference)
        if cell.profile not in self.absent and (law := law_of(cell.case)) != AGREEMENT:
            return self._explained(judge_law(self._court(cell)), {"law": law})
        if cell.layer.of_outputs:
            return self._judge_outputs(cell, ref)
        runs = self.runs(cell)
        judgement = judge_cell(cell, self.version, ref, chosen, runs, self.ledger)
        return self._explained(judgement, told(runs.native))

    def _judge_outputs(self, cell: Cell, ref: Reference) -> Judgement:
        """The verdict on the named outputs of a function."""
        chosen = profile(cell.profile)
        if cell.profile in self.absent:
            absent = Outcome(None, failed=f"cannot run under profile {cell.profile}: {self.absent[cell.profile]}")
            return self._explained(judge_outputs(cell, self.version, ref, chosen, Calls(absent, None), self.ledger), {})
        net = NETS[cell.layer]
        native = self._outcome(cell, net)
        if native.failed and not native.meta.get("import"):
            raise TruetoError(f"the harness failed on {cell.id}: {native.failed}", "trueto doctor")
        twin = self._outcome(cell, net, twin=True) if (net, True) in self._wanted(cell) else None

        def plain() -> tuple[Outcome, Outcome]:
            return self._outcome(cell, PLAIN), self._outcome(cell, PLAIN, twin=True)

        calls = Calls(native, twin, plain if cell.layer is Layer.INVARIANCE else None)
        judgement = judge_outputs(cell, self.version, ref, chosen, calls, self.ledger)
        return self._explained(judgement, told(native))

    def _court(self, cell: Cell) -> Court:
        """What a law may ask of this gate."""

        def run(case: Case, net: str, *, twin: bool = False) -> Outcome:
            return self._outcome(replace(cell, case=case), net, twin=twin)

        return Court(
            cell, self.version, reference(cell.claim.reference), profile(cell.profile), self.ledger, run, partial(self._again, cell)
        )

    def _again(self, cell: Cell, case: Case, net: str) -> Outcome:
        """One more run of what has run before."""
        self.forget(cell.claim, case)
        return self._outcome(replace(cell, case=case), net)

    def forget(self, claim: Claim, case: Case) -> None:
        """Drop what is known of a case: laws run through more of them than there is memory."""
        for key in [key for key in self._runs if key[:2] == (claim.id, case.id)]:
            del self._runs[key]

    def _explained(self, judgement: Judgement, more: Mapping[str, Any]) -> Judgement:
        """The judgement with what a reader needs to find and repeat it."""
        judgement, cell = unbound(judgement, self.ledger), judgement.cell
        extra = {
            "claim_source": cell.claim.source,
            "quote": cell.claim.quote,
            "implementation": cell.claim.implementation,
            "command": self.command(cell),
            **({"drawn": True} if cell.case.drawn else {}),
            **({} if cell.case.of_outputs or law_of(cell.case) != AGREEMENT else {"explain": self.explaining(cell)}),
            **more,
        }
        return replace(judgement, evidence={**judgement.evidence, **extra})

    def command(self, cell: Cell) -> str:
        """What repeats just this cell."""
        more = "" if cell.profile == "default" else f" --profile {cell.profile}"
        for option in ("weights", "source"):
            more += f" --{option} {shlex.quote(place)}" if (place := getattr(cell.case, option)) else ""
        more += self._ledger_option()
        return f"trueto gate {self.spec} --claim {cell.claim.id} --layer {cell.layer} --case {shlex.quote(cell.case.id)}{more}"

    def explaining(self, cell: Cell) -> str:
        """What says why a cell differs."""
        more = "" if cell.profile == "default" else f" --profile {cell.profile}"
        return f"trueto explain {self.spec} {shlex.quote(cell.id)}{more}{self._ledger_option()}"

    def _ledger_option(self) -> str:
        """The ledger, where the user named another than the candidate's own."""
        return f" --ledger {shlex.quote(self.ledger_file)}" if self.ledger_file else ""

    def _wanted(self, cell: Cell) -> list[tuple[str, bool]]:
        """The runs, each (network, twin), that a cell needs: its own, its twin, and the closed loop for the size of a drift."""
        if cell.layer is Layer.INVARIANCE:
            return [(net, twin) for twin in (False, True) for net in (FEATURE, PLAIN)]
        net = NETS[cell.layer]
        if cell.layer.of_outputs:
            return [(net, twin) for twin in (False, *([True] if cell.profile == "default" else []))]
        twin = cell.profile == "default" and cell.layer is not Layer.NOISE
        return list(dict.fromkeys([(net, False), ("closed", False), *([(net, True)] if twin else [])]))

    def _submit(self, cell: Cell, runs: list[tuple[str, bool]], *, urgent: bool = False) -> None:
        chosen = profile(cell.profile)
        if chosen.id not in self._pools:
            self._pools[chosen.id] = Pool(Worker(self.spec, chosen), self.jobs)
        limits = self.limits or limits_of(cell, chosen)
        for run, future in zip(runs, self._pools[chosen.id].submit(cell.claim, cell.case, runs, limits, urgent=urgent), strict=True):
            self._runs[cell.claim.id, cell.case.id, chosen.id, *run] = future

    def _outcome(self, cell: Cell, net: str, *, twin: bool = False) -> Outcome:
        """The outcome of a run, asked for now if nobody did before."""
        key = (cell.claim.id, cell.case.id, cell.profile, net, twin)
        if key not in self._runs:
            self._submit(cell, [(net, twin)], urgent=True)
        return self._ahead.result(self._runs[key])

    def header(self, run_id: str) -> dict[str, Any]:
        """The first line of the run record."""
        used = sorted({cell.claim.reference for cell in self.cells})
        weights = digest_of(self.selection.weights) if self.selection.weights else ""
        examples = digests(self.cells) if self.selection.source else {}
        optional = {"weights": weights, "examples": examples, "control": self.control, "lacks": self.lacking}
        return {
            "id": run_id,
            "started": now(),
            "trueto": __version__,
            "candidate": self.name,
            "version": self.version,
            "profiles": list(self.selection.profiles),
            "environment": environment(self.spec),
            "goldens": {name: digest_of_golden(name, weights) for name in used if reference(name).nets},
            **{name: value for name, value in optional.items() if value},
            "fixture": fixture_digest(),
            "ledger": self.ledger.path,
            "selection": self.selection.to_json(),
            "cells": len(self.cells),
        }

    def unclaimed(self) -> list[tuple[str, str]]:
        """References that the candidate does not claim, with the reason."""
        claimed = {claim.reference for claim in self.claims}
        return [(name, self.no_claims.get(name, "not claimed")) for name in reference_names() if name not in claimed]

    def close(self) -> None:
        """Stop every worker."""
        for pool in reversed(self._pools.values()):
            pool.close()


def run_all(
    gate: Gate, writer: RunWriter, run_id: str, fail_on: str, progress: Callable[[Judgement], None] | None = None
) -> Sequence[Judgement]:
    """Judge every planned cell into a run record (without pytest)."""
    writer.header(**gate.header(run_id))
    judgements = []
    gate.start()
    for cell in gate.cells:
        judgement = gate.judge(cell)
        writer.cell(judgement)
        judgements.append(judgement)
        if progress is not None:
            progress(judgement)
    for name, reason in gate.unclaimed():
        writer.no_claim(name, reason)
    for name, why in {**gate.absent, **gate.skipped}.items():
        writer.note(f"profile {name}: {why}")
    writer.footer(finished=now(), exit_code=exit_code(writer.counts, fail_on))
    return judgements
