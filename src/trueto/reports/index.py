"""reports/index.html: the run on one page, for somebody who has two minutes and has not read a paper."""

from __future__ import annotations

from collections.abc import Sequence

from trueto.history import said_of_control
from trueto.judge import factor
from trueto.reports.choice import SCRIPT, choice, choices, groups
from trueto.reports.markup import EMPTY, Html, el, icon, join
from trueto.reports.matrix import headline
from trueto.reports.page import card, gateway, page, table, terms, tile
from trueto.reports.power import figures_card
from trueto.reports.view import ClaimView, Overview
from trueto.reports.words import DECLARED_MEANS, LAYER_WORDS, LEGEND, SIZE_WORDS, plural

__all__ = ["index_page"]


def _counts(view: Overview) -> Html:
    items = [
        el("li", el("span", icon(LEGEND[v].icon), class_=LEGEND[v].tone), el("b", f"{view.record.counts[v]:,}"), el("span", str(v)))
        for v in LEGEND
        if view.record.counts.get(v)
    ]
    return el("ul", *items, class_="counts", aria_label="how many comparisons ended how")


def _row(claim: ClaimView, layers: Sequence[str]) -> Html:
    address = f"claims/{claim.slug}.html"
    words, _, figure = claim.size.partition(": ")
    cells = [(layer, claim.worst_in(layer)) for layer in layers]
    tiles = [el("td", tile(cell, f"{claim.title}, {LAYER_WORDS[layer][0]}", f"{address}#{layer}")) for layer, cell in cells]
    name = el(
        "th",
        el("a", claim.title, href=address),
        el("small", claim.claim, class_="soft") if claim.claim != claim.title else None,
        scope="row",
    )
    return el("tr", name, *tiles, el("td", words, el("small", figure.replace(" of 255", "")), class_="wide"))


def _table(claims: Sequence[ClaimView], layers: Sequence[str]) -> Html:
    """Claims by those of the layers that they have."""
    columns = [el("th", LAYER_WORDS[layer][0], scope="col") for layer in layers]
    head = el("tr", el("th", "claim", scope="col"), *columns, el("th", "change of the picture", scope="col", class_="wide"))
    return el("table", el("thead", head), el("tbody", join([_row(claim, layers) for claim in claims], "\n")), class_="tiles")


def _matrix(view: Overview) -> Html:
    tables = [el("div", _table(claims, layers), class_="scroll") for claims, layers in groups(view)]
    explained = (
        "Each row is one claim: an original, or a switch that must change nothing. Each column is a part of it. Every sign is the worst "
        "of all tested inputs, "
        "and leads to the details. Undeclared differences come first, then declared ones, the greatest change of the picture first."
    )
    return card("Claim by claim", el("p", explained, class_="soft"), choice(view), *tables)


def _legend(view: Overview) -> Html:
    used = {str(v) for v in view.record.counts}
    pairs = [(join([el("span", icon(s.icon), class_=s.tone), str(v)]), s.means) for v, s in LEGEND.items() if str(v) in used]
    rounding = (
        "Computers round every number. The original, run twice with numbers changed in their last digit, does not agree with "
        "itself exactly either. That distance is its own rounding. "
        f"Up to {factor():g} times that distance is the same; anything further away is a difference."
    )
    grey = "A picture on a screen has 256 shades of grey for each colour. A change of half a shade is lost when the picture is saved."
    borders = zip(("below 0.5", "below 2", "below 16", "more"), list(SIZE_WORDS.items())[1:], strict=True)
    shades = "; ".join(f"{words} ({said}; in commands “{word}”)" for said, (word, words) in borders)
    parts = [(join([f"{name} ", el("code", layer)]), what[0].upper() + what[1:] + ".") for layer, (name, what) in LAYER_WORDS.items()]
    return card(
        "How to read this",
        terms(pairs, class_="legend"),
        el("h3", "Its own rounding"),
        el("p", rounding),
        el("h3", "What “declared” means"),
        el("p", DECLARED_MEANS),
        el("h3", "How large is a grey level?"),
        el("p", f"{grey} In this report: {shades}."),
        el("h3", "The parts that are compared"),
        terms(parts),
        anchor="legend",
    )


def _no_claims(view: Overview) -> Html:
    if not view.record.no_claims:
        return EMPTY
    said = f"{view.library} does not say that it implements these, so they are not compared and count neither for nor against it."
    rows = [(entry.get("reference", "?"), entry.get("reason", "")) for entry in view.record.no_claims]
    return card(
        f"Not claimed: {plural(len(rows), 'original')}", el("p", said, class_="soft"), table(("original", "why"), rows), anchor="no-claim"
    )


def _reproduce(view: Overview) -> Html:
    header = view.record.header
    environment = header.get("environment")
    pairs = list(environment.items()) if isinstance(environment, dict) else []
    profiles = header.get("profiles")
    chosen = " ".join(f"--profile {p}" for p in profiles) if isinstance(profiles, list) else ""
    candidate = header.get("candidate", "")
    return card(
        "Reproduce it",
        el("pre", f"trueto gate {candidate} {chosen}".strip()),
        el(
            "p",
            "or everything, recordings included, with ",
            el("code", "dvc repro"),
            ". The run record that this page was made from is a text file: one line a comparison.",
        ),
        el("h3", "Where it ran"),
        terms(
            [
                ("library", view.library),
                ("trueto", header.get("trueto")),
                ("profiles", ", ".join(map(str, profiles)) if isinstance(profiles, list) else profiles),
                *((k, v if isinstance(v, str | int | float) else str(v)) for k, v in pairs),
                ("begun", header.get("started")),
                ("finished", (view.record.footer or {}).get("finished", "did not finish")),
                ("run record", header.get("id")),
                ("inputs (SHA-256)", header.get("fixture")),
            ]
        ),
        anchor="reproduce",
    )


def _control(view: Overview) -> Html:
    """Whether the environment moves numbers by itself, where that was asked."""
    arms = view.record.header.get("control")
    if not isinstance(arms, list):
        return EMPTY
    lead = (
        "Beside the library ran what is not the library: trueto's own short forms of the originals, and an original that is published as "
        "a package. What moves them is the environment: torch, numpy, the processor."
    )
    return card("The environment, or the library?", el("p", lead, class_="soft"), el("p", said_of_control(arms)), anchor="control")


def _originals(view: Overview) -> int:
    """How many originals the claims are about: several can be about one, and those about switches are about none."""
    return len({claim.name for claim in view.claims if claim.original is None or claim.original.codebase.files})


def index_page(view: Overview) -> str:
    """The text of reports/index.html."""
    record = view.record
    lead = (
        "The authors of a method publish code: the original. Libraries write it anew. This report compares what the library "
        "computes with what the original computed, number by number: "
        f"{plural(len(record.cells), 'comparison')} for {plural(len(view.claims), 'claim')} about {plural(_originals(view), 'original')}."
    )
    past = el("p", el("a", f"How it was over {plural(view.releases, 'release')}", href="claims/history.html")) if view.releases else EMPTY
    others = (
        el("p", el("a", f"{view.libraries} libraries beside each other", href="claims/implementations.html")) if view.libraries else EMPTY
    )
    beside = join(el("p", el("a", f"The report of {name}", href=f"{name}/index.html")) for name in view.reports)
    up = (" · ", el("a", "← the report that leads here", href="../index.html")) if view.above else ()
    top = el("small", "trueto · still true to the original?", *up)
    header = join([top, el("h1", headline(view)), el("p", lead, class_="lead soft"), _counts(view), past, others, beside, gateway()])
    notes = card("Notes on this run", el("ul", *(el("li", note) for note in record.notes))) if record.notes else EMPTY
    body = [
        _matrix(view) if view.claims else EMPTY,
        figures_card(view),
        notes,
        _legend(view),
        _no_claims(view),
        _control(view),
        _reproduce(view),
    ]
    return page(view, f"{view.library}: still true to the original?", header, body, SCRIPT if any(choices(view)) else "")
