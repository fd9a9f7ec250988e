"""The checks of one claim, asked about one seeded fault after another: which cell sees it first, or that no configuration can."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trueto.distances import same_bits
from trueto.errors import DataError
from trueto.ledger import Ledger
from trueto.model import LAYERS, Case, Cell, Claim, Judgement, Layer, Verdict
from trueto.power import Fault
from trueto.references import reference
from trueto.running.client import Limits, Outcome, Worker
from trueto.running.configurations import drawn_cases, lawful_cases
from trueto.running.domain import layers_of
from trueto.running.plan import covers
from trueto.running.profiles import profile
from trueto.running.verdict import Runs, judge_cell
from trueto.workers.protocol import NETS

__all__ = ["Checks", "Found", "found_by", "refused_alike", "timed"]

FAULTY = Limits(seconds=8.0, bytes=1 << 29)  # a faulty run that takes 8 s hangs: clean ones take some 0.05 s
MOST_STEPS, MOST_CASES = 30, 8  # of the cases on which rewrites are judged
LONGER = Limits(seconds=60.0)  # a rewrite computes everything twice, and a network takes longer than a sampler
USED = "reused"  # the profile in which an object has taken a sample before
MOST_USED = 60  # configurations on which that is compared too
LONG = Limits(seconds=400.0, bytes=1 << 30)
BY_ITSELF = ("exception", "crash", "memory", "garbage")
SEEN_PARTS = ("told", "step", "states", "levels", "start", "sample", "noise")


@dataclass(frozen=True, slots=True)
class Found:
    """What became of one fault."""

    outcome: str
    layer: str = ""
    case: str = ""
    verdict: str = ""
    cause: str = ""
    note: str = ""

    def to_json(self) -> dict[str, str]:
        """As the certificate keeps it."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name))}


Lines = list[dict[str, frozenset[int]]]


@dataclass(slots=True)
class Checks:
    """One claim with its cases, its clean runs and their verdicts, each made once and kept for all faults."""

    worker: Worker
    candidate: str
    version: str
    claim: Claim
    ledger: Ledger
    draws: int
    seed: int
    rewrites: bool = False  # harmless rewrites are asked for instead of faults
    unmoved: str = "the same float64 output"  # what shows that a fault is equivalent
    cases: list[Case] = field(default_factory=list)
    drawn: list[Case] = field(default_factory=list)
    possible: list[Fault] = field(default_factory=list)
    _lines: Lines = field(default_factory=list)
    _alone: Lines = field(default_factory=list)  # those that only a switch's being on executes
    _drawn_lines: Lines = field(default_factory=list)
    _lawful: list[tuple[Case, Mapping[str, frozenset[int]]]] | None = None
    _clean: dict[tuple[str, str, bool, bool], Outcome] = field(default_factory=dict)
    _verdicts: dict[tuple[str, Layer], Verdict] = field(default_factory=dict)

    def open(self) -> None:
        """Choose the cases, quick and short ones first, and see which lines they execute."""
        covered = [case for case in reference(self.claim.reference).cases if covers(self.claim, case)]
        self.cases = sorted(covered, key=lambda case: (not case.quick, case.steps, case.id))
        if self.rewrites:  # which cost as much in a long case as in ten others, and do nothing else there
            self.cases = sorted(self.cases, key=lambda case: case.steps > MOST_STEPS)[:MOST_CASES]
        self.drawn = drawn_cases(self.claim, covered, self.draws, self.seed) if covered else []
        if not self.cases:
            return
        traced = self.cases[:1] if self.rewrites else self.cases
        reply = self._asked("reach", traced, twin=False, rewrites=self.rewrites)
        self.possible = [Fault.from_json(data) for data in reply["faults"]]
        self._lines, self._alone = _sets(reply), _sets(reply, "alone")

    def _drawn(self) -> Lines:
        """The lines that each drawn configuration executes; asked for once, when first needed."""
        if self.drawn and not self._drawn_lines:
            self._drawn_lines = _sets(self._asked("reach", self.drawn, twin=True))
        return self._drawn_lines

    @property
    def faults(self) -> list[Fault]:
        """The possible faults at places that a case or a drawn configuration executes: no other can matter to the claim."""
        everything: dict[str, set[int]] = {}
        for lines in (*self._lines, *self._drawn()):
            for module, numbers in lines.items():
                everything.setdefault(module, set()).update(numbers)
        reached = {module: frozenset(numbers) for module, numbers in everything.items()}
        return [fault for fault in self.possible if _executes(reached, fault)]

    def draw(self, number: int, chance: random.Random) -> tuple[list[Fault], int]:
        """`number` of the faults by chance, and how many lie in a switch's own lines, of which as many are taken as there are."""
        own = [fault for fault in self.faults if any(_executes(lines, fault) for lines in self._alone)]
        known = {fault.id for fault in own}
        rest = [fault for fault in self.faults if fault.id not in known]
        first = chance.sample(own, min(number, len(own)))
        return first + chance.sample(rest, min(number - len(first), len(rest))), len(own)

    def reaches(self, fault: Fault) -> list[Case]:
        """The cases that execute the place of a fault."""
        return [case for case, lines in zip(self.cases, self._lines, strict=True) if _executes(lines, fault)]

    def lawful(self, fault: Fault) -> Iterator[Case]:
        """The X of the law of agreement that execute the place of a fault; what they execute is asked for once, when first needed."""
        if self._lawful is None:
            cases = lawful_cases(self.claim)
            lines = _sets(self._asked("reach", cases, twin=False)) if cases else []
            self._lawful = list(zip(cases, lines, strict=True))
        return (case for case, lines in self._lawful if _executes(lines, fault))

    def judge(self, fault: Fault) -> Found:
        """The first cell that sees the fault: of recorded cases, of laws, with objects used before; survived where none does."""
        used = [case for case in self.reaches(fault) if case.quick]
        asked = itertools.chain(
            ((case, self._judge_case) for case in itertools.chain(self.reaches(fault), self.lawful(fault))),
            ((case, self._judge_used) for case in used),
        )
        for case, judge in asked:
            try:
                found = judge(case, fault)
            except DataError as error:
                return Found("not made", note=error.message[:200])
            if found is not None:
                return found
        return Found("survived")

    def equivalent(self, fault: Fault) -> Found:
        """Whether a fault that no cell sees changes anything in the drawn configurations: survived, or equivalent."""
        if not self.draws:
            return Found("survived", note="compared with nothing, as no configurations were asked for")
        reached = [case for case, lines in zip(self.drawn, self._drawn(), strict=True) if _executes(lines, fault)]
        # The cases of the suites too: what is the same on all of them within rounding may still be another number.
        reached += self.reaches(fault)
        if not reached:
            return Found("equivalent", note=f"none of {len(self.drawn)} drawn configurations executes its place")
        try:
            reply = self._asked("differs", reached, twin=True, fault=fault.to_json())
        except DataError as error:
            return Found("survived", note=f"the comparison {error.message}"[:200])
        if reply["tried"] < len(reached) and reply["differs"] is None:
            return Found("survived", note=f"not decided: time was over after {reply['tried']} of {len(reached)} configurations")
        if reply["differs"] is not None:
            return Found("survived", note=f"{reply['how']} differs: {_words(reached[reply['differs']])}")
        return self._equivalent_when_used(fault, reached[:MOST_USED], reply["tried"])

    def _equivalent_when_used(self, fault: Fault, reached: Sequence[Case], tried: int) -> Found:
        """The same with objects that have taken a sample before, whose state a fault may leave behind."""
        try:
            reply = self._asked("differs", reached, twin=True, fault=fault.to_json(), profile=profile(USED).to_json())
        except DataError as error:
            return Found("survived", note=f"the comparison {error.message}"[:200])
        if reply["differs"] is not None:
            return Found("survived", note=f"{reply['how']} differs with an object used before: {_words(reached[reply['differs']])}")
        return Found("equivalent", note=f"{self.unmoved} on {tried} configurations that execute it, and on an object used before")

    def _asked(self, op: str, cases: Sequence[Case], **more: Any) -> dict[str, Any]:
        reply = self.worker.about_faults(op, self.claim, cases, LONG, **more)
        for bad in ("died", "failed", "harness_error"):
            if bad in reply:
                raise DataError(f"of {self.claim.id} ended early: {reply[bad]}", f"trueto gate {self.candidate} --claim '{self.claim.id}'")
        return reply

    def _run(self, case: Case, net: str, *, twin: bool, fault: Fault | None, used: bool = False) -> Outcome:
        flags = profile(USED).flags if used else {}
        if fault is None:
            key = (case.id, net, twin, used)
            if key not in self._clean:
                self._clean[key] = self.worker.run(self.claim, case, net, Limits(), twin=twin, flags=flags)
            return self._clean[key]
        limits = LONGER if self.rewrites or case.of_outputs else FAULTY
        outcome = self.worker.run(self.claim, case, net, limits, twin=twin, fault=fault.to_json(), flags=flags)
        if outcome.failed:
            raise DataError(outcome.failed, "docs/power.md")
        return outcome

    def arms(self, case: Case, fault: Fault | None, nets: Sequence[str]) -> dict[str, Runs]:
        """The runs by network that cells are judged by, with a fault or a rewrite in place, or without; twins last, to share a fork."""
        native = {net: self._run(case, net, twin=False, fault=fault) for net in nets}
        twin = {net: self._run(case, net, twin=True, fault=fault) for net in nets if net != NETS[Layer.NOISE]}
        return {net: Runs(native[net], twin.get(net), None, self._again(case, fault)) for net in nets}

    def verdict(self, case: Case, layer: Layer, runs: Runs, profile_id: str = "default", fault: Fault | None = None) -> Judgement:
        """What the gate says of a cell by these runs, which were made with that fault in place."""
        del fault
        cell = Cell(self.candidate, self.claim, case, layer, profile_id)
        return judge_cell(cell, self.version, reference(self.claim.reference), profile(profile_id), runs, self.ledger)

    def clean(self, case: Case, layer: Layer) -> Verdict:
        """What it says with neither fault nor rewrite."""
        if (case.id, layer) not in self._verdicts:
            net = NETS[layer]
            self._verdicts[case.id, layer] = self.verdict(case, layer, self.arms(case, None, [net])[net]).verdict
        return self._verdicts[case.id, layer]

    def _again(self, case: Case, fault: Fault | None) -> Callable[[], Outcome]:
        return lambda: self._run(case, "effective", twin=False, fault=fault)

    def _judge_case(self, case: Case, fault: Fault) -> Found | None:
        """One case with the fault: first every layer in native precision, then the float64 twins; stops at the first bad verdict."""
        layers = [layer for layer in LAYERS if layer in layers_of(self.claim, case)]
        made: dict[tuple[str, bool], Outcome] = {}

        def seen(net: str, *, twin: bool) -> tuple[Outcome, bool]:
            if (net, twin) not in made:
                made[net, twin] = self._run(case, net, twin=twin, fault=fault)
            return made[net, twin], _unchanged(made[net, twin], self._run(case, net, twin=twin, fault=None))

        for twins in (False, True):
            for layer in layers:
                native, same = seen(NETS[layer], twin=False)
                twin = None
                if twins and layer is not Layer.NOISE:
                    twin, twin_same = seen(NETS[layer], twin=True)
                    same = same and twin_same
                if same or (twins and layer is Layer.NOISE):
                    continue
                clean = self.clean(case, layer)
                if not (clean.same or clean.declared):
                    continue
                if clean.declared and not twins and layer is not Layer.NOISE and native.observation is not None:
                    continue  # a declared cell is judged with both arms, as the ledger may speak of one
                judged = self.verdict(case, layer, Runs(native, twin, None, self._again(case, fault)))
                if judged.verdict.bad:
                    return found_by(judged)
        return None

    def _judge_used(self, case: Case, fault: Fault) -> Found | None:
        """One case with the fault and an object that has taken a sample before, as under the profile for that."""
        for layer in (layer for layer in LAYERS if layer in layers_of(self.claim, case) and layer is not Layer.NOISE):
            clean, native = (self._run(case, NETS[layer], twin=False, fault=one, used=True) for one in (None, fault))
            if _unchanged(native, clean):
                continue
            before, after = (self.verdict(case, layer, Runs(seen, None), USED) for seen in (clean, native))
            if after.verdict.bad and (before.verdict.same or before.verdict.declared):
                return found_by(after, f"{case.id} ({USED})")
        return None


def found_by(judged: Judgement, case: str = "") -> Found:
    """A fault that a verdict saw; what raised, died or hung is told apart."""
    outcome = "killed"
    if judged.verdict is Verdict.BROKEN:
        outcome = "time-out" if judged.cause == "time-out" else "crash" if judged.cause in BY_ITSELF else "killed"
    cause = "" if judged.cause.startswith("not told apart") else judged.cause  # one arm was enough, so the twin was not run
    return Found(outcome, str(judged.cell.layer), case or judged.cell.case.id, str(judged.verdict), cause)


def _unchanged(outcome: Outcome, clean: Outcome) -> bool:
    """Whether every bit of what was seen is that of the clean run."""
    if outcome.observation is None or clean.observation is None:
        return refused_alike(outcome, clean)
    pairs = [(getattr(outcome.observation, name), getattr(clean.observation, name)) for name in SEEN_PARTS]
    return all(same_bits(first, second) for first, second in pairs) and outcome.meta.get("below") == clean.meta.get("below")


def refused_alike(outcome: Outcome, clean: Outcome) -> bool:
    """Whether both raise the same, at the same place of the run."""
    first, second = outcome.raised, clean.raised
    return first is not None and second is not None and (first.type, first.at_call, first.own) == (second.type, second.at_call, second.own)


def _sets(reply: Mapping[str, Any], name: str = "reached") -> Lines:
    return [{module: frozenset(lines) for module, lines in case.items()} for case in reply[name]]


def _executes(lines: Mapping[str, frozenset[int]], fault: Fault) -> bool:
    return not lines.get(fault.module, frozenset()).isdisjoint(range(fault.first, fault.last + 1))


def _words(case: Case) -> str:
    """A drawn configuration in one line."""
    if case.of_outputs:
        return f"other numbers (seed {case.seed})" + "".join(f", {name}={value}" for name, value in case.options.items())
    options = ", ".join(f"{name}={value}" for name, value in case.options.items())
    return f"{case.steps} steps, grid {case.grid}, schedule {case.schedule}, {case.parameterization}, {case.network}" + (
        f", {options}" if options else ""
    )


def timed(worker: Worker, work: Callable[[], Found]) -> tuple[Found, float]:
    """What `work` found, and the CPU seconds that both sides took."""
    before = time.thread_time() + worker.cpu_seconds()
    found = work()
    return found, time.thread_time() + worker.cpu_seconds() - before
