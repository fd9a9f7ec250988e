"""What the control arm of a record says: whether the environment alone moves what is no candidate (trueto.running.control)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trueto.environment import PACKAGES
from trueto.history.records import Release

__all__ = ["environments", "said_of_control", "stood_on"]

Arm = Mapping[str, Any]
MOVERS = ("python", "os", "cpu", *PACKAGES)  # of an environment, what can move a number
SHOWN = 3


def _said(arm: Arm) -> str:
    if why := arm.get("absent"):
        return f"{arm['arm']}: not run ({why})"
    apart = [str(name) for name in arm["apart"]]
    more = f" and {len(apart) - SHOWN} more" if len(apart) > SHOWN else ""
    which = f", not {', '.join(apart[:SHOWN])}{more}" if apart else ""
    return f"{arm['arm']}: the same in {arm['same']} of {arm['checks']} checks{which}"


def said_of_control(arms: Sequence[Arm]) -> str:
    """What ran beside the candidate and what came of it, and what follows for the candidate."""
    if not arms:
        return "No control was run beside it: what differs may be the environment's doing."
    ran = [arm for arm in arms if not arm.get("absent")]
    told = "; ".join(map(_said, arms))
    if not ran:
        return f"{told}. So what differs may be the environment's doing."
    if any(arm["apart"] for arm in ran):
        return f"{told}. So the environment itself moves these, and a difference in them may be its doing; elsewhere it is the library's."
    return f"{told}. So what differs is the library's doing, not the environment's."


def stood_on(header: Mapping[str, Any]) -> dict[str, str]:
    """What the numbers of a record stand on."""
    found = header.get("environment")
    return {name: str(found[name]) for name in MOVERS if name in found} if isinstance(found, Mapping) else {}


def environments(releases: Sequence[Release]) -> list[tuple[str, str]]:
    """The releases, oldest first, that ran in another environment than the one before: what is other there, and what the control says.

    What the records before did not name, as those of an older trueto, is no change where it is named first.
    """
    found: list[tuple[str, str]] = []
    before: dict[str, str] = {}
    for release in releases:
        now = stood_on(release.header)
        differing = [name for name in MOVERS if name in now and (name in before or not before) and now[name] != before.get(name)]
        if differing:
            parts = [f"{name} {now[name]}" + (f" instead of {before[name]}" if name in before else "") for name in differing]
            found.append((release.version, f"{', '.join(parts)}. {said_of_control(release.header.get('control') or ())}"))
        before |= now
    return found
