"""Two runs of one candidate: what is new in the later one. Cells that vanished count as regressions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trueto.errors import DataError
from trueto.events import RunRecord, read_run
from trueto.model import Verdict
from trueto.reports.dispute import same_way
from trueto.reports.matrix import escape, plain, sentence
from trueto.reports.view import Cells, badness, cell_name
from trueto.reports.words import LEGEND, plural, size_words, verdict_of

__all__ = ["BASELINE_FORMATS", "Change", "Difference", "check_base", "compare", "read_base"]

MOST_LINES = 40
AGAIN = "trueto gate --record base.jsonl, at the merge base with this trueto"
WORDS = {
    "candidate": "candidate",
    "suite": "suite version",
    "fixture": "inputs (fixture)",
    "selection": "selection of cells",
    "weights": "checkpoint (--weights)",
    "examples": "example (--source)",
}


@dataclass(frozen=True, slots=True)
class Change:
    """A cell that is not what it was: as it is now, or as it was where it vanished; `was` is the former verdict, None for a new cell."""

    cell: dict[str, Any]
    now: Verdict | None
    was: Verdict | None

    @property
    def said(self) -> str:
        """As `drifted, was identical` or `vanished, was faithful`."""
        return f"{self.now or 'vanished'}, {f'was {self.was}' if self.was else 'not judged before'}"

    @property
    def why(self) -> str:
        """One sentence in plain words."""
        if self.now is None:
            return "it was judged before, and no cell of this name is left"
        changed = "differs in another way than before. " if self.was is self.now and (self.now.bad or self.now.declared) else ""
        size = f", {size_words(self.cell['size'], self.cell['grey_levels'])}" if self.now.bad and self.cell["ratio"] is not None else ""
        return f"{changed}{sentence(self.cell)}{size}. {self.cell['reason']}"


@dataclass(frozen=True, slots=True)
class Difference:
    """What is new against a base, worst first: `worse` (bad or unknown now, or vanished), `declared` anew, `better`; `same` is the rest."""

    run: RunRecord
    base: RunRecord
    worse: tuple[Change, ...]
    declared: tuple[Change, ...]
    better: tuple[Change, ...]
    same: Cells

    def exit_code(self, fail_on: str = "undeclared") -> int:
        """1 something is new, or vanished; 2 something could not be judged, now as before: that is never green; 0 nothing is new."""
        bad = any(change.now is None or change.now.bad for change in self.worse)
        if (bad and fail_on != "none") or (self.declared and fail_on == "any"):
            return 1
        return 2 if any(verdict_of(cell).unknown for cell in self.run.cells) or not self.run.cells else 0

    @property
    def news(self) -> RunRecord:
        """The run with nothing in it but the cells that are worse than before."""
        return replace(self.run, cells=[change.cell for change in self.worse if change.now is not None])

    @property
    def headline(self) -> str:
        """One sentence, plain text."""
        against = f"{self.base.header.get('candidate')} {self.base.header.get('version')}"
        gone = sum(change.now is None for change in self.worse)
        blind = sum(change.now is not None and change.now.unknown for change in self.worse)
        counts = {
            "newly differs": len(self.worse) - gone - blind,
            "can no longer be judged": blind,
            "vanished": gone,
            "is newly declared": len(self.declared),
            "is better": len(self.better),
        }
        said = [f"{plural(count, 'cell')} {_verb(words, count)}" for words, count in counts.items() if count]
        rest = f"{plural(len(self.same), 'cell')} as before{self._of_those()}"
        return f"Against {against}: {'; '.join([*said, rest] if said else ['nothing is new', rest])}."

    def _of_those(self) -> str:
        bad, unknown = (sum(getattr(verdict_of(cell), kind) for cell in self.same) for kind in ("bad", "unknown"))
        told = [f"{bad} of them undeclared"] if bad else []
        told += [f"{unknown} not judged"] if unknown else []
        return f" ({', '.join(told)})" if told else ""

    def text(self) -> str:
        """For a terminal."""
        lines = [plain(self.headline)]
        for change in (*self.worse, *self.declared, *self.better)[:MOST_LINES]:
            lines.append(f"  {change.said}: {plain(_named(change.cell))}: {plain(change.why)}")
            command = change.cell["evidence"].get("explain") or change.cell["evidence"].get("command")
            lines += [f"      why: {plain(command)}"] if command and change in self.worse else []
        left = len(self.worse) + len(self.declared) + len(self.better) - MOST_LINES
        return "\n".join([*lines, *([f"  and {left:,} more"] if left > 0 else [])]) + "\n"

    def markdown(self) -> str:
        """For a pull request: only what is new."""
        lines = [f"**{escape(self.headline)}**", ""]
        changes = (*self.worse, *self.declared, *self.better)
        if changes:
            lines += ["| | cell | profile | what is new |", "|---|---|---|---|"]
        for change in changes[:MOST_LINES]:
            symbol = LEGEND[change.now].symbol if change.now else ""
            cell = change.cell
            lines.append(
                f"| {symbol} {change.said} | {escape(cell_name(cell), 240)} | {escape(cell['profile'], 80)} | {escape(change.why)} |"
            )
        left = len(changes) - MOST_LINES
        return "\n".join([*lines, *(["", f"and {left:,} more"] if left > 0 else []), ""]) + "\n"

    def json(self) -> str:
        """For other programs."""

        def told(change: Change) -> dict[str, Any]:
            names = ("claim", "layer", "case", "seed", "profile")
            return {
                **{name: change.cell[name] for name in names},
                "now": str(change.now) if change.now else "vanished",
                "was": str(change.was) if change.was else None,
                "why": change.why,
            }

        parts = {name: [told(change) for change in getattr(self, name)] for name in ("worse", "declared", "better")}
        return json.dumps({"headline": self.headline, **parts, "same": len(self.same), "exit_code": self.exit_code()}, indent=1) + "\n"


BASELINE_FORMATS = {"text": Difference.text, "markdown": Difference.markdown, "json": Difference.json}


def _verb(words: str, count: int) -> str:
    many = {"newly differs": "newly differ", "is newly declared": "are newly declared", "is better": "are better"}
    return words if count == 1 else many.get(words, words)


def _named(cell: Mapping[str, Any]) -> str:
    return cell_name(dict(cell)) + ("" if cell["profile"] == "default" else f" ({cell['profile']})")


def read_base(path: Path) -> RunRecord:
    """A run record to compare with; DataError for one that is half-written, and for what is none."""
    base = read_run(path)
    if not base.complete:
        raise DataError(f"{path} has no end: that run did not finish, so that what is missing in it would look new", AGAIN)
    return base


def check_base(header: Mapping[str, Any], base: RunRecord) -> None:
    """DataError where a run with this header cannot be compared with the base: another candidate, suite, X, Y or selection."""
    for name, words in WORDS.items():
        if header.get(name) != base.header.get(name):
            seen, expected = plain(base.header.get(name), 200), plain(header.get(name), 200)
            raise DataError(f"{base.path} was judged with another {words}: {seen}, and this run has {expected}", AGAIN)
    now, before = header.get("goldens") or {}, base.header.get("goldens") or {}
    if other := sorted(name for name in now if name in before and now[name] != before[name]):
        raise DataError(f"{base.path} was judged against other recordings of {plain(', '.join(other), 200)}", AGAIN)


def _key(cell: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(cell[name] for name in ("claim", "layer", "case", "seed", "profile"))


def _variant(cell: Mapping[str, Any]) -> Any:
    """The variant of the original that a declared cell equals."""
    return (cell["evidence"].get("ledger") or {}).get("variant")


def _as_before(cell: dict[str, Any], old: dict[str, Any]) -> bool:
    """Whether a cell is what it was: the same kind of verdict, the same variant, and where it differs undeclared, in the same way."""
    now, was = verdict_of(cell), verdict_of(old)
    if now.declared and was.declared and _variant(cell) != _variant(old):
        return False
    if not now.bad:
        return (now.same, now.declared, now.unknown, now is Verdict.BEYOND) == (was.same, was.declared, was.unknown, was is Verdict.BEYOND)
    if now is not was:
        return False
    if cell["evidence"].get("marks") or old["evidence"].get("marks"):
        return same_way(cell, old)
    if now is Verdict.BROKEN:
        errors = [(one["evidence"].get("error") or {}).get("type") for one in (cell, old)]
        return errors[0] == errors[1] and cell["cause"] == old["cause"]
    return cell["reason"] == old["reason"]


def compare(run: RunRecord, base: RunRecord) -> Difference:
    """What is new in `run`. DataError where either did not come to its end, or the two cannot be compared."""
    if not run.complete:
        raise DataError(f"{run.path} has no end: that run did not finish, and what is missing would look vanished", "trueto gate")
    check_base(run.header, base)
    before = {_key(cell): cell for cell in base.cells}
    worse: list[Change] = []
    declared: list[Change] = []
    better: list[Change] = []
    same: Cells = []
    for cell in run.cells:
        old, now = before.pop(_key(cell), None), verdict_of(cell)
        change = Change(cell, now, verdict_of(old) if old else None)
        if old is not None and _as_before(cell, old):
            same.append(cell)
        elif now.bad or now.unknown:
            worse.append(change)
        elif now.declared:
            declared.append(change)
        elif old is None:
            same.append(cell)
        else:
            better.append(change)
    gone = [Change(cell, None, verdict_of(cell)) for cell in before.values() if not cell["evidence"].get("drawn")]
    return Difference(run, base, (*_sorted(worse), *_sorted(gone)), tuple(_sorted(declared)), tuple(_sorted(better)), same)


def _sorted(changes: Iterable[Change]) -> list[Change]:
    return sorted(changes, key=lambda change: badness(change.cell), reverse=True)
