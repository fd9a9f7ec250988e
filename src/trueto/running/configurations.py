"""Random configurations of a claim that no suite uses: X of its stated domain, and new combinations of what its cases have."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from trueto.model import Case, Claim
from trueto.running.search import agreeing

__all__ = ["drawn_cases", "lawful_cases"]

LAWFUL = 60  # X of a claim's domain on which faults are judged that no recorded case sees
SALTS = (0, 1)  # of the X that are judged, and of those that are only compared

MOST_STEPS = 40
MOST_OUTPUTS = 50  # X of a function: other numbers are fed in, which is all that there is to draw
MOST_SLOW = 10  # the same where no case is quick: a network that is compiled anew for each takes seconds
MOST_TRIES = 50  # a draw; a domain of one case has only so many step counts
SCALES = (0.5, 0.8, 1.0, 1.25)  # of an option that is a number
FRESH = ("steps", "grid", "schedule", "parameterization", "network", "options", "guidance", "shape", "seed")


def _key(case: Case) -> str:
    return repr([getattr(case, name) for name in FRESH])


def _options(case: Case, chance: random.Random) -> dict[str, Any]:
    """The options of a case, numbers that are not whole on another scale; those between 0 and 1 stay there."""
    found = dict(case.options)
    for name, value in found.items():
        if type(value) is float:
            scaled = value * chance.choice(SCALES)
            found[name] = min(scaled, 1.0) if 0 <= value <= 1 else scaled
    return found


def _one(claim: Claim, cases: Sequence[Case], chance: random.Random) -> Case:
    """A draw: schedule and parameterization of one case belong together, the rest is taken from any case that shares them."""
    base = chance.choice(cases)
    alike = [c for c in cases if (c.schedule, c.parameterization, c.shape) == (base.schedule, base.parameterization, base.shape)]
    grids = claim.settings.get("grids") or {c.grid: {} for c in cases}
    return replace(
        base,
        steps=chance.randint(1, max(MOST_STEPS, base.steps)) if len({c.steps for c in cases}) > 1 else base.steps,
        grid=chance.choice([c.grid for c in alike if c.grid in grids]),
        network=chance.choice([c.network for c in alike]),
        options=_options(chance.choice([c for c in alike if set(c.options) == set(base.options)]), chance),
        guidance=chance.choice([c.guidance for c in alike]),
        seed=chance.choice([c.seed for c in alike]),
    )


def _other(seed: int, number: int) -> int:
    """A seed that no case of a suite has."""
    return 1_000_000 * (1 + seed) + number


def lawful_cases(claim: Claim) -> list[Case]:
    """X that the law of agreement draws for a claim, composed settings among them: the same every time."""
    return agreeing(claim, LAWFUL, SALTS[0])


def drawn_cases(claim: Claim, cases: Sequence[Case], count: int, seed: int) -> list[Case]:
    """`count` configurations (fewer where there are no more), each only once, none of them a case of the suites or an X of the laws.

    Half of them are X of the claim's domain, where it states one; the others are made of its cases. Of a function whose outputs are
    compared they are its cases with other numbers fed in.
    """
    if cases and cases[0].of_outputs:
        most = min(count, MOST_OUTPUTS if any(case.quick for case in cases) else MOST_SLOW)
        return [replace(cases[n % len(cases)], id=f"drawn-{n}", quick=False, seed=_other(seed, n)) for n in range(most)]
    chance = random.Random(f"{seed}:{claim.id}:draws")  # noqa: S311 - seeded, not secret
    judged, taken = {case.id for case in lawful_cases(claim)}, {_key(case) for case in cases}
    fresh = (case for case in agreeing(claim, count // 2, SALTS[1] + seed) if case.composed or _key(case) not in taken)
    found = [case for case in fresh if case.id not in judged]
    for number in range(count * MOST_TRIES):
        if len(found) == count:
            break
        case = _one(claim, cases, chance)
        if _key(case) not in taken:
            taken.add(_key(case))
            found.append(replace(case, id=f"drawn-{number}", quick=False))
    return found
