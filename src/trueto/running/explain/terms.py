"""Which term of an update rule differs: steps in the open network, in float64, taken apart into what they are sums of.

With a network that does not look at x, a step of any linear solver is x times a coefficient, plus each of the network's answers times one,
plus noise times one. Least squares finds them, for the candidate and for the spec on the same levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trueto.distances import measure
from trueto.fixtures import network, schedule, tape
from trueto.model import Case
from trueto.observe import Observation

__all__ = ["Rule", "Term", "parted_rule"]

Array = np.ndarray[Any, np.dtype[Any]]

ANSWERS = 3  # of the open network: its answers lie in a space of three dimensions, so older ones cannot be told apart
SUM = 1e-9  # share of a step that may be left over when it is the sum of its terms; rounding leaves 1e-15
SAME = 1e-8  # share of the largest coefficient by which two may differ; fitting leaves some 1e-12
SHARED = 1e-6  # share of the largest singular value below which terms cannot be told apart
NAMES = ("the network's answer", "the network's answer one call before", "the network's answer two calls before")


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a step: its coefficient in the original's rule and in the candidate's."""

    name: str
    wanted: float
    got: float


@dataclass(frozen=True, slots=True)
class Rule:
    """Where two rules part: `terms` differ in the first of `steps`, or that step is no sum of terms (`left` over is the share).

    Each step is taken apart by itself, so later steps are not among `steps` only because an earlier one differed.
    """

    steps: tuple[int, ...]
    of: int
    terms: tuple[Term, ...] = ()
    left: float = 0.0
    who: str = ""


def parted_rule(case: Case, seen: Observation, spec: Observation) -> Rule | None:
    """The steps whose coefficients differ; None where all are the same, the two do not make the same calls, or one is not finite.

    Both in float64 on the same levels, with the open network.
    """
    if seen.told.shape != spec.told.shape or seen.step.tolist() != spec.step.tolist():
        return None
    if not np.isfinite(seen.path).all() or not np.isfinite(spec.path).all():
        return None
    answers, direction = _answers(case, seen)
    parted: list[Rule] = []
    for row in range(len(seen.told)):
        names, columns = _columns(row, seen, answers, direction, tape(case.seed, case.shape))
        found = _parted_step(names, _fit(spec.path, row, spec.step, columns), _fit(seen.path, row, seen.step, columns))
        if found is not None:
            parted.append(replace(found, steps=(int(seen.step[row]),)))
    if not parted:
        return None
    return replace(parted[0], steps=tuple(dict.fromkeys(rule.steps[0] for rule in parted)), of=len(set(seen.step.tolist())))


def _parted_step(names: Sequence[str], wanted: tuple[Array, float], got: tuple[Array, float]) -> Rule | None:
    """How the coefficients of one step differ, if they do; each with the share that they leave over."""
    for who, (_, left) in (("the original's own", wanted), ("the candidate's", got)):
        if left > SUM:
            return Rule((), 0, left=left, who=who)
    bound = SAME * max(np.abs(wanted[0]).max(), np.abs(got[0]).max())
    terms = [Term(name, float(w), float(g)) for name, w, g in zip(names, wanted[0], got[0], strict=True) if abs(w - g) > bound]
    return Rule((), 0, tuple(terms)) if terms else None


def _answers(case: Case, seen: Observation) -> tuple[list[Array], Array | None]:
    """What the open network said in each call (without condition), and what a condition adds."""
    net = network("open", schedule(case.schedule), case.parameterization)
    blank = np.zeros(case.shape)
    times = [np.full(case.shape[0], told) for told in seen.told]
    plain = [net(blank, time) for time in times]
    if case.guidance is None or not times:
        return plain, None
    return plain, net(blank, times[0], np.ones(case.shape[0])) - plain[0]


def _columns(row: int, seen: Observation, answers: Sequence[Array], direction: Array | None, fed: Any) -> tuple[list[str], list[Array]]:
    """Names and values of what a step can be a sum of, besides x; answers that cannot be told apart from later ones are left out."""
    names, columns = ["x"], list[Array]()
    for back, name in enumerate(NAMES[: min(row + 1, ANSWERS)]):
        answer = answers[row - back]
        if _told_apart([*columns, answer]):
            names.append(name)
            columns.append(answer)
    if direction is not None and _told_apart([*columns, direction]):
        names.append("guidance")
        columns.append(direction)
    step = int(seen.step[row])
    for name, at, order in (
        ("the noise of this step", step, 0),
        ("the second draw of this step", step, 1),
        ("the noise of the step before", step - 1, 0),
        ("the noise of the next step", step + 1, 0),
    ):
        if at >= 0:
            names.append(name)
            columns.append(fed.draw(at, order).astype(np.float64))
    return names, columns


def _told_apart(columns: Sequence[Array]) -> bool:
    matrix = np.stack([column.reshape(-1) / max(measure(column, np.zeros_like(column))[0], 1e-300) for column in columns], axis=1)
    values = np.linalg.svd(matrix, compute_uv=False)
    return bool(values[-1] > SHARED * values[0])


def _fit(path: Array, row: int, steps: Array, columns: Sequence[Array]) -> tuple[Array, float]:
    """Coefficients of x (where the step began) and of `columns` in the state after call `row`, and the share that they leave over."""
    began = int(np.flatnonzero(steps == steps[row])[0])
    after = path[row + 1]
    matrix = np.stack([column.reshape(-1) for column in (path[began], *columns)], axis=1)
    found = np.linalg.lstsq(matrix, after.reshape(-1), rcond=None)[0]
    size = measure(after, np.zeros_like(after))[0]
    left = measure(matrix @ found, after.reshape(-1))[0]
    return found, left / size if size else left
