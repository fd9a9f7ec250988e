"""A run record as text for other programs and for pull requests: the outputs of `trueto gate --format json | markdown | junit`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

from trueto.errors import UnknownName
from trueto.events import RunRecord
from trueto.model import Verdict
from trueto.reports.matrix import escape, headline, sentence, table
from trueto.reports.view import Cells, Overview, badness, cell_name, overview
from trueto.reports.words import LEGEND, gate_says, plural, size_words, verdict_of

__all__ = ["FORMATS", "render", "to_json", "to_junit", "to_markdown"]

NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
MOST_ROWS = 40


def _bare(event: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if event is None else {key: value for key, value in event.items() if key != "event"}


def to_json(record: RunRecord) -> str:
    """One JSON document: `run` (header), `complete`, `cells` (one record a cell, as in docs/run-record.md), `no_claims`, `notes`, `end`."""
    document = {
        "run": _bare(record.header),
        "complete": record.complete,
        "cells": [_bare(cell) for cell in record.cells],
        "no_claims": [_bare(entry) for entry in record.no_claims],
        "notes": record.notes,
        "end": _bare(record.footer),
    }
    return json.dumps(document, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def _rows(cells: Cells) -> list[str]:
    """One row for all inputs of a claim, layer and profile with the same verdict, told by the worst of them; `cells` is worst first.

    What could not be judged for one and the same reason is one row over all layers.
    """
    groups: dict[tuple[Any, ...], Cells] = {}
    for cell in cells:
        part = cell["reason"] if verdict_of(cell).unknown else cell["layer"]
        groups.setdefault((cell["claim"], part, cell["profile"], cell["verdict"]), []).append(cell)
    lines = ["| | worst | cells | profile | what differs | size | why |", "|---|---|---|---|---|---|---|"]
    for (_, _, profile, verdict), group in list(groups.items())[:MOST_ROWS]:
        cell = group[0]
        size = size_words(cell["size"], cell["grey_levels"]) if isinstance(cell["ratio"], int | float) else "not known"
        what = sentence(cell) if len({c["layer"] for c in group}) == 1 else f"{LEGEND[verdict_of(cell)].word}: several parts"
        values = (cell_name(cell), len(group), profile, what, size, cell["reason"])
        lines.append(f"| {LEGEND[verdict_of(cell)].symbol} {verdict} | " + " | ".join(escape(v, 240) for v in values) + " |")
    if len(groups) > MOST_ROWS:
        lines += ["", f"and {plural(len(groups) - MOST_ROWS, 'more row')} in the full report"]
    return lines


def _fold(title: str, lines: list[str]) -> list[str]:
    return ["<details>", f"<summary>{title}</summary>", "", *lines, "", "</details>", ""]


def _opening(view: Overview) -> list[str]:
    """What a reader of the first ten seconds sees: the worst claim in words, and what became of the rest."""
    worst = [c for c in view.claims if not (c.verdict.same or c.verdict.declared or c.verdict is Verdict.BEYOND)]
    lines = [f"> [!WARNING]\n> {view.incomplete()}", ""] if view.incomplete() else []
    lines += [f"**{escape(headline(view))}**", ""]
    for claim in worst[:3]:
        cell = claim.worst
        size = f" ({escape(claim.size)})" if claim.verdict is Verdict.DRIFTED else ""
        lines.append(
            f"- {LEGEND[claim.verdict].symbol} **{escape(claim.title)}**: {escape(sentence(cell))}{size}. {escape(cell['reason'])}"
        )
    lines += [f"- … and {plural(len(worst) - 3, 'more claim')} below"] if len(worst) > 3 else []
    return [*lines, ""]


def to_markdown(record: RunRecord) -> str:
    """A summary for a pull request: the worst first, everything else folded."""
    view = overview(record)
    cells = sorted(record.cells, key=badness, reverse=True)
    loud = [c for c in cells if verdict_of(c).bad or verdict_of(c).unknown]
    declared = [c for c in cells if verdict_of(c).declared]
    lines = _opening(view)
    if loud:
        lines += [*_rows(loud), ""]
        command = loud[0]["evidence"].get("command")
        lines += [f"Repeat the worst one: {escape(command)}", ""] if command else []
    lines += _fold(f"All {plural(len(view.claims), 'claim')}, layer by layer", table(view.claims))
    if declared:
        lines += _fold(f"{plural(len(declared), 'cell')} as declared", _rows(declared))
    if record.no_claims:
        listed = [f"- {escape(n.get('reference', '?'))}: {escape(n.get('reason', ''))}" for n in record.no_claims]
        lines += _fold(f"{plural(len(record.no_claims), 'original')} not claimed", listed)
    lines += _fold("Notes on this run", [f"- {escape(note)}" for note in record.notes]) if record.notes else []
    counts = ", ".join(f"{record.counts[v]} {v}" for v in LEGEND if record.counts.get(v))
    gate = gate_says(verdict_of(c) for c in cells) if record.complete else "incomplete"
    return "\n".join([*lines, f"{plural(len(cells), 'cell')}: {counts or 'none'} · {escape(view.library)} · gate {gate}"]) + "\n"


def _xml(value: Any) -> str:
    """Text that XML 1.0 can carry."""
    return NOT_XML.sub("\ufffd", str(value))


def _case(suite: ElementTree.Element, cell: dict[str, Any]) -> None:
    verdict = verdict_of(cell)
    name = f"{cell['layer']}[{cell['case']}-{cell['profile']}]"
    case = ElementTree.SubElement(suite, "testcase", classname=_xml(cell["claim"]), name=_xml(name), time="0")
    said = _xml(f"{verdict}: {sentence(cell)}. {cell['reason']}")
    detail = _xml(
        "\n".join(
            f"{key}: {cell[key]}" for key in ("drift", "floor", "ratio", "size", "first_step", "cause") if cell[key] not in (None, "")
        )
    )
    command = cell["evidence"].get("command")
    detail += _xml(f"\nrepeat: {command}") if command else ""
    if verdict.bad or verdict.unknown:
        element = ElementTree.SubElement(case, "failure" if verdict.bad else "error", message=said, type=_xml(verdict))
        element.text = detail
    elif verdict is Verdict.NO_CLAIM:
        ElementTree.SubElement(case, "skipped", message=said)
    elif not verdict.same:
        ElementTree.SubElement(case, "system-out").text = said


def to_junit(record: RunRecord) -> str:
    """JUnit XML, one suite a claim: undeclared differences fail, what could not be judged is an error, declared ones pass and say so."""
    view = overview(record)
    root = ElementTree.Element("testsuites", name=_xml(f"trueto {view.library}"))
    for claim in view.claims:
        suite = ElementTree.SubElement(root, "testsuite", name=_xml(claim.claim))
        for cell in claim.cells:
            _case(suite, cell)
    if view.incomplete() or not view.claims:
        suite = ElementTree.SubElement(root, "testsuite", name="the run itself")
        case = ElementTree.SubElement(suite, "testcase", classname="trueto", name="the run came to its end", time="0")
        message = _xml(view.incomplete() or "nothing was judged")
        ElementTree.SubElement(case, "error", message=message, type="incomplete")
    for node in (*root.findall("testsuite"), root):
        for attribute, path in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            node.set(attribute, str(len(list(node.iter(path)))))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


FORMATS: dict[str, Callable[[RunRecord], str]] = {"json": to_json, "markdown": to_markdown, "junit": to_junit}


def render(record: RunRecord, form: str) -> str:
    """A record in one of FORMATS, without a line break at the end; UnknownName for a format that there is not."""
    if form not in FORMATS:
        raise UnknownName("format", form, FORMATS, "trueto gate --help")
    return FORMATS[form](record).rstrip("\n")
