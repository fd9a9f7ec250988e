"""A run record as SARIF 2.1.0, which code scanning reads: one result for all inputs of a claim and layer with the same outcome."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from trueto.events import RunRecord
from trueto.model import Verdict
from trueto.reports.matrix import plain, sentence
from trueto.reports.place import place_of
from trueto.reports.view import Cells, alike, badness, cell_name, overview
from trueto.reports.words import LEGEND, plural, size_words, verdict_of

__all__ = ["MOST_RESULTS", "to_sarif"]

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MOST_RESULTS = 5000
"""Code scanning shows no more of one run."""
NOWHERE = ("pyproject.toml", 1)  # a result without a place is not shown
REPORTED = tuple(v for v in Verdict if v.bad or v.unknown)


def _text(value: Any) -> str:
    """Text of a message: one line, in which no link can be hidden."""
    return plain(value).replace("](", "] (")


def _rule(verdict: Verdict) -> dict[str, Any]:
    return {
        "id": f"trueto/{verdict}",
        "shortDescription": {"text": f"The library's result is {verdict}"},
        "fullDescription": {"text": LEGEND[verdict].means},
        "defaultConfiguration": {"level": "error" if verdict.bad else "warning"},
    }


def _result(group: Cells, root: Path) -> dict[str, Any]:
    cell, verdict = group[0], verdict_of(group[0])
    file, line = place_of(cell, root) or NOWHERE
    size = f" ({size_words(cell['size'], cell['grey_levels'])})" if isinstance(cell["ratio"], int | float) else ""
    rest = f" And {plural(len(group) - 1, 'more input')}." if len(group) > 1 else ""
    command = cell["evidence"].get("explain") or cell["evidence"].get("command")
    more = f" Try: {_text(command)}" if command else ""
    identity = "\0".join(str(cell[key]) for key in ("claim", "layer", "profile", "verdict"))
    return {
        "ruleId": f"trueto/{verdict}",
        "ruleIndex": REPORTED.index(verdict),
        "level": "error" if verdict.bad else "warning",
        "message": {"text": f"{_text(cell_name(cell))}: {_text(sentence(cell))}{_text(size)}. {_text(cell['reason'])}{rest}{more}"},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(file)}, "region": {"startLine": line}}}],
        "partialFingerprints": {"primaryLocationLineHash": hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()[:32] + ":1"},
        "occurrenceCount": len(group),
    }


def _uri(path: str) -> str:
    from urllib.parse import quote

    return quote(path)


def to_sarif(record: RunRecord, root: Path | None = None) -> str:
    """One SARIF log; what differs undeclared is an error, what could not be judged a warning, what is declared is not in it."""
    view, root = overview(record), root or Path.cwd()
    cells = sorted(record.cells, key=badness, reverse=True)
    groups = alike([cell for cell in cells if verdict_of(cell) in REPORTED])
    told = [view.incomplete()] if view.incomplete() else []
    told += [] if record.cells else ["nothing was judged"]
    told += [f"{len(groups) - MOST_RESULTS} more results were left out"] if len(groups) > MOST_RESULTS else []
    driver = {
        "name": "trueto",
        "semanticVersion": plain(record.header.get("trueto", "0")),
        "rules": [_rule(verdict) for verdict in REPORTED],
    }
    invocation = {
        "executionSuccessful": record.complete and bool(record.cells),
        "toolExecutionNotifications": [{"level": "error", "message": {"text": text}} for text in told],
    }
    run = {"tool": {"driver": driver}, "invocations": [invocation], "results": [_result(g, root) for g in groups[:MOST_RESULTS]]}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"
