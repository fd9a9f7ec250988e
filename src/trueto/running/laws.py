"""The laws: what must hold for every X of a claim's domain, not only for the recorded ones.

Each law is a function of the runs of one drawn case and gives a judgement like any other cell's; `search` lets Hypothesis look for an X
that breaks it, and ends in the smallest. docs/laws.md says what each law means.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trueto.distances import measure, same_bits
from trueto.fixtures import schedule
from trueto.fixtures.noise import FROM
from trueto.judge import Expected, compare
from trueto.ledger import Ledger
from trueto.model import Case, Cell, Judgement, Layer, Profile, Verdict
from trueto.observe import Observation, theta
from trueto.references import Reference
from trueto.running.arms import Bench, slack
from trueto.running.client import Outcome
from trueto.running.domain import Domain, drawn_case, fields_of, knobs_of, law_of
from trueto.running.exact import distance_from_exact
from trueto.running.judging import Context, Runs, Seen, by_numbers, plain
from trueto.running.truth import parts
from trueto.running.verdict import judge_cell

__all__ = ["FORMS", "LAWS", "SKIPPED", "WITH_AXIS", "Court", "judge_law"]

SKIPPED = "not a case of this law"
FORMS = ("eps", "v", "x0")
WITH_AXIS = ("generators", "split", "clipping")  # laws about a setting that a claim states for them alone
NEAREST = 0.5  # an order is a whole number
TOLD = 1e-4  # of the angle of a level: how far the time told may be from the level, for two forms of a network to be one denoiser


@dataclass(frozen=True, slots=True)
class Court:
    """What a law may ask for: `run(case, net, twin=...)` runs the candidate, `again` runs it anew though it has run before."""

    cell: Cell
    version: str
    ref: Reference
    profile: Profile
    ledger: Ledger
    run: Callable[..., Outcome]
    again: Callable[[Case, str], Outcome]

    def bench(self, case: Case) -> Bench:
        """The bench of a case, on the whole loop."""
        return Bench(self.ref, case, Layer.TRAJECTORY, self.profile, knobs_of(self.cell.claim, case))

    def context(self, native: Outcome) -> Context:
        """What a judgement on the court's own case is made of."""
        return Context(self.cell, self.version, self.bench(self.cell.case), Runs(native, None), ())

    def said(self, verdict: Verdict, cause: str, reason: str, **evidence: Any) -> Judgement:
        """A judgement in words."""
        judgement = plain(self.context(Outcome(None)), verdict, cause, reason)
        return replace(judgement, evidence={**judgement.evidence, **evidence})

    def not_a_case(self, why: str) -> Judgement:
        """X that the law says nothing of."""
        return self.said(Verdict.UNJUDGED, SKIPPED, why)

    def one_picture(self, native: Outcome, wanted: Observation, others: Sequence[Case], said: tuple[str, str], dtype: str) -> Judgement:
        """Two samples of the candidate that must be one, up to the rounding of the original on this X and on `others`."""
        assert native.observation is not None
        found: list[Expected] = []
        for case in (self.cell.case, *others):
            truth = self.bench(case).original("closed", dtype)
            if truth.exact.error is not None:
                return self.not_a_case(f"the original raises {truth.exact.error.type} on it")
            found.append(parts(Layer.TRAJECTORY, truth, native.observation, dtype, same_grid=False)[0][1])
        widest = [np.max([getattr(one, name) for one in found], axis=0) * slack() for name in ("floor_rms", "floor_max")]
        values, native32 = wanted.sample[None].astype(np.float64), wanted.sample[None]
        expected = replace(found[0], values=values, native=native32, floor_rms=widest[0], floor_max=widest[1])
        seen = compare(native.observation.sample[None], expected, "sample")
        verdict = Verdict.IDENTICAL if seen.identical else Verdict.FAITHFUL if seen.agrees else Verdict.DRIFTED
        return by_numbers(self.context(native), Seen(seen, None, "a law about the candidate alone"), verdict, "", said[not seen.agrees])


def repeat(court: Court) -> Judgement:
    """The same seed twice gives the same bits: noise drawn by the candidate, sample, and everything on the way."""
    case = court.cell.case
    first, second = court.run(case, "seeded"), court.again(case, "seeded")
    if first.observation is None or second.observation is None:
        return _raised(court, first, second)
    seen = zip(first.observation.tensors().items(), second.observation.tensors().values(), strict=True)
    other = [name for (name, one), two in seen if not same_bits(one, two)]
    if other:
        return court.said(Verdict.DRIFTED, "not repeatable", f"the same seed twice gives other bits in: {', '.join(other)}")
    return court.said(Verdict.IDENTICAL, "", "the same seed twice gives the same bits")


def batch(court: Court) -> Judgement:
    """What becomes of each picture does not depend on what else is in the batch."""
    case = court.cell.case
    if case.shape[0] == 1:
        return court.not_a_case("it has one picture only")
    alone = [drawn_case("batch", **fields_of(case, shape=(1, *case.shape[1:]), seed=case.seed + FROM * k)) for k in range(case.shape[0])]
    together, *singles = [court.run(one, "closed") for one in (case, *alone)]
    if any(outcome.observation is None for outcome in (together, *singles)):
        return _raised(court, together, *singles)
    said = ("each picture of a batch is the one that it is alone", "picture {} of a batch is another one than alone")
    return _each_as_alone(court, together, alone, singles, said)


def _each_as_alone(court: Court, together: Outcome, alone: Sequence[Case], singles: Sequence[Outcome], said: tuple[str, str]) -> Judgement:
    """Each picture of a run beside the same picture in a run of its own; the judgement on the one that is furthest away."""
    found: list[Judgement] = []
    for index, (one, outcome) in enumerate(zip(alone, singles, strict=True)):
        assert together.observation is not None
        assert outcome.observation is not None
        there, seen = replace(court, cell=replace(court.cell, case=one)), together.observation
        own = replace(seen, states=seen.states[:, [index]], start=seen.start[[index]], sample=seen.sample[[index]])
        words = (said[0], said[1].format(index))
        found.append(there.one_picture(replace(together, observation=own), outcome.observation, (), words, "float32"))
    return replace(max(found, key=_ratio), cell=court.cell)


def generators(court: Court) -> Judgement:
    """A list of generators gives each picture of a batch what it gets alone, and one generator gives what the seed gives without it."""
    case = court.cell.case
    if case.shape[0] == 1 or case.seed or case.composed.get("generator") != "list":
        return court.not_a_case("a list of generators says nothing more of one picture, and the pictures' seeds count from 0")
    seeds = range(case.shape[0])
    alone = [drawn_case("generators", **fields_of(case, shape=(1, *case.shape[1:]), seed=seed)) for seed in seeds]
    rest = {name: value for name, value in case.composed.items() if name != "generator"}
    others = [drawn_case("generators", **fields_of(case, composed={**rest, **made})) for made in ({"generator": "one"}, {})]
    together, *singles = [court.run(one, "seeded") for one in (case, *alone)]
    with_one, without = [court.run(one, "seeded") for one in others]
    everything = [together, *singles, with_one, without]
    if any(outcome.observation is None for outcome in everything):
        return _raised(court, *everything)
    if _bits(with_one) != _bits(without):
        return court.said(Verdict.DRIFTED, "generators", "one generator gives other noise than the same seed without a generator")
    said = ("each picture of a list of generators is the one that it is alone", "picture {} of a list is another one than alone")
    return _each_as_alone(court, together, alone, singles, said)


def split(court: Court) -> Judgement:
    """A run that is broken off and continued by a new object, where the sampler remembers nothing, gives the picture of the whole run."""
    return _unchanged(court, "continued by a new object")


def clipping(court: Court) -> Judgement:
    """Clipping to a range that no clean picture leaves changes nothing."""
    return _unchanged(court, "with a clip out of reach")


def _unchanged(court: Court, how: str) -> Judgement:
    """With a setting that must not change anything the sample is that of the same X without it."""
    case, law = court.cell.case, law_of(court.cell.case)
    axis = (Domain.of(court.cell.claim).axis_of(law) or ("",))[0]
    if axis not in case.composed:
        return court.not_a_case("it is the run without")
    plain = drawn_case(law, **fields_of(case, composed={name: value for name, value in case.composed.items() if name != axis}))
    without, seen = court.run(plain, "closed"), court.run(case, "closed")
    if without.observation is None or seen.observation is None:
        return _raised(court, without, seen)
    said = (f"{how} it gives the same picture", f"{how} it gives another picture")
    return court.one_picture(seen, without.observation, (), said, "float32")


def _bits(outcome: Outcome) -> tuple[bytes, bytes]:
    """Everything that was drawn in a run, and its sample."""
    assert outcome.observation is not None
    return outcome.observation.noise.tobytes(), outcome.observation.sample.tobytes()


def forms(court: Court) -> Judgement:
    """The same denoiser, written as prediction of noise, velocity or clean picture, gives the same sample.

    In float64: rounding in a library's table of levels makes them denoisers that differ a little.
    """
    case, known = court.cell.case, court.cell.claim.settings["parameterizations"]
    written = [drawn_case("forms", **fields_of(case, parameterization=name)) for name in FORMS if name in known]
    if len(written) < 2 or case.parameterization not in FORMS:
        return court.not_a_case("the candidate takes one form only")
    outcomes = [court.run(one, "closed", twin=True) for one in written]
    first = outcomes[0].observation
    if first is None or any(outcome.observation is None for outcome in outcomes):
        return _raised(court, *outcomes)
    if below := next((o.meta["below"] for o in outcomes if o.meta.get("below")), ""):
        return court.not_a_case(f"the float64 twin is not valid: {below}")
    if not _tells_its_levels(case, first):
        return court.not_a_case("the time told to the network is not that of the level, so the forms are other denoisers")
    found: list[Judgement] = []
    for one, outcome in zip(written[1:], outcomes[1:], strict=True):
        there = replace(court, cell=replace(court.cell, case=one))
        other = f"another picture with prediction of {one.parameterization} than of {written[0].parameterization}"
        found.append(there.one_picture(outcome, first, written[:1], ("the same picture in every form", other), "float64"))
    return replace(max(found, key=_ratio), cell=court.cell)


def _ratio(judgement: Judgement) -> float:
    return judgement.ratio or 0.0


def _tells_its_levels(case: Case, seen: Observation) -> bool:
    """Whether every time told is the training time of the level of its step."""
    alpha, sigma = schedule(case.schedule).level(seen.told)
    firsts = [int(np.flatnonzero(seen.step == step)[0]) for step in np.unique(seen.step)]
    angles = theta(seen.levels, seen.level_kind)[: len(firsts)]
    return len(angles) == len(firsts) and measure(np.arctan2(sigma, alpha)[firsts], angles)[1] < TOLD


def order(court: Court) -> Judgement:
    """Shorter steps bring the state nearer to the exact solution, at the claimed order; in float64."""
    stated = Domain.of(court.cell.claim).order
    counts = [n for n in stated["steps"] if n <= court.cell.case.steps]
    if len(counts) < 2:
        return court.not_a_case("there are no shorter steps to compare with")
    errors = []
    for n in counts:
        case = drawn_case("order", **fields_of(court.cell.case, steps=n))
        outcome = court.run(case, "closed", twin=True)
        if outcome.observation is None:
            return _raised(court, outcome)
        errors.append(distance_from_exact(case, outcome.observation, stated.get("until")))
    pairs = zip(itertools.pairwise(counts), itertools.pairwise(errors), strict=True)
    found = [math.log(before / after) / math.log(more / fewer) for (fewer, more), (before, after) in pairs]
    text = f"from {counts[-2]} to {counts[-1]} steps the distance from the exact solution falls from {errors[-2]:.2g} to {errors[-1]:.2g}"
    said = f"{text}: order {found[-1]:.2f}, claimed is {stated['claimed']}"
    agrees = abs(found[-1] - stated["claimed"]) < NEAREST
    evidence = {"steps": counts, "errors": errors, "orders": found}
    return court.said(Verdict.FAITHFUL if agrees else Verdict.DRIFTED, "" if agrees else "order of convergence", said, convergence=evidence)


def steps(court: Court) -> Judgement:
    """Every step count, from the domain's smallest to the case's, ends in finite numbers on the original's levels or the declared ones."""
    worst: Judgement | None = None
    least = Domain.of(court.cell.claim).steps[0]
    for n in range(least, court.cell.case.steps + 1):
        case = drawn_case(**fields_of(court.cell.case, steps=n))
        native = court.run(case, "closed")
        cell = replace(court.cell, case=case, layer=Layer.SCHEDULE)
        found = judge_cell(cell, court.version, court.ref, court.profile, Runs(native, None, native), court.ledger)
        if found.verdict.bad or found.verdict.unknown:
            named = drawn_case("steps", **fields_of(court.cell.case, steps=n))
            return replace(found, cell=replace(court.cell, case=named), reason=f"with {n} steps {found.reason}")
        if worst is None or (found.ratio or 0) >= (worst.ratio or 0):
            worst = found
    assert worst is not None
    return replace(worst, cell=court.cell, reason=f"every step count from {least} to {court.cell.case.steps}: {worst.reason}")


def _raised(court: Court, *outcomes: Outcome) -> Judgement:
    """Some runs of a law ended without a sample: alike is no matter of this law."""
    ends = [o.died or (f"raises {o.raised.type}: {o.raised.message}" if o.raised else o.failed) or "returns a sample" for o in outcomes]
    if len(set(ends)) == 1 and not outcomes[0].died:
        return court.not_a_case(f"every run {ends[0]}")
    return court.said(Verdict.BROKEN, "exception", f"one run {ends[0]}, another {next((end for end in ends if end != ends[0]), ends[0])}")


LAWS: dict[str, Callable[[Court], Judgement]] = {
    "repeat": repeat,
    "batch": batch,
    "generators": generators,
    "split": split,
    "clipping": clipping,
    "forms": forms,
    "order": order,
    "steps": steps,
}


def judge_law(court: Court) -> Judgement:
    """The judgement of the law that the court's case names."""
    return LAWS[law_of(court.cell.case)](court)
