"""A run record as JSON and as JUnit XML, and the table of all formats of `trueto gate --format`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

from trueto.errors import UnknownName
from trueto.events import RunRecord
from trueto.model import Verdict
from trueto.reports.badge import to_badge
from trueto.reports.github import to_annotations
from trueto.reports.markdown import to_markdown
from trueto.reports.matrix import sentence
from trueto.reports.sarif import to_sarif
from trueto.reports.view import overview
from trueto.reports.words import verdict_of

__all__ = ["FORMATS", "render", "to_json", "to_junit"]

NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


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


FORMATS: dict[str, Callable[[RunRecord], str]] = {
    "json": to_json,
    "markdown": to_markdown,
    "junit": to_junit,
    "sarif": to_sarif,
    "badge": to_badge,
    "github": to_annotations,
}
"""What `trueto gate --format` prints besides its table; the names are settings.FORMATS."""


def render(record: RunRecord, form: str) -> str:
    """A record in one of FORMATS, without a line break at the end; UnknownName for a format that there is not."""
    if form not in FORMATS:
        raise UnknownName("format", form, FORMATS, "trueto gate --help")
    return FORMATS[form](record).rstrip("\n")
