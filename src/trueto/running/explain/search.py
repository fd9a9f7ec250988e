"""The smallest set of a spec's knobs with which a cell agrees: single knobs, then pairs, then larger sets from the most promising."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from trueto.errors import DataError
from trueto.judge import compare, factor
from trueto.model import Comparison, Judgement, Layer
from trueto.references.library import STATE
from trueto.references.rounded import LOW
from trueto.running.arbiters import arms
from trueto.running.arms import Bench
from trueto.running.explain.subject import Subject
from trueto.running.judging import Runs

__all__ = ["Knobs", "Scale", "Search", "Trial", "choices_for", "confirm", "distinct", "nearest_of", "search", "shrunk"]

Knobs = dict[str, str]
Tell = Callable[[str], None]

MOST_KNOBS = 4
BEAM = 24  # sets of one size that larger ones are built from
CONFIRMED = 10  # sets of one size that are judged in full
ALTERNATIVES = 3
ALIKE = 1.0  # difference of two scores that says nothing where both sets restore agreement
CLOSE = 1000.0  # how many times the judge's factor a set may be away, without repetitions in the floors, to be judged in full
UNLIKE = 60.0  # score of what cannot be compared; above the logarithm of any ratio
BEYOND = 1e20
SECONDS = 60.0
DIGITS = 9  # of a score that tell two sets apart


@dataclass(frozen=True, slots=True)
class Trial:
    """One set of knobs: `score` orders sets (0 is no distance), `drift` and `ratio` are the worst, in the stricter arm.

    Floors are without repetitions here, so `ratio` is only a guide; `judgement` is the verdict, where the set was judged in full.
    """

    knobs: Knobs
    score: float
    drift: float
    ratio: float
    judgement: Judgement | None = None

    @property
    def restores(self) -> bool:
        """Whether the cell agrees with this variant, by the judge's own rule."""
        return self.judgement is not None and self.judgement.verdict.declared


@dataclass(slots=True)
class Search:
    """What came of it: `found` are the smallest sets that restore agreement, `singles` every single knob, `nearest` the closest set."""

    layer: Layer
    base: Trial
    found: list[Trial] = field(default_factory=list)
    singles: list[Trial] = field(default_factory=list)
    nearest: Trial | None = None
    tried: int = 0
    stopped: bool = False

    def without_effect(self) -> list[str]:
        """Knobs of which no value changes anything here."""
        alive = {knob for trial in self.singles for knob in trial.knobs if trial.score != self.base.score}
        return [knob for trial in self.singles for knob in trial.knobs if knob not in alive]


class Scale:
    """How far the candidate is from variants of the original's spec, in one layer."""

    def __init__(self, subject: Subject, layer: Layer) -> None:
        self.subject, self.layer = subject, layer
        self.runs: Runs = subject.runs(layer)

    def weigh(self, knobs: Mapping[str, str]) -> Trial:
        """A set of knobs, weighed without repetitions: milliseconds."""
        knobs = {knob: knobs[knob] for knob in self.subject.ref.knobs if knob in knobs}
        bench = Bench(self.subject.ref, self.subject.case, self.layer, self.subject.profile, self.subject.parts)
        bench.spread = False
        score, worst = 0.0, (math.inf, math.inf)
        for arm in arms(bench, self.runs):
            with np.errstate(all="ignore"):
                try:
                    compared = bench.compared(arm, knobs)
                except Exception:
                    if not knobs:
                        raise  # the spec as it is must run
                    compared = None  # knobs that do not go together: whatever a spec raises then, it is no variant
                found = [compare(got, expected, what) for what, expected, got in compared or ()]
            score += sum(_score(one) for one in found) / len(found) if found else UNLIKE
            if found:
                one = max(found, key=lambda one: one.ratio)
                worst = (one.drift, one.ratio)
        return Trial(knobs, score, *worst)

    def judge(self, trial: Trial) -> Trial:
        """The same set with its verdict."""
        try:
            seen = self.subject.judged_as(self.layer, trial.knobs)
        except (DataError, ArithmeticError, LookupError, TypeError, ValueError):  # knobs that do not go together
            return trial
        return Trial(trial.knobs, trial.score, trial.drift, trial.ratio, seen)


def _score(seen: Comparison) -> float:
    """Mean logarithm of the ratios of all steps, so that a set which repairs the first steps is nearer."""
    if seen.note:
        return UNLIKE
    return sum(math.log1p(min(ratio, BEYOND)) for ratio in seen.ratios) / len(seen.ratios)


def choices_for(subject: Subject, layer: Layer) -> list[tuple[str, str]]:
    """Every value of every knob that can matter in a layer, but the original's own values, and knobs that X says already."""
    ref = subject.ref
    hidden = set(ref.frame.KNOBS) if layer is Layer.UPDATE else set[str]()  # update is judged on the candidate's own levels
    if subject.profile.dtype not in LOW:
        hidden.add(STATE)
    if layer is not Layer.NOISE:
        hidden.add("draws")
    hidden |= subject.parts.keys()
    return [(knob, value) for knob, values in ref.knobs.items() if knob not in hidden for value in values[1:]]


def search(scale: Scale, choices: Sequence[tuple[str, str]], tell: Tell, *, given: Mapping[str, str] | None = None) -> Search:
    """The smallest sets of `choices` (on top of the knobs `given`) that restore agreement; those given are dropped where they can be."""
    fixed = dict(given or {})
    state = Search(scale.layer, scale.weigh({}))
    deadline = time.monotonic() + SECONDS
    tell(f"{scale.layer}: single knobs")
    state.singles = [scale.weigh({knob: value}) for knob, value in choices]
    level = [scale.weigh({**fixed, **trial.knobs}) for trial in state.singles if not trial.knobs.keys() & fixed] if fixed else state.singles
    moving = {item for trial in state.singles if trial.score != state.base.score for item in trial.knobs.items()}
    for size in range(1, MOST_KNOBS + 1):
        state.tried += len(level)
        confirmed = confirm(scale, level)
        state.nearest = nearest_of(level if state.nearest is None else [*level, state.nearest])
        if confirmed:
            state.found = distinct(shrunk(scale, trial) for trial in confirmed)
            return state
        if size == 2:
            state.found = _named(scale)
            if state.found:
                return state
        if size == MOST_KNOBS or not moving:
            return state
        tell(f"{scale.layer}: sets of {size + 1} knobs")
        seeds = [trial for trial in level if size > 1 or moving & trial.knobs.items()]
        if size > 1:
            seeds = _promising(seeds)
        level = []
        for knobs in _larger(seeds, choices):
            if time.monotonic() > deadline:
                state.stopped = True
                break
            level.append(scale.weigh(knobs))
    return state


def nearest_of(trials: Sequence[Trial]) -> Trial | None:
    """The nearest, if there is any."""
    return min(trials, key=lambda trial: trial.score) if trials else None


def _promising(seeds: Iterable[Trial]) -> list[Trial]:
    """The nearest sets that differ from each other: one that has a knob without effect besides is the same again."""
    apart: dict[float, Trial] = {}
    for trial in sorted(seeds, key=lambda trial: trial.score):
        apart.setdefault(round(trial.score, DIGITS), trial)
    return list(apart.values())[:BEAM]


def _larger(seeds: Iterable[Trial], choices: Sequence[tuple[str, str]]) -> Iterable[Knobs]:
    """Every set that is one knob larger than a seed, once."""
    seen: set[frozenset[tuple[str, str]]] = set()
    for seed, (knob, value) in itertools.product(seeds, choices):
        if knob not in seed.knobs:
            larger = {**seed.knobs, knob: value}
            key = frozenset(larger.items())
            if key not in seen:
                seen.add(key)
                yield larger


def confirm(scale: Scale, level: Sequence[Trial]) -> list[Trial]:
    """Those of a level that restore agreement, judged in full; what is as good as the best comes in the order of the reference's file."""
    near = sorted((trial for trial in level if trial.ratio <= CLOSE * factor()), key=lambda trial: trial.score)[:CONFIRMED]
    found = [judged for trial in near if (judged := scale.judge(trial)).restores]
    if not found:
        return []
    best = min(trial.score for trial in found)
    order = [trial.knobs for trial in level]
    return sorted(found, key=lambda trial: (len(trial.knobs), trial.score > best + ALIKE, order.index(trial.knobs)))[:ALTERNATIVES]


def _named(scale: Scale) -> list[Trial]:
    """Variants that have a name in the card, as `paper`."""
    variants = [dict(knobs) for knobs in scale.subject.ref.card.variants.values()]
    return distinct(shrunk(scale, trial) for trial in confirm(scale, [scale.weigh(knobs) for knobs in variants]))


def shrunk(scale: Scale, trial: Trial) -> Trial:
    """The set without the knobs that it can do without."""
    for knob in [*trial.knobs]:
        fewer = {name: value for name, value in trial.knobs.items() if name != knob}
        if fewer and (smaller := scale.judge(scale.weigh(fewer))).restores:
            trial = smaller
    return trial


def distinct(trials: Iterable[Trial]) -> list[Trial]:
    """Each set once, the smallest first."""
    once = {frozenset(trial.knobs.items()): trial for trial in trials}
    return sorted(once.values(), key=lambda trial: len(trial.knobs))
