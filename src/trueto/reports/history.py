"""claims/history.html: when a library moved away from its originals over its releases, and back; the table and the words need no script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from trueto.candidates import ledger_path
from trueto.errors import TruetoError
from trueto.history import Change, Release, changes, environments, first_part, read_history
from trueto.judge import factor
from trueto.ledger import Deviation, load_ledger
from trueto.model import LAYERS, Verdict
from trueto.reports.markup import EMPTY, Html, data, el, icon, join
from trueto.reports.page import card, document, gateway, terms
from trueto.reports.spans import KIND_SIGNS, KIND_WORDS, spans
from trueto.reports.timeline import Line, compact, height_of, lines_of, where_of, wheres_of
from trueto.reports.view import slug_of
from trueto.reports.words import LAYER_WORDS, LEGEND, plural, verdict_of

__all__ = ["HISTORY", "history_of", "history_page"]

HISTORY = "history"
NO_PAGES: Mapping[str, str] = {}
LEAD = (
    "The authors of a method publish code: the original. Each column is a release of the library, each row an original; the sign is "
    "the worst of all that was compared, and leads to what it was. A line before a sign marks a release at which the result changed."
)
LEDGER = (
    "The ledger was written for the newest release. Of an older one it explains what it explains: “declared” means that the release "
    "computes what the ledger names; a difference that it does not name is shown as such, and nothing is stale."
)


def history_of(folder: Path) -> list[Release]:
    """What is recorded of a candidate, oldest first; empty where there is no such folder."""
    return read_history(folder) if folder.is_dir() else []


def _sorted(lines: Sequence[Line]) -> list[Line]:
    """Those that changed most often first, then by name."""
    return sorted(lines, key=lambda line: (-len(line.changed), line.claim))


def _anchor(line: Line) -> str:
    return slug_of(line.claim, set())


def _sign(line: Line, place: int, anchor: str) -> Html:
    """One release of one claim; the script puts the figures into words."""
    cell = line.worst(place)
    sign = LEGEND[Verdict.NO_CLAIM if cell is None else verdict_of(cell)]
    changed = " changed" if line.versions[place] in line.changed else ""
    return el("td", el("a", class_=f"s-{sign.icon}", title=sign.word, href=f"#{anchor}"), class_=f"{sign.tone}{changed}")


def _matrix(lines: Sequence[Line], anchors: Mapping[str, Mapping[str, str]]) -> Html:
    versions = lines[0].versions
    head = el("tr", el("th", "original", scope="col"), *(el("th", el("span", v), scope="col", title=lines[0].named[v]) for v in versions))
    rows = [
        el(
            "tr",
            el("th", el("a", line.claim, href=f"#{_anchor(line)}"), scope="row"),
            *(_sign(line, place, anchors[line.claim][version]) for place, version in enumerate(versions)),
        )
        for line in lines
    ]
    inside = el("table", el("thead", head), el("tbody", join(rows, "\n")), class_="times")
    return card(
        "Release by release",
        _filter(lines),
        el("div", inside, class_="scroll", tabindex="0", role="region", aria_label="verdicts by original and release"),
        anchor="matrix",
    )


def _choice(name: str, label: str, default: str, options: Iterable[tuple[str, str]]) -> Html:
    chosen = [el("option", default, value=""), *(el("option", words, value=value) for value, words in options)]
    return el("label", label, " ", el("select", *chosen, name=name))


def _of_several(name: str, values: Iterable[str]) -> Html:
    """A choice where there is one to make; else what all that is shown has in common."""
    found = list(dict.fromkeys(values))
    if len(found) > 1:
        return _choice(name, name, f"all {name}s", ((value, value) for value in found))
    return el("span", f"{name} {found[0]}, the only one that is recorded", class_="soft") if found else EMPTY


def _filter(lines: Sequence[Line]) -> Html:
    """What to show; hidden where no script runs, for it would do nothing."""
    seen = {layer for line in lines for layer in line.layers}
    layers = [(str(layer), LAYER_WORDS[layer][0]) for layer in LAYERS if str(layer) in seen]
    versions = [(version, version) for version in lines[0].versions]
    moved = el("label", el("input", type="checkbox", name="moved"), " only what changed")
    wheres = wheres_of(lines)
    return el(
        "form",
        _choice("layer", "part", "the worst of all", layers),
        _choice("from", "from", "the first", versions),
        _choice("to", "to", "the last", versions),
        _of_several("profile", (profile for profile, _ in wheres)),
        _of_several("seed", (seed for _, seed in wheres)),
        moved,
        el("output", "", aria_live="polite"),
        id="filter",
        class_="filter",
        hidden=True,
        aria_label="what to show",
    )


def _grouped(found: Sequence[Change]) -> dict[str, list[Change]]:
    groups: dict[str, list[Change]] = {}
    for change in found:
        groups.setdefault(change.after, []).append(change)
    return groups


def _claim(line: Line, groups: Mapping[str, Sequence[Change]], told: Html) -> Html:
    """What is told of one claim; its plot is drawn when somebody comes near it."""
    said = f"{plural(len(groups), 'change')} over {plural(len(line.versions), 'release')}" if groups else "never changed"
    return el(
        "section",
        el("h3", el("code", line.claim), " ", el("small", said)),
        el("figure", style=f"min-height:{height_of(line)}px"),
        told,
        gateway(line.claim),
        id=_anchor(line),
        class_="line",
        tabindex="-1",
    )


def _without(candidate: str) -> Html:
    """What is missing where no script runs, and how to have it."""
    said = "Without scripts this page has no plots and no filter. What each release computed, part by part: "
    return el(
        "noscript", el("style", "figure{display:none}"), el("p", said, el("code", f"trueto history {candidate} --claim ORIGINAL"), ".")
    )


def _legend() -> Html:
    pairs = [(join([el("span", icon(s.icon), class_=s.tone), str(v)]), s.means) for v, s in LEGEND.items() if v is not Verdict.STALE]
    scale = (
        "In each plot the curve is the distance of the worst part from the original, in units of the original's own rounding, on a scale "
        f"where each line is ten times or more the one below. In the band (up to {factor():g}) it is the same, squares are outside of it."
    )
    return card("How to read this", el("p", scale), el("p", LEDGER), terms(pairs, class_="legend"), anchor="legend")


def _unjudged(releases: Sequence[Release]) -> Html:
    rows = [(release.version, release.unjudged) for release in releases if release.unjudged]
    return card("Releases that could not be judged", terms(rows), anchor="unjudged") if rows else EMPTY


def _environments(releases: Sequence[Release]) -> Html:
    """On what each release ran, where that is other than for the one before, and whether it moves numbers by itself."""
    lead = (
        "Releases are told apart only where what they stand on is not what moves. So wherever a release ran in another environment than "
        "the one before it, what is not the library ran there too: trueto's own short forms of the originals, and an original that is "
        "published as a package."
    )
    return card("The environment, or the library?", el("p", lead, class_="soft"), terms(environments(releases)), anchor="control")


def history_page(releases: Sequence[Release], back: str = "", pages: Mapping[str, str] = NO_PAGES) -> str:
    """The text of the page; `back` is the address of the report that it belongs to, `pages` those of the claims in it."""
    candidate = releases[0].candidate
    found = changes(releases)
    by_claim: dict[str, list[Change]] = {}
    for change in found:
        by_claim.setdefault(change.claim, []).append(change)
    groups = {claim: _grouped(several) for claim, several in by_claim.items()}
    seen = {claim: {at: frozenset(where_of(one.now) for one in of) for at, of in several.items()} for claim, several in groups.items()}
    lines = _sorted(lines_of(releases, seen))
    told = {line.claim: spans(line, groups.get(line.claim, {}), _anchor(line)) for line in lines}
    title = f"{candidate} over {plural(len(releases), 'release')}: {len(groups)} of {plural(len(lines), 'claim')} changed"
    home = el("small", el("a", "← the newest release", href=back)) if back else el("small", "trueto · still true to the original?")
    header = join([home, el("h1", title), el("p", LEAD, class_="lead soft"), _without(candidate), _tally(found)])
    body = [
        _matrix(lines, {claim: anchors for claim, (_, anchors) in told.items()}) if lines else EMPTY,
        *(_claim(line, groups.get(line.claim, {}), told[line.claim][0]) for line in lines),
        _unjudged(releases),
        _environments(releases),
        _legend(),
        data(compact(candidate, {_anchor(line): line for line in lines}, pages, _declared(candidate)), "data"),
    ]
    span = f"Made by trueto from the records of {releases[0].named} to {releases[-1].named}."
    return document(f"{candidate} over its releases", header, body, span, "history.css", "history.js")


def _declared(candidate: str) -> list[Deviation]:
    """The variants that a candidate's ledger names; none where it has no ledger here, or one that the gate refuses, and says why."""
    try:
        ledger = load_ledger(ledger_path(candidate), candidate)
    except TruetoError:
        return []
    return [entry for entry in ledger.entries if entry.variant]


def _tally(found: Sequence[Change]) -> Html:
    """How often it moved which way, counted by claim and release."""
    groups: dict[tuple[str, str], list[Change]] = {}
    for change in found:
        groups.setdefault((change.claim, change.after), []).append(change)
    kinds = [first_part(several).kind for several in groups.values()]
    items = [
        el(
            "li",
            el("span", icon(LEGEND[KIND_SIGNS[kind]].icon), class_=LEGEND[KIND_SIGNS[kind]].tone),
            el("b", kinds.count(kind)),
            el("span", words),
        )
        for kind, words in KIND_WORDS.items()
        if kind in kinds
    ]
    return el("ul", *items, class_="counts", aria_label="changes by kind") if items else EMPTY
