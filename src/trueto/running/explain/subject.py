"""One claim on one case, named as users type it, with the candidate at hand: its runs and verdicts layer by layer."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from trueto.candidates import ledger_path, short_name
from trueto.errors import UnknownName, UsageError
from trueto.ledger import Deviation, Ledger, load_ledger
from trueto.model import LAYERS, Case, Cell, Claim, Judgement, Layer, Profile, is_drawn
from trueto.references import Reference, reference
from trueto.running.domain import AGREEMENT, drawn_case, fields_of, knobs_of, law_of
from trueto.running.expressed import covers, spelled_case
from trueto.running.gate import Gate
from trueto.running.judging import Runs
from trueto.running.plan import LONG, Selection
from trueto.running.profiles import profile
from trueto.running.releases import release_of
from trueto.running.verdict import judge_cell

__all__ = ["Subject", "ledger_name", "open_subject", "split_cell", "subject_of"]

FORM = "k_diffusion/heun:update:karras-20, or without a layer k_diffusion/heun:karras-20, or k_diffusion/heun:steps=11,grid=karras"


def split_cell(text: str) -> tuple[str, Layer | None, str]:
    """Claim, layer (None where it is left out) and case of a cell as users type it; UsageError for anything else."""
    parts = text.split(":")
    if len(parts) == 3 and all(parts):
        if parts[1] not in LAYERS:
            raise UnknownName("layer", parts[1], LAYERS, FORM)
        return parts[0], Layer(parts[1]), parts[2]
    if len(parts) == 2 and all(parts):
        return parts[0], None, parts[1]
    raise UsageError(f"a cell is written <claim>:<layer>:<case>; saw '{text}'", FORM)


def ledger_name(spec: str) -> str:
    """What a ledger calls the candidate that it is for."""
    return short_name(spec)


def _claim(gate: Gate, name: str) -> Claim:
    for claim in gate.claims:
        if claim.id == name:
            return claim
    if why := gate.lacking.get(name) or gate.no_claims.get(name):
        raise UsageError(f"{gate.name} does not claim to be {name}: {why}", f"trueto list claims {gate.spec}")
    raise UnknownName(f"claim of {gate.name}", name, [claim.id for claim in gate.claims], f"trueto list claims {gate.spec}")


def _case(gate: Gate, claim: Claim, name: str) -> Case:
    ref = reference(claim.reference)
    if ref.of_outputs:
        raise UsageError(
            f"{claim.reference} has no spec whose knobs could be searched; the gate names the first of its outputs that parts",
            f"trueto gate {gate.spec} --claim {claim.id}",
        )
    if is_drawn(name):
        return _drawn(gate, claim, name)
    covered = {case.id: case for case in ref.cases if covers(claim, case)}
    if name in covered:
        return covered[name]
    if any(case.id == name for case in ref.cases):
        raise UsageError(
            f"claim {claim.id} does not cover case {name}, whose settings it cannot express", f"one of: {', '.join(sorted(covered))}"
        )
    raise UnknownName(f"case of {claim.id}", name, covered, f"trueto list cases {claim.reference}")


def _drawn(gate: Gate, claim: Claim, name: str) -> Case:
    """A drawn case, of which spec and candidate are compared; UsageError for one of a law about several runs."""
    case = spelled_case(claim, name)
    if (law := law_of(case)) == AGREEMENT:
        return case
    same = drawn_case(**fields_of(case)).id
    raise UsageError(
        f"law {law} is about several runs of the candidate, and one run is explained; its X alone is {same}",
        f"trueto explain {gate.spec} {shlex.quote(f'{claim.id}:{same}')}",
    )


@dataclass(slots=True)
class Subject:
    """A claim and a case under one profile. `ledger` is what the candidate declares; verdicts here are about the original alone."""

    gate: Gate
    claim: Claim
    case: Case
    profile: Profile
    ref: Reference
    ledger: Ledger
    layer: Layer | None = None
    _judged: dict[Layer, Judgement] = field(default_factory=dict)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that this case is judged in; the draws of long cases, which take minutes to find, only if asked for."""
        dear = self.layer is not Layer.NOISE and self.case.steps > LONG and not self.case.quick
        return tuple(layer for layer in LAYERS if layer in self.case.layers and not (dear and layer is Layer.NOISE))

    @property
    def parts(self) -> dict[str, str]:
        """The knobs of the spec that the case's composed settings amount to; they are part of X, and nothing to be found out."""
        return knobs_of(self.claim, self.case)

    def cell(self, layer: Layer, case: Case | None = None) -> Cell:
        """The cell of a layer."""
        return Cell(self.gate.name, self.claim, case or self.case, layer, self.profile.id)

    def runs(self, layer: Layer, case: Case | None = None) -> Runs:
        """What the candidate did, for one layer."""
        return self.gate.runs(self.cell(layer, case))

    def judgement(self, layer: Layer) -> Judgement:
        """The verdict against the original, as if nothing was declared."""
        if layer not in self._judged:
            self._judged[layer] = self.judged_with(layer, ())
        return self._judged[layer]

    def judged_with(self, layer: Layer, entries: tuple[Deviation, ...]) -> Judgement:
        """The verdict if these entries were the ledger."""
        ledger = Ledger("", self.gate.name, entries)
        with np.errstate(all="ignore"):  # knobs that do not go together may end in infinity, which is a difference like any other
            return judge_cell(self.cell(layer), self.gate.version, self.ref, self.profile, self.runs(layer), ledger)

    def judged_as(self, layer: Layer, knobs: Mapping[str, str]) -> Judgement:
        """The verdict if the ledger named this variant."""
        precise = all(knob in self.ref.precision_knobs for knob in knobs)
        everywhere = ("*",)
        entry = Deviation(
            reference="*", claims=everywhere, layers=everywhere, cases=everywhere, profiles=everywhere, knobs=dict(knobs),
            variant=",".join(f"{knob}={value}" for knob, value in knobs.items()), band=None, reason="", link="", owner="", since="",
            review="", test="", rounding=precise,
        )  # fmt: skip
        return self.judged_with(layer, (entry,))

    def with_steps(self, steps: int) -> Case:
        """The same case, in the closed loop of the mixture, with another number of steps."""
        return replace(self.case, id=f"{self.case.id}, {steps} steps", steps=steps, network="mixture")

    def close(self) -> None:
        """Stop the workers."""
        self.gate.close()


def open_subject(spec: str, cell: str, *, profile_name: str = "default", ledger: str | None = None) -> Subject:
    """The subject that a cell names; UsageError for names that do not exist, with the nearest that do. Runs nothing yet."""
    split_cell(cell)
    chosen = profile(profile_name)
    path = Path(ledger) if ledger else ledger_path(spec)
    name = ledger_name(spec)
    known = load_ledger(path if path is not None and path.is_file() else None, name, release_of(spec))
    gate = Gate(spec, Selection(profiles=(chosen.id,)), known, jobs=1)
    gate.meet()
    try:
        return subject_of(gate, cell)
    except BaseException:
        gate.close()
        raise


def subject_of(gate: Gate, cell: str) -> Subject:
    """The subject that a cell names, of a candidate that has been met already."""
    claim_id, layer, case_id = split_cell(cell)
    claim = _claim(gate, claim_id)
    case = _case(gate, claim, case_id)
    if layer is not None and layer not in case.layers:
        raise UsageError(f"case {case.id} is not judged in layer {layer}", f"one of: {', '.join(case.layers)}")
    return Subject(gate, claim, case, profile(gate.selection.profiles[0]), reference(claim.reference), gate.ledger, layer)
