"""The checks of a claim whose named outputs are compared: networks, pictures, pipelines, losses and switches, asked about seeded faults."""

from __future__ import annotations

from dataclasses import dataclass

from trueto.distances import same_bits
from trueto.ledger import Ledger
from trueto.model import Case, Cell, Claim, Judgement, Layer
from trueto.power import Fault
from trueto.references import reference
from trueto.running.client import Outcome, Worker
from trueto.running.judging import Runs
from trueto.running.outputs import NO_EFFECT, Calls, judge_outputs
from trueto.running.profiles import profile
from trueto.running.seeded import Checks, Found, found_by, refused_alike
from trueto.workers.protocol import NETS, PLAIN

__all__ = ["OutputChecks", "checks_of"]


def checks_of(
    worker: Worker, candidate: str, version: str, claim: Claim, ledger: Ledger, draws: int, seed: int, *, rewrites: bool = False
) -> Checks:
    """The checks of a claim, by what its reference is: a sampler, or a function whose outputs are compared."""
    ref = reference(claim.reference)
    checks = (OutputChecks if ref.of_outputs else Checks)(worker, candidate, version, claim, ledger, draws, seed, rewrites)
    if any(Layer.INVARIANCE in case.layers for case in ref.cases):
        checks.unmoved = "on against off as before, in float64,"
    return checks


@dataclass(slots=True)
class OutputChecks(Checks):
    """One claim of outputs: each case is one call in native precision and one as float64 twin, of a feature also those with it off."""

    def verdict(self, case: Case, layer: Layer, runs: Runs, profile_id: str = "default", fault: Fault | None = None) -> Judgement:
        """What the gate says of a cell by these calls; of a feature also by those with it off, with the same fault in place."""

        def plain() -> tuple[Outcome, Outcome]:
            return self._run(case, PLAIN, twin=False, fault=fault), self._run(case, PLAIN, twin=True, fault=fault)

        cell = Cell(self.candidate, self.claim, case, layer, profile_id)
        calls = Calls(runs.native, runs.twin, plain if layer is Layer.INVARIANCE else None)
        return judge_outputs(cell, self.version, reference(self.claim.reference), profile(profile_id), calls, self.ledger)

    def _judge_case(self, case: Case, fault: Fault) -> Found | None:
        """One case with the fault: first in native precision, then with the float64 twin; stops at a bad verdict."""
        for layer in map(Layer, case.layers):
            clean = self.clean(case, layer)
            if not (clean.same or clean.declared):
                continue
            native = self._run(case, NETS[layer], twin=False, fault=fault)
            for twins in (False, True):
                if clean.declared and not twins:
                    continue  # as the ledger may speak of one arm
                twin = self._run(case, NETS[layer], twin=True, fault=fault) if twins else None
                if layer is not Layer.INVARIANCE and self._unchanged(case, layer, native, twin):
                    continue
                judged = self.verdict(case, layer, Runs(native, twin), fault=fault)
                if judged.verdict.bad or judged.cause == NO_EFFECT:
                    return found_by(judged)
        return None

    def _judge_used(self, case: Case, fault: Fault) -> Found | None:  # noqa: ARG002 - as that of samplers
        """What a function needs is made anew for each call."""
        return None

    def _unchanged(self, case: Case, layer: Layer, native: Outcome, twin: Outcome | None) -> bool:
        """Whether every bit of what is looked at is that of the clean calls."""
        clean = self.arms(case, None, [NETS[layer]])[NETS[layer]]
        return _alike(native, clean.native) and (twin is None or (clean.twin is not None and _alike(twin, clean.twin)))


def _alike(outcome: Outcome, clean: Outcome) -> bool:
    if outcome.outputs is None or clean.outputs is None:
        return refused_alike(outcome, clean)
    here, there = outcome.outputs.arrays, clean.outputs.arrays
    same = list(here) == list(there) and all(same_bits(here[name], there[name]) for name in here)
    return same and outcome.meta.get("below") == clean.meta.get("below")
