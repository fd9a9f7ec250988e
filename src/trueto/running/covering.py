"""Choosing X among many that were drawn: those that put together the most values of two settings that no other X has together.

Faults hide where two things meet, as a step count at which an order is lowered and a third order, or thresholding and a form of the
solver. A few dozen X cannot have every combination, but they can have nearly every pair (pairwise testing, by greedy choice as in AETG,
Cohen et al., IEEE Transactions on Software Engineering 23 (7), 1997). Those after them go by each number, so that a fault at one step
count in eleven is met too, which no pair of kinds would tell apart.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Mapping, Sequence

from trueto.model import Case
from trueto.running.domain import Domain

__all__ = ["chosen", "pairs_of"]

TRAINED = 1000  # counts that divide it visit whole training times
Pair = tuple[tuple[str, str], tuple[str, str]]


def _values(domain: Domain, case: Case, *, each: bool) -> list[tuple[str, str]]:
    """Every setting of a case with its value, not what is fed in (network, shape, guidance, seed), on which nothing branches.

    What is left out is a value too; a number of a range is at one of its ends or within, and a step count that is no edge is of a kind,
    unless it is asked for `each` number. What comes with a composed setting is no value of its own.
    """
    brought = domain.fields(case.composed)
    edge = each or case.steps in domain.edges
    found = {
        "steps": str(case.steps) if edge else "whole times" if TRAINED % case.steps == 0 else "other",
        **{name: str(getattr(case, name)) for name in ("grid", "schedule", "parameterization") if name not in brought},
    }
    for name, allowed in domain.options.items():
        value = case.options.get(name)
        ends = allowed.get("range") or allowed.get("whole")
        found[name] = "within" if ends and value is not None and value not in ends and not each else str(value)
    found.update({name: str(case.composed.get(name)) for name in domain.composed})
    return sorted(found.items())


def pairs_of(domain: Domain, case: Case, *, each: bool = False) -> frozenset[Pair]:
    """Every two settings of a case, with their values; those of `each` number, or of its kind."""
    return frozenset(itertools.combinations(_values(domain, case, each=each), 2))


def chosen(domain: Domain, cases: Sequence[Case], count: int) -> list[Case]:
    """So many of the cases, each the one with the most pairs that those before it lack: of kinds, then of each number, and then again."""
    found: list[int] = []
    each = False
    while len(found) < min(count, len(cases)):
        taken = set(found)
        pairs = {index: pairs_of(domain, case, each=each) for index, case in enumerate(cases)}
        lacking = _union(pairs.values()) - _union(pairs[index] for index in found)
        left = {index: one for index, one in pairs.items() if index not in taken}
        more = _greedy(left, lacking or _union(left.values()), count - len(found))
        found += more
        each = True
    return [cases[index] for index in found]


def _greedy(pairs: Mapping[int, frozenset[Pair]], lacking: set[Pair], count: int) -> list[int]:
    """At most so many, each the one with the most that is lacking, until nothing is."""
    lacking = set(lacking)
    found: list[int] = []
    queue = [(-len(one), index) for index, one in pairs.items()]
    heapq.heapify(queue)
    while queue and len(found) < count:
        promised, index = heapq.heappop(queue)
        gain = len(pairs[index] & lacking)
        if gain == 0:
            continue
        if -promised > gain:  # others were taken since it was counted, and a gain can only fall
            heapq.heappush(queue, (-gain, index))
            continue
        found.append(index)
        lacking -= pairs[index]
    return found


def _union(many: Iterable[frozenset[Pair]]) -> set[Pair]:
    return set().union(*many)
