"""A run record as Markdown for a pull request and for a job summary: worst first, and never larger than where it goes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trueto.errors import UsageError
from trueto.events import RunRecord
from trueto.model import Verdict
from trueto.reports.matrix import escape, headline, sentence, table, typed
from trueto.reports.view import Cells, Overview, alike, badness, cell_name, overview
from trueto.reports.words import LEGEND, gate_says, plural, size_words, verdict_of

__all__ = ["COMMENT_ROOM", "SUMMARY_ROOM", "summary_room", "to_markdown"]

COMMENT_ROOM = 60_000
"""Bytes for a comment: GitHub takes 65,536 characters."""
SUMMARY_ROOM = 1024 * 1024
"""Bytes for the summary of one step: GitHub drops a larger one whole."""
LEAST_ROOM = 256 * 1024  # what an opening of hostile names, and what is new against a baseline, may need
MOST_ROWS = 40
ROWS_HEAD = ["| | worst | cells | profile | what differs | size | why |", "|---|---|---|---|---|---|---|"]
CLOSING_ROOM = 4096  # kept back for what was left out, and for the last line


@dataclass(frozen=True, slots=True)
class _Section:
    """Lines under a title, folded where it has one; `rows` may be cut at any place."""

    what: str
    title: str
    head: list[str]
    rows: list[str]


def _rows(cells: Cells) -> list[str]:
    """One row for each cause; `cells` is worst first."""
    lines: list[str] = []
    for group in alike(cells):
        cell = group[0]
        verdict = verdict_of(cell)
        size = size_words(cell["size"], cell["grey_levels"]) if isinstance(cell["ratio"], int | float) else "not known"
        several = verdict.unknown and len({c["layer"] for c in group}) > 1
        what = f"{LEGEND[verdict].word}: several parts" if several else sentence(cell)
        values = (cell_name(cell), len(group), cell["profile"], what, size, cell["reason"])
        lines.append(f"| {LEGEND[verdict].symbol} {verdict} | " + " | ".join(escape(v, 240) for v in values) + " |")
    return lines


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


def _sections(record: RunRecord, view: Overview) -> list[_Section]:
    cells = sorted(record.cells, key=badness, reverse=True)
    loud = [c for c in cells if verdict_of(c).bad or verdict_of(c).unknown]
    declared = [c for c in cells if verdict_of(c).declared]
    claims = table(view.claims)
    listed = [f"- {escape(n.get('reference', '?'))}: {escape(n.get('reason', ''))}" for n in record.no_claims]
    return [
        _Section("row", "", ROWS_HEAD, _rows(loud)),
        _Section("claim", f"All {plural(len(view.claims), 'claim')}, layer by layer", claims[:2], claims[2:]),
        _Section("declared row", f"{plural(len(declared), 'cell')} as declared", ROWS_HEAD, _rows(declared)),
        _Section("original", f"{plural(len(record.no_claims), 'original')} not claimed", [], listed),
        _Section("note", "Notes on this run", [], [f"- {escape(note)}" for note in record.notes]),
    ]


def _size(lines: list[str]) -> int:
    return sum(len(line.encode("utf-8", "replace")) + 1 for line in lines)


def _fitted(section: _Section, room: int, most: int | None) -> tuple[list[str], int]:
    """The section as far as it fits, and how many of its rows do not."""
    before = ["<details>", f"<summary>{section.title}</summary>", ""] if section.title else []
    after = ["", "</details>", ""] if section.title else [""]
    left = room - _size([*before, *section.head, *after])
    kept: list[str] = []
    for row in section.rows[:most]:
        left -= _size([row])
        if left < 0:
            break
        kept.append(row)
    return [*before, *section.head, *kept, *after] if kept else [], len(section.rows) - len(kept)


def to_markdown(record: RunRecord, *, room: int = COMMENT_ROOM, most: int | None = MOST_ROWS) -> str:
    """The worst first, everything else folded, at most `room` bytes and `most` rows of a table; what is left out is said."""
    view = overview(record)
    lines = _opening(view)
    out: list[str] = []
    for section in _sections(record, view):
        fitted, missing = _fitted(section, room - CLOSING_ROOM - _size(lines), None if section.what in ("claim", "original") else most)
        lines += fitted
        out += [plural(missing, f"more {section.what}")] if missing else []
        if section.what == "row" and section.rows:
            worst = max(record.cells, key=badness)
            command = worst["evidence"].get("command")
            lines += [f"Repeat the worst one: {typed(command)}", ""] if command else []
    counts = ", ".join(f"{record.counts[v]} {v}" for v in LEGEND if record.counts.get(v))
    gate = gate_says(verdict_of(c) for c in record.cells) if record.complete else "incomplete"
    lines += [f"Left out here, for length: {', '.join(out)}. The full report has them.", ""] if out else []
    return "\n".join([*lines, f"{plural(len(record.cells), 'cell')}: {counts or 'none'} · {escape(view.library)} · gate {gate}"]) + "\n"


def summary_room(path: Path) -> int:
    """Bytes that a job summary still takes; UsageError where they are too few for any."""
    before = path.stat().st_size if path.exists() else 0
    if SUMMARY_ROOM - before < LEAST_ROOM:
        raise UsageError(f"{path} has {before:,} bytes already, and GitHub takes {SUMMARY_ROOM:,}", "--summary ANOTHER_FILE")
    return SUMMARY_ROOM - before
