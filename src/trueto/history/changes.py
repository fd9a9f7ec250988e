"""Where Y changed between releases: cell by cell, by what each of the two was to the original."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trueto.history.records import Release
from trueto.judge import factor
from trueto.model import LAYERS, Verdict

__all__ = ["SIZES", "Change", "changes", "changes_between", "comparable", "far", "first_part", "said"]

Cell = Mapping[str, Any]
Key = tuple[str, str, str, str, str]
SIZES = ("none", "negligible", "small", "visible", "another image")


def far(cell: Cell) -> float | None:
    """How far from the original itself, in units of its own rounding; None where that was not measured."""
    value = cell["evidence"].get("original_ratio", cell["ratio"])
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Change:
    """One cell that is not to the original what it was in the release before.

    `what` says it in words, `kind` in one: `away` from the original or `back`, `further` or `nearer` by what can be seen, `other`, `broke`,
    `repaired`.
    """

    claim: str
    layer: str
    case: str
    before: str
    after: str
    kind: str
    was: Cell
    now: Cell

    @property
    def worse(self) -> Cell:
        """Of both sides the one that is further from the original."""
        return self.was if self.kind in {"back", "repaired"} else self.now

    @property
    def what(self) -> str:
        """One sentence."""
        old, new = (set(cell["evidence"].get("ignored", ())) for cell in (self.was, self.now))
        ran = Verdict.BROKEN not in (self.was["verdict"], self.now["verdict"])  # else which settings are known was not asked
        learnt = f" (knows {', '.join(sorted(old - new))} now)" if ran and old - new else ""
        return f"{said(self.was)} → {said(self.now)}{learnt}"


def said(cell: Cell) -> str:
    """What a cell is to the original, in words."""
    verdict, variant = Verdict(cell["verdict"]), cell["evidence"].get("variant")
    if verdict.same or verdict is Verdict.BEYOND:
        return "same as the original"
    if verdict.declared and variant:
        return f"as declared, {variant}"
    if verdict is Verdict.BROKEN:
        return f"broken ({cell['evidence'].get('error') or cell['cause'] or 'no result'})"
    if verdict.unknown:
        return "not judged"
    words = str(cell["cause"])
    return "differs" + (f", {words}" if words.startswith("not ") else f" in {words}" if words else "")


def _state(cell: Cell) -> tuple[str, ...]:
    """What a cell is to the original; of two that differ, `_alike` looks closer."""
    verdict, evidence = Verdict(cell["verdict"]), cell["evidence"]
    if verdict.same:
        return ("same",)
    if verdict.declared:
        return ("declared", str(evidence.get("variant")))
    if verdict is Verdict.BROKEN:
        return ("broken", str(evidence.get("error")), str(cell["cause"]))
    return ("differs",) if verdict.bad else (str(verdict),)


def _alike(was: Cell, now: Cell) -> bool:
    """Whether two cells compute the same, as far as their records tell.

    Two that differ from the original are held against each other at the places that both records keep, within the original's rounding.
    """
    if _state(was) != _state(now):
        return False
    if _state(was) != ("differs",):
        return True
    a, b = was["evidence"], now["evidence"]
    rows = (a.get("marks"), b.get("marks"), a.get("mark_floors"))
    if not all(rows) or len(rows[0]) != len(rows[1]):
        return rows[0] is None and rows[1] is None
    digits = 10.0**-2  # of the three digits that a record keeps
    return all(abs(x - y) <= factor() * floor + digits * max(abs(x), abs(y)) for x, y, floor in zip(*rows, strict=True))


def _kind(was: Cell, now: Cell) -> str:
    first, second = Verdict(was["verdict"]), Verdict(now["verdict"])
    if second is Verdict.BROKEN:
        return "broke"
    if second.same and not first.same:
        return "back"
    if first.same:
        return "away"
    return "repaired" if first is Verdict.BROKEN else _direction(was, now)


def _direction(was: Cell, now: Cell) -> str:
    """Whether another difference than before is nearer to the original or further from it, by what can be seen of it."""
    if any(cell["size"] not in SIZES for cell in (was, now)):
        return "other"
    old, new = SIZES.index(was["size"]), SIZES.index(now["size"])
    return "other" if old == new else "further" if new > old else "nearer"


def _pairs(before: Release, after: Release, claims: Iterable[str] | None) -> Iterator[tuple[Cell, Cell]]:
    """The cells that both releases have and that were judged in both, as they were and as they are."""
    wanted = None if claims is None else set(claims)
    old = {_key(cell): cell for cell in before.cells if not Verdict(cell["verdict"]).unknown}
    for now in after.cells:
        was = old.get(_key(now))
        if was is not None and not Verdict(now["verdict"]).unknown and (wanted is None or now["claim"] in wanted):
            yield was, now


def comparable(before: Release, after: Release, claims: Iterable[str] | None = None) -> bool:
    """Whether the two say anything of each other: there is a cell that was judged in both."""
    return any(True for _ in _pairs(before, after, claims))


def changes_between(before: Release, after: Release, claims: Iterable[str] | None = None) -> list[Change]:
    """The cells in which Y changed from one release to another; cells that one of them has not, or that were not judged, say nothing."""
    return changes((before, after), claims)


def _key(cell: Cell) -> Key:
    return str(cell["claim"]), str(cell["layer"]), str(cell["case"]), str(cell["profile"]), str(cell["seed"])


def changes(releases: Sequence[Release], claims: Iterable[str] | None = None) -> list[Change]:
    """All changes, oldest first: each cell against the last release before in which it was judged."""
    wanted = None if claims is None else set(claims)
    last: dict[Key, tuple[str, Cell]] = {}
    found: list[Change] = []
    for release in releases:
        for now in release.cells:
            if Verdict(now["verdict"]).unknown or (wanted is not None and now["claim"] not in wanted):
                continue
            key = _key(now)
            before, was = last.get(key, ("", now))
            if not _alike(was, now):
                found.append(Change(*key[:3], before, release.version, _kind(was, now), was, now))
            last[key] = release.version, now
    return found


def first_part(found: Iterable[Change]) -> Change:
    """The change that speaks for several of one claim: the largest of the first layer that changed, for later layers may only follow."""

    def rank(change: Change) -> tuple[int, float]:
        grey = change.worse["grey_levels"]
        return [str(layer) for layer in LAYERS].index(change.layer), -(grey if isinstance(grey, int | float) else 0.0)

    return min(found, key=rank)
