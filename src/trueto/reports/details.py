"""What a claim page says about single cells: why a layer differs, the worst element, the exact solution, the command that repeats it."""

from __future__ import annotations

from typing import Any

from trueto.reports.markup import EMPTY, Html, el, icon, link
from trueto.reports.page import card, table, terms
from trueto.reports.view import Cells, ClaimView, row_name
from trueto.reports.words import COMPARED, LAYER_WORDS, LEGEND, against, number, plural, size_words, step_words, times, verdict_of

__all__ = ["exact_card", "layers_card", "source_link"]

MOST_ROWS = 30
CLOSE = 0.05


def source_link(claim: ClaimView, place: Any) -> Html:
    """The original's file, as `file.py:12` or as `{link, function}`, as a link at the pinned commit; anything else as it is."""
    if isinstance(place, dict):
        return link(place.get("link", ""), place.get("function") or None)
    text = str(place or "")
    if "://" in text or not claim.original:
        return link(text)
    path, _, rest = text.partition(":")
    line = rest.strip().partition(" ")[0]
    if path not in claim.original.codebase.files:
        return el("code", text) if text else EMPTY
    return el("a", text, href=claim.original.codebase.link(path, int(line) if line.isdigit() else None), rel="noopener noreferrer")


def _worst_element(cell: dict[str, Any]) -> str:
    """The element that is furthest away, as a sentence."""
    worst = cell["evidence"].get("worst")
    if not isinstance(worst, dict):
        return ""
    index = worst.get("index")
    place = f"element {index}" if index not in (None, []) else "the value"
    judged = COMPARED.get(str(cell["evidence"].get("compared_with")), COMPARED["original"])
    return f"at {row_name(cell, worst.get('step'))}, {place}: {judged} has {worst.get('expected')}, the library {worst.get('got')}"


def _twin(twin: Any) -> str:
    if not isinstance(twin, dict):
        return ""
    if not twin.get("valid", True):
        return f"not possible: {twin.get('why') or 'it does not compute in float64 throughout'}"
    return f"{'agrees' if twin.get('agrees') else 'differs too'}, {times(twin.get('ratio'))} the rounding of float64"


def _error(error: Any) -> Html:
    if not isinstance(error, dict):
        return EMPTY
    where = f"\n{error['where']}" if error.get("where") else ""
    return el("pre", f"{error.get('type', 'error')}: {error.get('message', '')}{where}", class_="wrap")


def _far(cell: dict[str, Any]) -> str:
    if cell["ratio"] is None and cell["drift"] is None:
        return ""
    return f"{times(cell['ratio'])} its own rounding ({number(cell['drift'])} against {number(cell['floor'])})"


def _story(claim: ClaimView, cell: dict[str, Any]) -> Html:
    """Everything that is known about one cell that is not the same."""
    evidence = cell["evidence"]
    original = evidence.get("original")
    against = ""
    if isinstance(original, dict):
        size = f", {number(original['grey_levels'])} grey levels" if original.get("grey_levels") is not None else ""
        against = f"{times(original.get('ratio'))} its own rounding{size}"
    return terms(
        [
            ("what", cell["reason"]),
            ("cause", cell["cause"]),
            ("input", f"{cell['case']}, seed {cell['seed']}, profile {cell['profile']}"),
            ("first parts at", step_words(cell)),
            ("how far", _far(cell)),
            ("from the original itself", against),
            (
                "how large",
                size_words(cell["size"], cell["grey_levels"]) if isinstance(cell["ratio"], int | float) and claim.pictures else "",
            ),
            ("compared", " with ".join(str(evidence[k]) for k in ("what", "compared_with") if evidence.get(k))),
            ("looks like", str(evidence.get("looks") or "")),
            ("furthest", _worst_element(cell)),
            ("in double precision", _twin(evidence.get("twin"))),
            ("error", _error(evidence.get("error"))),
            ("in the original", source_link(claim, evidence.get("original_source"))),
            ("in the spec", el("code", evidence["spec_source"]) if evidence.get("spec_source") else ""),
            ("repeat just this", el("pre", evidence["command"], class_="wrap") if evidence.get("command") else ""),
        ]
    )


def _others(cells: Cells, *, of_outputs: bool) -> Html:
    """The rest of a layer's cells that are not the same, as a folded table."""
    if not cells:
        return EMPTY
    rows = [
        (
            f"{c['case']} ({c['profile']})",
            str(verdict_of(c)),
            number(c["ratio"]),
            "–" if c["first_step"] is None else row_name(c, c["first_step"]) if of_outputs else c["first_step"],
            c["reason"],
        )
        for c in cells[:MOST_ROWS]
    ]
    more = el("p", f"and {len(cells) - MOST_ROWS} more in the run record") if len(cells) > MOST_ROWS else None
    columns = ("input", "verdict", "times its rounding", "first output" if of_outputs else "first step", "what")
    return el(
        "details",
        el("summary", f"{plural(len(cells), 'other input')} that differ{'s' if len(cells) == 1 else ''}"),
        table(columns, rows, "", (2, 3)),
        more,
    )


def _layer(claim: ClaimView, layer: str) -> Html:
    cells = claim.of_layer(layer)
    differing = [c for c in cells if not verdict_of(c).same]
    name, what = LAYER_WORDS.get(layer, (layer, ""))
    worst = cells[0]
    sign = LEGEND[verdict_of(worst)]
    title = el("h3", el("span", icon(sign.icon), class_=sign.tone), f" {name[:1].upper()}{name[1:]}: ", str(verdict_of(worst)))
    parts = [title, el("p", f"{what[:1].upper()}{what[1:]}.", class_="soft") if what else EMPTY]
    if not differing:
        whose = against("the original's own rounding", layer)
        furthest = f" The furthest is {worst['case']}, {times(worst['ratio'])} {whose}." if worst["ratio"] else ""
        parts.append(el("p", f"The same on {'all ' if len(cells) > 1 else ''}{plural(len(cells), 'input')}.{furthest}"))
    else:
        count = f"{len(differing)} of {plural(len(cells), 'input')} differ or could not be judged. The worst:"
        parts += [
            el("p", count if len(cells) > 1 else "On the only input:"),
            _story(claim, worst),
            _others(differing[1:], of_outputs=claim.of_outputs),
        ]
    return el("div", *parts, class_="part", id=layer, tabindex="-1")


def layers_card(claim: ClaimView) -> Html:
    """Part by part: what was found, and for the worst input everything that is known."""
    return card("Part by part", *(_layer(claim, layer) for layer in claim.layers))


def exact_card(view_library: str, claim: ClaimView) -> Html:
    """How far both are from the exact solution, where the input has one: whether a difference is better or worse."""
    rows: list[tuple[Any, ...]] = []
    tally = {"closer": 0, "as close": 0, "further away": 0}
    for cell in sorted(claim.cells, key=lambda c: (str(c["case"]), str(c["profile"]))):
        exact = cell["evidence"].get("exact")
        ours, theirs = (exact.get("original"), exact.get("candidate")) if isinstance(exact, dict) else (None, None)
        if not isinstance(ours, int | float) or not isinstance(theirs, int | float):
            continue
        same = abs(ours - theirs) <= CLOSE * max(ours, theirs)
        word = "as close" if same else "closer" if theirs < ours else "further away"
        tally[word] += 1
        rows.append((f"{cell['case']} ({cell['profile']})", number(ours), number(theirs), word))
    if not rows:
        return EMPTY
    best = [f"{word} on {count}" for word, count in tally.items() if count]
    said = (
        f"For {plural(len(rows), 'input')} mathematics gives the exact answer. Compared with the original, {view_library} is "
        f"{', '.join(best)}. Both are approximations: a library may well be closer to the exact answer than the original. "
        "That is welcome, and still has to be declared."
    )
    shown = table(("input", "original's distance", "library's distance", "the library is"), rows[:MOST_ROWS], "", (1, 2))
    more = el("p", el("small", f"and {len(rows) - MOST_ROWS} more in the run record")) if len(rows) > MOST_ROWS else None
    return card("How far from the exact answer?", el("p", said), shown, more, anchor="exact")
