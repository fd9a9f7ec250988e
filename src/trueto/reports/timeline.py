"""Claims over the releases: of each release the worst cell of each layer, and the same in the form that the page's script draws from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trueto.history import Release, far
from trueto.judge import factor
from trueto.ledger import Deviation
from trueto.model import LAYERS
from trueto.reports.markup import spoken
from trueto.reports.view import badness
from trueto.reports.words import LAYER_WORDS, LEGEND, RANK, number

__all__ = ["Line", "Where", "compact", "height_of", "lines_of", "said_of", "where_of", "wheres_of"]

Cell = dict[str, Any]
Where = tuple[str, str]  # profile and seed
Part = tuple[str, Where]  # layer, and where it was judged
ZERO_POWER, LOWEST, HIGHEST = 45, -10, 79  # in tenths of a power of ten from the letter "-", so from "#" to "|"
PLOT, ROW = 280, 24  # height of a plot without its rows, and of each of them, in history.js


@dataclass(frozen=True, slots=True)
class Line:
    """One claim: of each release the worst cell of each part; none where the release cannot be asked for it, or was not judged.

    `changed` are the releases at which it did, each with the profiles and seeds under which that is seen; `named` are all, with their days.
    """

    claim: str
    versions: tuple[str, ...]
    parts: tuple[Part, ...]
    cells: tuple[Mapping[Part, Cell], ...]
    missing: tuple[str, ...]
    changed: Mapping[str, frozenset[Where]]
    named: Mapping[str, str]

    @property
    def layers(self) -> list[str]:
        """The layers of which something is recorded."""
        return list(dict.fromkeys(layer for layer, _ in self.parts))

    def worst(self, place: int) -> Cell | None:
        """The worst cell of one release."""
        return max(self.cells[place].values(), key=badness, default=None)


def where_of(cell: Mapping[str, Any]) -> Where:
    """The profile and the seed of a cell."""
    return spoken(cell["profile"]), spoken(cell["seed"])


def wheres_of(lines: Iterable[Line]) -> list[Where]:
    """Every profile and seed under which something was judged, by name."""
    return sorted({where for line in lines for _, where in line.parts}, key=lambda where: (where[0], len(where[1]), where[1]))


def lines_of(releases: Sequence[Release], changed: Mapping[str, Mapping[str, frozenset[Where]]]) -> list[Line]:
    """The time line of every claim over these releases; `changed` says of each at which releases it did, and where that is seen."""
    found: dict[str, list[dict[Part, Cell]]] = {}
    for place, release in enumerate(releases):
        for cell in release.cells:
            worst = found.setdefault(str(cell["claim"]), [{} for _ in releases])[place]
            part = str(cell["layer"]), where_of(cell)
            if part not in worst or badness(cell) > badness(worst[part]):
                worst[part] = cell
    versions, named = tuple(release.version for release in releases), {release.version: release.named for release in releases}
    lines: list[Line] = []
    for claim, cells in sorted(found.items()):
        why = (_missing(release, claim) for release in releases)
        missing = tuple("" if here else reason for here, reason in zip(cells, why, strict=True))
        order = [str(layer) for layer in LAYERS]
        parts = sorted({part for here in cells for part in here}, key=lambda part: (order.index(part[0]), part[1]))
        lines.append(Line(claim, versions, tuple(parts), tuple(cells), missing, changed.get(claim, {}), named))
    return lines


def _missing(release: Release, claim: str) -> str:
    """Why a release has nothing of a claim; older records name the original only."""
    why = release.unjudged or release.lacks.get(claim) or release.lacks.get(claim.partition("@")[0])
    return why or "nothing recorded: it may have no such class"


def height_of(line: Line) -> int:
    """How high its plot will be, so that nothing moves when it is drawn."""
    return PLOT + ROW * len(line.layers)


class _Table:
    """Values by number, each kept once."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, ...], int] = {}

    def number(self, *value: Any) -> int:
        """The number of a value."""
        return self._numbers.setdefault(tuple(map(spoken, value)), len(self._numbers))

    def values(self) -> list[tuple[str, ...]]:
        """All values, each at its number."""
        return list(self._numbers)


def _ratio(cell: Cell) -> str:
    """Two digits, enough for a plot; more where two would put it on the other side of the factor."""
    value = far(cell)
    if value is None:
        return ""
    text = number(value)
    return text if (float(text) > factor()) == (value > factor()) else f"{value:.6g}"


def _by_step(cell: Cell | None) -> str:
    """The distance at each step as one letter each, a tenth of a power of ten apart; nothing where the record has no steps."""
    values = [] if cell is None else cell["evidence"].get("by_step") or []
    powers = (10 * math.log10(value) if value > 0 else -math.inf for value in values)
    return "".join(chr(ZERO_POWER + round(min(max(power, LOWEST), HIGHEST))) for power in powers)


def _row(line: Line, part: Part, kinds: _Table, curves: _Table, wheres: Sequence[Where]) -> tuple[Any, ...]:
    found = [cells.get(part) for cells in line.cells]
    numbers = ("" if c is None else str(kinds.number(c["verdict"], c["evidence"].get("variant") or "", c["case"])) for c in found)
    row = wheres.index(part[1]), spoken(part[0]), ",".join(numbers), ",".join("" if c is None else _ratio(c) for c in found)
    steps = [str(curves.number(text)) if (text := _by_step(c)) else "" for c in found]
    return (*row, ",".join(steps)) if any(steps) else row


def compact(candidate: str, lines: Mapping[str, Line], pages: Mapping[str, str], ledger: Sequence[Deviation] = ()) -> dict[str, Any]:
    """All that the script needs of these lines, by their anchors. Text with commas has a value a release, and nothing for nothing.

    `kinds` are verdict, variant and case of a cell, `reasons` why there is none, `curves` distances by step, `wheres` profile and seed. A
    row is one layer under one of these, and has a kind and a distance from the original for each release, and the number of its curve
    where there is one; `why` is the reason where there is none. `changed` has the place of a release, and under which `wheres` it is seen.
    `signs` end with how bad they are. `ledger` has what entries say, and a line the numbers of those that speak of it. `pages` are
    addresses of the pages of claims in the report, by claim.
    """
    kinds, reasons, curves, told, wheres = _Table(), _Table(), _Table(), list[dict[str, Any]](), wheres_of(lines.values())
    for slug, line in lines.items():
        changed = [(place, sorted(map(wheres.index, line.changed[v]))) for place, v in enumerate(line.versions) if v in line.changed]
        told.append(
            {
                "slug": slug,
                "claim": spoken(line.claim),
                "why": ",".join(str(reasons.number(reason)) if reason else "" for reason in line.missing),
                "changed": changed,
                "ledger": [number for number, entry in enumerate(ledger) if entry.speaks_of(line.claim.partition("@")[0], line.claim)],
                "rows": [_row(line, part, kinds, curves, wheres) for part in line.parts],
            }
        )
    return {
        "candidate": spoken(candidate),
        "versions": [spoken(version) for line in list(lines.values())[:1] for version in line.versions],
        "named": [spoken(said) for line in list(lines.values())[:1] for said in line.named.values()],
        "factor": factor(),
        "layers": {name: words[0] for name, words in LAYER_WORDS.items()},
        "wheres": wheres,
        "ledger": [[e.layers, *map(spoken, (e.variant, e.reason, e.link))] for e in ledger],
        "signs": {str(verdict): (sign.tone, sign.icon, verdict.same, RANK[verdict]) for verdict, sign in LEGEND.items()},
        "kinds": kinds.values(),
        "curves": [text for (text,) in curves.values()],
        "reasons": [reason for (reason,) in reasons.values()],
        "pages": {slug: pages[line.claim] for slug, line in lines.items() if line.claim in pages},
        "lines": told,
    }


def said_of(cell: Mapping[str, Any]) -> str:
    """A cell in a few words, for hovering."""
    value, variant = far(cell), cell["evidence"].get("variant")
    said = [str(cell["verdict"]), f"{number(value)} times the rounding" if value is not None else "", f"as {variant}" if variant else ""]
    return ", ".join(part for part in said if part)
