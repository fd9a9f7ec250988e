"""The checks of a claim whose named outputs are compared: networks, pictures, pipelines, losses and switches, asked about seeded faults."""

from __future__ import annotations

from dataclasses import dataclass

from trueto.distances import same_bits
from trueto.model import Case, Cell, Claim, Judgement, Layer
from trueto.power import Fault
from trueto.references import reference
from trueto.running.client import Outcome, Worker
from trueto.running.ledger import Ledger
from trueto.running.outputs import NO_EFFECT, Calls, judge_outputs
from trueto.running.profiles import profile
from trueto.running.seeded import Checks, Found, found_by, refused_alike
from trueto.workers.protocol import NETS, PLAIN

__all__ = ["OutputChecks", "checks_of"]


def checks_of(worker: Worker, candidate: str, version: str, claim: Claim, ledger: Ledger, draws: int, seed: int) -> Checks:
    """The checks of a claim, by what its reference is: a sampler, or a function whose outputs are compared."""
    kind = OutputChecks if reference(claim.reference).of_outputs else Checks
    return kind(worker, candidate, version, claim, ledger, draws, seed)


@dataclass(slots=True)
class OutputChecks(Checks):
    """One claim of outputs: each case is one call in native precision and one as float64 twin, of a feature also those with it off."""

    def _judge_case(self, case: Case, fault: Fault) -> Found | None:
        """One case with the fault: first in native precision, then with the float64 twin; stops at a bad verdict."""
        for layer in map(Layer, case.layers):
            clean = self.clean(case, layer)
            if not (clean.same or clean.declared):
                continue
            for twins in (False, True):
                if clean.declared and not twins:
                    continue  # as the ledger may speak of one arm
                if layer is not Layer.INVARIANCE and self._unchanged(case, layer, fault, twins=twins):
                    continue
                judged = self._called(case, layer, fault, twins=twins)
                if judged.verdict.bad or judged.cause == NO_EFFECT:
                    return found_by(judged)
        return None

    def _judge_clean(self, case: Case, layer: Layer) -> Judgement:
        """What the gate says of a cell without any fault."""
        return self._called(case, layer, None, twins=True)

    def _called(self, case: Case, layer: Layer, fault: Fault | None, *, twins: bool) -> Judgement:
        net = NETS[layer]

        def plain() -> tuple[Outcome, Outcome]:
            return self._run(case, PLAIN, twin=False, fault=fault), self._run(case, PLAIN, twin=True, fault=fault)

        native = self._run(case, net, twin=False, fault=fault)
        twin = self._run(case, net, twin=True, fault=fault) if twins else None
        cell = Cell(self.candidate, self.claim, case, layer, "default")
        calls = Calls(native, twin, plain if layer is Layer.INVARIANCE else None)
        return judge_outputs(cell, self.version, reference(self.claim.reference), profile("default"), calls, self.ledger)

    def _unchanged(self, case: Case, layer: Layer, fault: Fault, *, twins: bool) -> bool:
        """Whether every bit of what is looked at is that of the clean calls."""
        return all(
            _alike(self._run(case, NETS[layer], twin=twin, fault=fault), self._run(case, NETS[layer], twin=twin, fault=None))
            for twin in (False, True)[: 1 + twins]
        )


def _alike(outcome: Outcome, clean: Outcome) -> bool:
    if outcome.outputs is None or clean.outputs is None:
        return refused_alike(outcome, clean)
    here, there = outcome.outputs.arrays, clean.outputs.arrays
    same = list(here) == list(there) and all(same_bits(here[name], there[name]) for name in here)
    return same and outcome.meta.get("below") == clean.meta.get("below")
