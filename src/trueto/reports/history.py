"""claims/history.html: when a library moved away from its originals over its releases, and back; offline, without a script."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trueto.history import Change, Release, changes, first_part, read_history
from trueto.judge import factor
from trueto.model import Verdict
from trueto.reports.markup import EMPTY, Html, el, icon, join
from trueto.reports.page import card, document, gateway, terms
from trueto.reports.timeline import Line, line_of, said_of, time_plot
from trueto.reports.view import slug_of
from trueto.reports.words import LAYER_WORDS, LEGEND, plural, size_words, verdict_of

__all__ = ["HISTORY", "history_of", "history_page"]

HISTORY = "history"
KIND_WORDS = {
    "away": "moved away from the original",
    "further": "moved further from the original",
    "other": "differs in another way, of the same size",
    "nearer": "moved nearer to the original",
    "back": "moved back to the original",
    "broke": "stopped working",
    "repaired": "works again",
}
KIND_SIGNS = {
    "away": Verdict.DRIFTED,
    "further": Verdict.DRIFTED,
    "other": Verdict.DECLARED,
    "nearer": Verdict.DECLARED,
    "back": Verdict.FAITHFUL,
    "broke": Verdict.BROKEN,
    "repaired": Verdict.FAITHFUL,
}
LEAD = (
    "The authors of a method publish code: the original. Each column is a release of the library, each row an original; the sign is "
    "the worst of all that was compared. A line before a sign marks a release at which the result changed."
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


def _sign(line: Line, place: int) -> Html:
    cell = line.worst(place)
    sign = LEGEND[Verdict.NO_CLAIM if cell is None else verdict_of(cell)]
    said = line.missing[place] if cell is None else f"{LAYER_WORDS.get(cell['layer'], (cell['layer'],))[0]}: {said_of(cell)}"
    text = f"{line.versions[place]}: {said}"
    changed = " changed" if line.versions[place] in line.changed else ""
    return el("td", icon(sign.icon, text), title=text, class_=f"{sign.tone}{changed}")


def _matrix(lines: Sequence[Line]) -> Html:
    versions = lines[0].versions
    head = el("tr", el("th", "original", scope="col"), *(el("th", el("span", v), scope="col") for v in versions))
    rows = [
        el("tr", el("th", el("a", line.claim, href=f"#{_anchor(line)}"), scope="row"), *(_sign(line, p) for p in range(len(versions))))
        for line in lines
    ]
    inside = el("table", el("thead", head), el("tbody", join(rows, "\n")), class_="times")
    return card(
        "Release by release",
        el("div", inside, class_="scroll", tabindex="0", role="region", aria_label="verdicts by original and release"),
        anchor="matrix",
    )


def _change(several: Sequence[Change]) -> Html:
    first = first_part(several)
    cell, sign = first.worse, LEGEND[KIND_SIGNS[first.kind]]
    sizes = " → ".join(
        "no usable picture" if c["verdict"] == Verdict.BROKEN else size_words(c["size"], c["grey_levels"]) for c in (first.was, first.now)
    )
    layers = dict.fromkeys(LAYER_WORDS.get(change.layer, (change.layer,))[0] for change in several)
    step = f", from step {cell['first_step']} on" if isinstance(cell["first_step"], int) else ""
    return el(
        "li",
        el("span", icon(sign.icon), class_=sign.tone),
        el("span", el("b", first.after), f" {KIND_WORDS[first.kind]} ({first.before} was as before). {first.what}. "),
        el("small", f"Parts: {', '.join(layers)}{step}. The finished picture against the original: {sizes}."),
    )


def _claim(candidate: str, line: Line, found: Sequence[Change]) -> Html:
    groups: dict[str, list[Change]] = {}
    for change in found:
        groups.setdefault(change.after, []).append(change)
    said = f"{plural(len(groups), 'change')} over {plural(len(line.versions), 'release')}" if groups else "never changed"
    label = f"{line.claim} over the releases of {candidate}: {said}. The signs below the plot are the verdicts of each layer."
    plot = el("div", time_plot(line, label), class_="scroll", tabindex="0", role="region", aria_label=f"time line of {line.claim}")
    commands = [f"trueto gate {candidate}=={version} --claim '{line.claim}' --quick" for version in groups]
    repeat = el("details", el("summary", "Repeat it"), el("pre", "\n".join(commands), class_="wrap")) if commands else EMPTY
    return el(
        "section",
        el("h3", el("code", line.claim), " ", el("small", said)),
        el("figure", plot),
        el("ul", *(_change(several) for several in groups.values()), class_="changes") if groups else EMPTY,
        repeat,
        gateway(line.claim),
        id=_anchor(line),
        tabindex="-1",
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


def history_page(releases: Sequence[Release], back: str = "") -> str:
    """The text of the page; `back` is the address of the report that it belongs to."""
    candidate = releases[0].candidate
    found = changes(releases)
    claims = sorted({str(cell["claim"]) for release in releases for cell in release.cells})
    by_claim = {claim: [change for change in found if change.claim == claim] for claim in claims}
    lines = _sorted([line_of(claim, releases, frozenset(c.after for c in by_claim[claim])) for claim in claims])
    moved = sum(bool(line.changed) for line in lines)
    title = f"{candidate} over {plural(len(releases), 'release')}: {moved} of {plural(len(claims), 'algorithm')} changed"
    home = el("small", el("a", "← the newest release", href=back)) if back else el("small", "trueto · still true to the original?")
    header = join([home, el("h1", title), el("p", LEAD, class_="lead soft"), _tally(found)])
    body = [
        _matrix(lines) if lines else EMPTY,
        *(_claim(candidate, line, by_claim[line.claim]) for line in lines),
        _unjudged(releases),
        _legend(),
    ]
    span = f"Made by trueto from the records of {releases[0].version} to {releases[-1].version}."
    return document(f"{candidate} over its releases", header, body, span, "history.css")


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
