"""An independent check: with twice and four times the steps, does the sample still come nearer to the exact solution, and how fast?"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trueto.model import Case, Layer, Verdict
from trueto.references import observe_spec
from trueto.running.exact import distance_from_exact
from trueto.running.explain.subject import Subject

__all__ = ["Convergence", "convergence"]

REFINEMENTS = (1, 2, 4)
MOST_STEPS = 200
FEWEST_STEPS = 4
SOLVES = 0.5  # observed order from which on a sampler can be said to converge
FLOOR = 1e-9  # distance below which rounding takes over, and the order means nothing


@dataclass(frozen=True, slots=True)
class Convergence:
    """Distances from the exact solution at n, 2n and 4n steps; `why` says why there are none."""

    steps: tuple[int, ...] = ()
    original: tuple[float, ...] = ()
    candidate: tuple[float, ...] = ()
    why: str = ""

    @staticmethod
    def order(distances: tuple[float, ...]) -> float:
        """The observed order: how many times the distance halves when the steps are doubled, at the finer pair."""
        coarse, fine = distances[-2:]
        return math.log2(coarse / fine) if fine > 0 and coarse > 0 else math.inf


def convergence(subject: Subject) -> Convergence:
    """Both orders, where the case has an exact solution: no noise, no guidance, and the network of a Gaussian mixture."""
    if why := _not_possible(subject):
        return Convergence(why=why)
    cases = [subject.with_steps(subject.case.steps * times) for times in REFINEMENTS]
    original, candidate = [], []
    for case in cases:
        wanted = observe_spec(subject.ref, case, "closed", subject.parts).exact
        outcome = subject.runs(Layer.TRAJECTORY, case)
        chosen = outcome.twin if outcome.twin is not None and outcome.twin.observation is not None else outcome.native
        if wanted.error is not None or chosen.observation is None:
            who = "the original" if wanted.error is not None else "the candidate"
            return Convergence(why=f"{who} does not take {case.steps} steps")
        original.append(distance_from_exact(case, wanted))
        candidate.append(distance_from_exact(case, chosen.observation))
    found = Convergence(tuple(case.steps for case in cases), tuple(original), tuple(candidate))
    if not all(map(math.isfinite, (*original, *candidate))):
        return Convergence(why="a sample with more steps is not finite")
    if original[-1] < FLOOR:
        return Convergence(why="the original is at the exact solution but for rounding")
    if found.order(found.original) < SOLVES:
        return Convergence(why="the original itself does not come nearer to the exact solution here")
    return found


def _not_possible(subject: Subject) -> str:
    case = subject.case
    if case.network != "mixture":
        return f"the network `{case.network}` has no exact solution"
    if case.guidance is not None:
        return "guidance has no exact solution"
    if not case.steps >= FEWEST_STEPS or case.steps * REFINEMENTS[-1] > MOST_STEPS:
        return f"{case.steps} steps are too {'few' if case.steps < FEWEST_STEPS else 'many'} to be doubled twice"
    if subject.judgement(Layer.TRAJECTORY).verdict in (Verdict.BROKEN, Verdict.UNJUDGED, Verdict.BEYOND):
        return "there is no trajectory to look at"
    return "" if _deterministic(subject) else "the case draws noise, and the exact solution is that of the equation without"


def _deterministic(subject: Subject) -> bool:
    """Whether neither the original nor the candidate uses noise: other draws give the same sample."""
    other = replace(subject.case, seed=0 if subject.case.seed else 1)
    with np.errstate(all="ignore"):
        return _noiseless(subject, other)


def _noiseless(subject: Subject, other: Case) -> bool:
    spec = observe_spec(subject.ref, subject.case, "closed", subject.parts).exact
    given: dict[str, Any] = {"start": spec.start, "levels": spec.levels, "told": spec.told}
    one, two = (observe_spec(subject.ref, case, "closed", subject.parts, **given).exact.sample for case in (subject.case, other))
    return one.tobytes() == two.tobytes()
