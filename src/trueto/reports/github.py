"""A run record as annotations of GitHub Actions: at most ten, worst first, and nothing that a candidate says can become a command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trueto.events import RunRecord
from trueto.reports.matrix import plain, sentence
from trueto.reports.place import place_of
from trueto.reports.view import alike, badness, cell_name, overview
from trueto.reports.words import plural, verdict_of

__all__ = ["MOST_ANNOTATIONS", "command", "to_annotations"]

MOST_ANNOTATIONS = 10
"""GitHub shows ten of a kind for a step, and drops the others silently."""


def _data(text: Any) -> str:
    """The message of a command, as GitHub's toolkit escapes it; one line already."""
    return plain(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: Any) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def command(name: str, message: Any, **properties: Any) -> str:
    """One workflow command on one line, as `::error file=a.py,line=3::text`."""
    said = ",".join(f"{key}={_property(value)}" for key, value in properties.items() if value is not None)
    return f"::{name}{' ' if said else ''}{said}::{_data(message)}"


def to_annotations(record: RunRecord, root: Path | None = None) -> str:
    """One annotation a claim that differs or could not be judged, placed on its code where that lies inside `root` (here)."""
    view, root = overview(record), root or Path.cwd()
    loud = [claim for claim in view.claims if claim.verdict.bad or claim.verdict.unknown]
    lines = [command("error", view.incomplete(), title="trueto")] if view.incomplete() else []
    room = MOST_ANNOTATIONS - len(lines) - (len(loud) > MOST_ANNOTATIONS - len(lines))
    for claim in loud[:room]:
        cell = alike(sorted(claim.cells, key=badness, reverse=True))[0][0]
        file, line = place_of(cell, root) or (None, None)
        kind = "error" if claim.verdict.bad else "warning"
        why = cell["evidence"].get("explain") or cell["evidence"].get("command") or ""
        message = f"{sentence(cell)}. {cell['reason']} [{cell_name(cell)}]" + (f" why: {why}" if why else "")
        lines.append(command(kind, message, file=file, line=line, title=f"{verdict_of(cell)}: {claim.title}"))
    if len(loud) > room:
        lines.append(command("error", f"{plural(len(loud) - room, 'more claim')}: see the job summary", title="trueto"))
    return "\n".join(lines or [command("notice", f"{view.library}: nothing differs undeclared", title="trueto")]) + "\n"
