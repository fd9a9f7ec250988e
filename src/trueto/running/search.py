"""Looking for an X that breaks a law: Hypothesis draws from the claim's domain, and shrinks what it finds to the smallest."""

from __future__ import annotations

import secrets
import time
import zlib
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase, InMemoryExampleDatabase
from hypothesis.errors import UnsatisfiedAssumption

from trueto.errors import UsageError
from trueto.model import LAYERS, Case, Claim, Judgement, Layer
from trueto.running import draws
from trueto.running.covering import chosen
from trueto.running.domain import AGREEMENT, Domain, drawn_case, fields_of, law_of, layers_of, numbers, states_domain
from trueto.running.laws import FORMS, SKIPPED, WITH_AXIS
from trueto.running.plan import Selection, matches
from trueto.running.texts import batches, judged_together, texts

__all__ = ["EVERY", "Search", "agreeing", "applies", "database", "prepared", "sampled"]

EVERY = (AGREEMENT, "repeat", "batch", *WITH_AXIS, "forms", "order", "steps")
POOL = 8  # X drawn for each that is judged: those that put together what no other does (running/covering.py)
FIXED = ("order", "steps")  # laws that go through a range of step counts by themselves, from one X
EXAMPLES = Path(".trueto") / "examples"
Judge = Callable[[Case, Layer], Judgement]


@dataclass(slots=True)
class Turn:
    """Which of the X that Hypothesis draws are judged: those that were chosen, and once one breaks the law all on the way to a smaller one.

    Where a chosen X is outside of the law another one of the pool takes its place, so that as many are judged as were asked for.
    """

    wanted: set[str]
    replacing: bool
    seen: set[str] = field(default_factory=set)
    spare: int = 0
    broken: bool = False

    def comes(self, case: Case) -> bool:
        """Whether the case is to be judged."""
        if self.broken or not self.replacing:
            return True
        if case.id in self.seen:
            return False
        if case.id not in self.wanted:
            if not self.spare:
                return False
            self.spare -= 1
        self.seen.add(case.id)
        return True

    @contextmanager
    def judging(self) -> Generator[None, None, None]:
        """While a case is judged; where it is outside of the law Hypothesis is not told, as it would draw others than were chosen from."""
        try:
            yield
        except Broken:
            self.broken = True
            raise
        except UnsatisfiedAssumption:
            if self.broken or not self.replacing:
                raise
            self.spare += 1


class Broken(Exception):
    """An X on which the law does not hold."""

    def __init__(self, judgement: Judgement) -> None:
        super().__init__(judgement.reason)
        self.judgement = judgement


def _held(found: Judgement) -> Judgement:
    """A judgement that the law holds; Broken where it does not, and another X where it says nothing."""
    if found.cause in (SKIPPED, "ill-conditioned"):
        hypothesis.reject()
    if found.verdict.bad or found.verdict.unknown:
        raise Broken(found)
    return found


def _fewest(least: int, broken: Judgement, check: Callable[[Case], None]) -> Judgement:
    """The same X with the fewest steps on which the law breaks: Hypothesis shrinks numbers by steps of its own, and can miss a divisor."""
    case = broken.cell.case
    for n in range(least, case.steps):
        try:
            check(drawn_case(law_of(case), **fields_of(case, steps=n)))
        except Broken as error:
            return error.judgement
        except UnsatisfiedAssumption:
            continue
    return broken


def applies(law: str, claim: Claim) -> bool:
    """Whether a law says anything of a claim: AGREEMENT and `steps` of all that state a domain, others by what the domain holds."""
    domain = Domain.of(claim)
    if law in domain.without:
        return False
    if domain.texts:
        return law == AGREEMENT
    if law == "forms":
        return bool(domain.forms) and len(set(FORMS) & set(domain.parameterizations)) > 1
    if law == "order":
        return bool(domain.order)
    return domain.axis_of(law) is not None if law in WITH_AXIS else True


def database(folder: Path = EXAMPLES) -> tuple[ExampleDatabase, str]:
    """Where Hypothesis remembers what it found, and a note where that cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        return InMemoryExampleDatabase(), f"{folder} cannot be written ({error.strerror}): counterexamples are not remembered between runs"
    return DirectoryBasedExampleDatabase(folder), ""


def sampled(law: str, claim: Claim) -> st.SearchStrategy[Case]:
    """What Hypothesis draws for a law; one fixed X for laws that go through a range by themselves."""
    domain = Domain.of(claim)
    if law == AGREEMENT:
        return texts() if domain.texts else draws.cases(claim)
    if law == "forms":
        return draws.forms(claim)
    if law == "order":
        stated, plainest = domain.order, _plainest(domain)
        options = {**plainest["options"], **stated.get("options", {})}
        return st.just(drawn_case("order", steps=max(stated["steps"]), grid=stated["grid"], **{**plainest, "options": options}))
    if law == "steps":
        return st.just(drawn_case("steps", steps=domain.steps[1], grid=domain.grids[0], **_plainest(domain)))
    return draws.pairs(claim, law)


def _plainest(domain: Domain) -> dict[str, Any]:
    first = {"schedule": domain.schedules[0], "parameterization": domain.parameterizations[0], "shape": domain.shapes[0]}
    return {**first, "options": domain.given, "composed": domain.fixed}


@dataclass(slots=True)
class Search:
    """The laws under one profile of laws.toml.

    `asked` are the laws and claims to go through; `layers` those that the law of agreement looks at. `salt` makes it draw other X,
    `remember` is Hypothesis' database, `notes` are for the run record.
    """

    profile: str
    asked: list[tuple[str, Claim]]
    layers: tuple[Layer, ...]
    salt: int = 0
    remember: ExampleDatabase | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The profile's numbers."""
        return numbers()["profiles"][self.profile]

    def layers_of(self, claim: Claim, case: Case) -> tuple[Layer, ...]:
        """The layers in which a drawn case is judged."""
        return tuple(Layer(name) for name in layers_of(claim, case) if name in self.layers)

    def expected(self, law: str, claim: Claim) -> list[Case]:
        """The X that will be drawn as long as the law holds, so that runs can be asked for ahead."""
        found, domain = self.drawn(law, claim), Domain.of(claim)
        if domain.texts:
            return batches(found, domain.texts)
        return found if law in FIXED else chosen(domain, found, self.settings[law])

    def drawn(self, law: str, claim: Claim) -> list[Case]:
        """All X that Hypothesis draws as long as the law holds, from which those that are judged are chosen."""
        pool: dict[str, Case] = {}
        self._given(law, claim, lambda case: pool.setdefault(case.id, case), [Phase.generate])
        return list(pool.values())

    def look(self, law: str, claim: Claim, judge: Judge) -> tuple[list[Judgement], Judgement | None, list[Case]]:
        """What was judged, the smallest X that breaks the law, if one does, and the X for which no time was left.

        UsageError when nothing can be drawn.
        """
        expected = self.expected(law, claim)
        if not Domain.of(claim).texts:
            return self._one_by_one(law, claim, expected, judge)
        held, broken, late = judged_together(expected, judge, self.settings["seconds"])
        if broken is None or broken.cell.case in expected:
            return held, broken, late
        judged, smallest, late = self._one_by_one(law, claim, [broken.cell.case], judge)
        return [*held, *judged], smallest or broken, late

    def _one_by_one(self, law: str, claim: Claim, wanted: list[Case], judge: Judge) -> tuple[list[Judgement], Judgement | None, list[Case]]:
        """The same of X that are judged as Hypothesis draws them."""
        judged: dict[str, Judgement] = {}
        breaking: dict[str, Broken] = {}
        late: dict[str, Case] = {}
        began = time.monotonic()
        turn = Turn({case.id for case in wanted}, law not in FIXED)

        def check(case: Case) -> None:
            if case.id in breaking:  # which Hypothesis looks at once more in the end, when no time may be left
                raise breaking[case.id]
            if not turn.comes(case):
                return
            layers = self.layers_of(claim, case)
            if layers and time.monotonic() - began > self.settings["seconds"]:
                late[case.id] = case
                return
            try:
                with turn.judging():
                    for layer in layers:
                        found = _held(judge(case, layer))
                        judged[found.cell.id] = found
            except Broken as error:
                breaking[case.id] = error
                raise

        broken = None
        try:
            self._given(law, claim, check, [Phase.reuse, Phase.generate, Phase.shrink])
        except Broken as error:
            broken = error.judgement
        if broken is not None and law != "steps":
            broken = _fewest(Domain.of(claim).steps[0], broken, check)
        if broken is None and not judged and not late:
            raise UsageError(f"law {law} has nothing to say of claim {claim.id}: every X that was drawn is outside of it", "docs/laws.md")
        return list(judged.values()), broken, list(late.values())

    def _given(self, law: str, claim: Claim, check: Callable[[Case], Any], phases: list[Phase]) -> None:
        _examples(
            law,
            claim,
            check,
            settings(_quiet(phases), max_examples=_many(law, claim, self.settings.get(law, 1)), database=self._known(phases)),
            self.salt,
        )

    def _known(self, phases: list[Phase]) -> ExampleDatabase | None:
        return self.remember if Phase.reuse in phases else None


def _many(law: str, claim: Claim, count: int) -> int:
    """How many X are drawn so that so many of them are judged; of texts so many times as many as are asked for at once."""
    return count if law in FIXED else count * (Domain.of(claim).texts or POOL)


def _quiet(phases: list[Phase]) -> settings:
    """Settings of Hypothesis under which it draws, judges nothing itself and says nothing."""
    return settings(
        deadline=None,
        phases=phases,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        report_multiple_bugs=False,
        print_blob=False,
    )


def _examples(law: str, claim: Claim, check: Callable[[Case], Any], how: settings, salt: int) -> None:
    """Hand X of a law to `check`; the same X for the same salt."""

    def example(case: Case) -> None:
        check(case)

    example.__qualname__ = f"{law} of {claim.id}"  # by which the database knows it
    number = zlib.crc32(f"{law} {claim.id} {salt}".encode())
    hypothesis.seed(number)(how(given(sampled(law, claim))(example)))()


def agreeing(claim: Claim, count: int, salt: int) -> list[Case]:
    """Some `count` X of the law that spec and candidate agree, fewer where the domain has no more; none where the claim states none."""
    found: dict[str, Case] = {}
    if count and states_domain(claim) and not (Domain.of(claim).empty or Domain.of(claim).texts):
        many = settings(_quiet([Phase.generate]), max_examples=_many(AGREEMENT, claim, count), database=None)
        _examples(AGREEMENT, claim, lambda case: found.setdefault(case.id, case), many, salt)
    return chosen(Domain.of(claim), list(found.values()), count) if found else []


def prepared(name: str, claims: Sequence[Claim], selection: Selection) -> Search | None:
    """The search of a gate, or None: where cases or seeds are named, with `quick`, or without the default profile, nothing is drawn."""
    if name == "none" or selection.quick or selection.cases or selection.seeds or "default" not in selection.profiles:
        return None
    layers = tuple(layer for layer in LAYERS if matches(layer, selection.layers))
    named = [c for c in claims if matches(c.reference, selection.references) and matches(c.id, selection.claims)]
    stating = [claim for claim in named if states_domain(claim)]
    laws = EVERY if not selection.layers else [AGREEMENT]
    for claim in stating:
        if part := Domain.of(claim).empty:
            raise UsageError(f"the laws have nothing to draw for claim {claim.id}: its domain has no {part}", "docs/laws.md")
    search = Search(name, [(law, claim) for law in laws for claim in stating if applies(law, claim)], layers)
    if silent := [claim.id for claim in named if not states_domain(claim)]:
        search.notes.append(f"laws say nothing of {len(silent)} claims, no domain stated: {', '.join(silent)}")
    if search.settings.get("fresh"):
        search.salt = secrets.randbelow(1 << 30)
        search.remember, note = database()
        search.notes += [f"laws drew with salt {search.salt}", *([note] if note else [])]
    return search
