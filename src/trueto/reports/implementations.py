"""claims/implementations.html: every library that is recorded beside every original it claims, as a page and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from trueto.history import Release, changes_between, read_history
from trueto.likeness import GREY_LEVELS
from trueto.model import Verdict
from trueto.reports.markup import EMPTY, Html, el, icon, join
from trueto.reports.matrix import escape
from trueto.reports.page import card, document, terms
from trueto.reports.timeline import said_of
from trueto.reports.view import ClaimView, Overview
from trueto.reports.words import LAYER_WORDS, LEGEND, plural

__all__ = ["Implementations", "as_data", "beside", "implementations_of", "implementations_page", "implementations_table"]

FEW = 3  # of a library that computed no more different things than these, one release of each has a column; of others the newest
LEAST = 0.1  # of a grey level: what is less is not told apart
NOTHING = "not claimed"
LEAD = (
    "Each column is a library, each row an original. The sign is the worst of all that was compared, on the recorded inputs that a quick "
    "gate judges; below it stands how much the finished picture changes, on a screen with 256 shades. A library "
    "has a second column for what it computed before its last change."
)


@dataclass(frozen=True, slots=True)
class Implementations:
    """Recorded releases of several libraries, and for each original the claims of each of them (none where it claims nothing)."""

    columns: tuple[Release, ...]
    rows: Mapping[str, tuple[ClaimView | None, ...]]

    @property
    def candidates(self) -> int:
        """How many libraries there are."""
        return len({column.candidate for column in self.columns})


def _columns(releases: Sequence[Release]) -> list[Release]:
    """The newest that was judged, and the last before each change, where these are few."""
    judged = [release for release in releases if release.cells] or list(releases)
    apart = [before for before, after in pairwise(judged) if changes_between(before, after)]
    return [*(apart if len(apart) < FEW else ()), *judged[-1:]]


def implementations_of(folder: Path) -> Implementations:
    """What is recorded below a folder of histories; libraries by name, the releases of one from old to new."""
    columns: list[Release] = []
    for history in sorted(path for path in folder.glob("*") if path.is_dir()) if folder.is_dir() else []:
        columns += _columns(read_history(history))
    names = sorted({str(cell["reference"]) for column in columns for cell in column.cells})
    return Implementations(tuple(columns), {name: tuple(_claimed(name, column) for column in columns) for name in names})


def beside(found: Implementations) -> int:
    """How many libraries a report may show beside each other; 0 where there is only one."""
    return found.candidates if found.candidates > 1 else 0


def _claimed(name: str, column: Release) -> ClaimView | None:
    """All that one library claims to be one original, taken together."""
    cells = [dict(cell) for cell in column.cells if cell["reference"] == name]
    return ClaimView(name, name, "", cells, None) if cells else None


def _name(column: Release) -> str:
    return f"{column.candidate} {column.version}"


def _size(view: ClaimView) -> str:
    """The largest change of the finished picture in grey levels, or in a word."""
    if view.verdict is Verdict.BROKEN:
        return "no picture"
    measured = [cell["grey_levels"] for cell in view.cells if isinstance(cell["grey_levels"], int | float)]
    if view.verdict.same or not measured:
        return "" if view.verdict.same else "not known" if view.verdict.unknown else "not measured"
    largest = max(measured)
    if largest > GREY_LEVELS:
        return f"> {GREY_LEVELS}"
    return f"< {LEAST}" if 0 < largest < LEAST else f"{largest:.1f}" if largest < 10 else f"{largest:.0f}"


def _worst_by_layer(view: ClaimView) -> str:
    """For hovering: the worst of each part that is not the same."""
    worst = [view.of_layer(layer)[0] for layer in view.layers]
    parts = [f"{LAYER_WORDS.get(c['layer'], (c['layer'],))[0]}: {said_of(c)}" for c in worst if not Verdict(c["verdict"]).same]
    return "; ".join(parts)


def _sign(view: ClaimView | None, column: Release, name: str, site: Overview | None) -> Html:
    if view is None:
        said = column.unjudged or column.lacks.get(name, NOTHING)
        return el("td", icon(LEGEND[Verdict.NO_CLAIM].icon, f"{_name(column)}: {said}"), title=said, class_=LEGEND[Verdict.NO_CLAIM].tone)
    sign = LEGEND[view.verdict]
    several = len({cell["claim"] for cell in view.cells})
    said = ", ".join(part for part in (str(view.verdict), f"{several} claims" if several > 1 else "", _worst_by_layer(view)) if part)
    inside = [icon(sign.icon, f"{_name(column)}, {name}: {said}"), el("small", _size(view))]
    address = _address(column, name, site)
    shown = el("a", *inside, href=address) if address else join(inside)
    return el("td", shown, title=f"{_name(column)}: {said}", class_=sign.tone)


def _address(column: Release, name: str, site: Overview | None) -> str:
    """The page of the claim, where the site is about this very release."""
    if site is None or site.library != _name(column):
        return ""
    found = [claim for claim in site.claims if claim.claim.partition("@")[0] == name]
    return f"{found[0].slug}.html" if found else ""


def _tally(found: Implementations, place: int) -> str:
    views = [row[place] for row in found.rows.values() if row[place] is not None]
    same = sum(1 for view in views if view is not None and (view.verdict.same or view.verdict is Verdict.BEYOND))
    return f"{same} of {len(views)}"


def _table(found: Implementations, site: Overview | None) -> Html:
    head = el("tr", el("th", "original", scope="col"), *(el("th", el("span", _name(c)), scope="col") for c in found.columns))
    tally = el("tr", el("th", "the same as the original", scope="row"), *(el("td", _tally(found, p)) for p in range(len(found.columns))))
    rows = [
        el("tr", el("th", name, scope="row"), *(_sign(view, c, name, site) for view, c in zip(views, found.columns, strict=True)))
        for name, views in found.rows.items()
    ]
    inside = el("table", el("thead", head), el("tbody", tally, join(rows, "\n")), class_="times implementations")
    return el("div", inside, class_="scroll", tabindex="0", role="region", aria_label="worst verdict by original and library")


def implementations_page(found: Implementations, site: Overview | None = None) -> str:
    """The text of the page; `site` is the report that it belongs to."""
    title = f"{plural(found.candidates, 'library')} beside {plural(len(found.rows), 'original')}"
    back = el("a", "← the report", href="../index.html") if site else "trueto · still true to the original?"
    header = join([el("small", back), el("h1", title), el("p", LEAD, class_="lead soft")])
    pairs = [(join([el("span", icon(s.icon), class_=s.tone), str(v)]), s.means) for v, s in LEGEND.items()]
    commands = "\n".join(f"trueto gate {c.candidate}=={c.version} --quick" for c in found.columns)
    unjudged = [(_name(column), column.unjudged) for column in found.columns if column.unjudged]
    body = [
        card("Library by library", _table(found, site), anchor="matrix"),
        card("Could not be judged", terms(unjudged), anchor="unjudged") if unjudged else EMPTY,
        card("How to read this", terms(pairs, class_="legend"), anchor="legend"),
        card("Repeat it", el("pre", commands, class_="wrap"), anchor="repeat"),
    ]
    return document(title, header, body, "Made by trueto from the newest records of each library (trueto sweep).", "history.css")


def implementations_table(found: Implementations) -> str:
    """The same as Markdown."""
    lines = [
        "| original | " + " | ".join(escape(_name(column)) for column in found.columns) + " |",
        "|---" * (len(found.columns) + 1) + "|",
    ]
    for name, views in found.rows.items():
        lines.append(f"| {name} | " + " | ".join(_told(view) for view in views) + " |")
    lines.append("| *the same* | " + " | ".join(_tally(found, place) for place in range(len(found.columns))) + " |")
    used = {view.verdict for row in found.rows.values() for view in row if view is not None}
    legend = [f"- {LEGEND[verdict].symbol} **{verdict}**: {LEGEND[verdict].means}" for verdict in LEGEND if verdict in used]
    said = "A number is the largest change of the finished picture, of 255 grey levels."
    return "\n".join([*lines, "", *legend, "", said]) + "\n"


def _told(view: ClaimView | None) -> str:
    if view is None:
        return LEGEND[Verdict.NO_CLAIM].symbol
    return f"{LEGEND[view.verdict].symbol} {escape(_size(view))}".strip()


def as_data(found: Implementations) -> list[dict[str, Any]]:
    """The same as plain data: a row for each original and library that claims it."""
    return [
        {
            "reference": name,
            "candidate": column.candidate,
            "version": column.version,
            "verdict": str(view.verdict),
            "claims": sorted({str(cell["claim"]) for cell in view.cells}),
            "grey_levels": max((c["grey_levels"] for c in view.cells if isinstance(c["grey_levels"], int | float)), default=None),
        }
        for name, views in found.rows.items()
        for view, column in zip(views, found.columns, strict=True)
        if view is not None
    ]
