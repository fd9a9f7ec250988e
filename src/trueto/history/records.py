"""The record of one release: a run record without what a time line does not need, in a file of its name.

A line leaves out what is the same for the whole file, and what says nothing; reading fills it in again.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from trueto.errors import DataError, UsageError
from trueto.events import SCHEMA, SUITE, RunRecord
from trueto.history.steps import original_by_step
from trueto.model import Layer, Verdict

__all__ = [
    "Release",
    "is_release",
    "newest_first",
    "read_history",
    "read_release",
    "release_file",
    "release_run",
    "with_header",
    "write_release",
]

Cell = dict[str, Any]
DIGITS, BY_STEP = 3, 2
LEAST = 1e-3  # of the original's rounding; what is less is nothing
REASON = 200
ALWAYS = ("reference", "claim", "layer", "case", "verdict")
PLAIN = {"ratio": None, "grey_levels": None, "size": "none", "first_step": None, "cause": "", "reason": ""}
EVIDENCE = ("original_ratio", "variant", "marks", "mark_floors", "ignored", "error", "by_step", "steps")
OFTEN = {"seed": 0, "profile": "default"}
STEPPED = (Layer.UPDATE, Layer.TRAJECTORY)  # of which the distance from the original is kept step by step
HEADER = ("id", "started", "trueto", "candidate", "version", "environment", "control", "selection", "lacks", "released")


@dataclass(frozen=True, slots=True)
class Release:
    """What one release computed: its cells, or why nothing could be judged; `lacks` are claims that it could not be asked for, and why."""

    candidate: str
    version: str
    header: Mapping[str, Any]
    cells: tuple[Cell, ...]
    lacks: Mapping[str, str]
    unjudged: str = ""

    @property
    def named(self) -> str:
        """Its version, and the day of it where that is known."""
        day = self.header.get("released")
        return f"{self.version} of {day}" if day else self.version


def release_file(folder: Path, version: str) -> Path:
    """Where the record of a release is."""
    return folder / f"{Version(version)}.jsonl"


def newest_first(releases: Iterable[Release]) -> list[Release]:
    """The newest release first."""
    return sorted(releases, key=lambda release: Version(release.version), reverse=True)


def _short(value: Any) -> Any:
    """A number with the digits that a time line needs."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    return [_short(item) for item in value] if isinstance(value, list) else value


def _by_step(cell: Mapping[str, Any]) -> Cell:
    """The distance from the original itself at each step, where the layer has steps; nothing where every bit is equal.

    `steps` are left out where they count from 0, as those of most samplers do.
    """
    found = original_by_step(cell["evidence"]) if cell["layer"] in STEPPED else {}
    if not any(found.values()):
        return {}
    kept = [0 if value < LEAST else float(f"{value:.{BY_STEP}g}") for value in found.values()]
    whole = [int(value) if value == int(value) else value for value in kept]
    return {"by_step": whole, **({"steps": list(found)} if list(found) != list(range(len(whole))) else {})}


def _slim(cell: Mapping[str, Any]) -> Cell:
    evidence, verdict = cell["evidence"], Verdict(cell["verdict"])
    ledger, original = evidence.get("ledger") or {}, evidence.get("original") or {}
    kept: Cell = {name: cell[name] for name in ALWAYS}
    kept.update({name: cell[name] for name, usual in OFTEN.items() if cell.get(name, usual) != usual})
    kept.update({name: _short(cell[name]) for name, nothing in PLAIN.items() if cell[name] != nothing})
    told = {"original_ratio": original.get("ratio"), "variant": ledger.get("variant"), "ignored": evidence.get("ignored")}
    if not verdict.same:
        told["error"] = (evidence.get("error") or {}).get("type")
    if verdict in (Verdict.DRIFTED, Verdict.STALE):
        told.update({name: _short(evidence.get(name)) for name in ("marks", "mark_floors")})
    if verdict.same or verdict.declared:
        kept.pop("reason", None)
    kept.update({name: _short(value) for name, value in told.items() if value})
    kept.update(_by_step(cell))
    if "reason" in kept:
        kept["reason"] = kept["reason"][:REASON]
    return kept


def write_release(folder: Path, run: RunRecord, *, goldens: str, unjudged: str = "") -> Path:
    """Write the record of a release as a whole or not at all; UsageError where that cannot be done."""
    header = {name: run.header[name] for name in HEADER if name in run.header}
    events: list[Mapping[str, Any]] = [{"event": "run", "schema": SCHEMA, "suite": SUITE, "goldens": goldens, **header}]
    events += [{"event": "cell", **_slim(cell)} for cell in run.cells]
    events.append({"event": "end", "counts": dict(run.counts), **({"unjudged": unjudged} if unjudged else {})})
    target = release_file(folder, str(header["version"]))
    _replace(target, "".join(json.dumps(event, separators=(",", ":"), allow_nan=False) + "\n" for event in events))
    return target


def with_header(path: Path, **more: Any) -> None:
    """Add to the header of a release's record, whose cells stay as they are; UsageError where that cannot be done."""
    head, _, cells = path.read_text(encoding="utf-8").partition("\n")
    _replace(path, json.dumps({**json.loads(head), **more}, separators=(",", ":"), allow_nan=False) + "\n" + cells)


def _replace(target: Path, text: str) -> None:
    """Write a file as a whole or not at all; UsageError where that cannot be done."""
    folder = target.parent
    temporary: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, prefix=".trueto-")
        temporary = Path(name)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        temporary.chmod(0o644)
        temporary.replace(target)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()
        raise UsageError(f"{target} cannot be written: {error.strerror or error}", "--history DIR") from error


def _filled(event: Mapping[str, Any], header: Mapping[str, Any]) -> Cell:
    """A cell as the run record has it, with what was left out."""
    whole = {"candidate": header["candidate"], "version": header["version"], **OFTEN, "drift": None, "floor": None}
    evidence = {name: event[name] for name in EVIDENCE if name in event}
    return {**whole, **PLAIN, **{k: v for k, v in event.items() if k not in (*EVIDENCE, "event")}, "evidence": evidence}


def read_release(path: Path) -> Release:
    """The record of one release; DataError names one that is damaged."""
    again = f"git checkout -- {path}, or trueto sweep {path.parent.name} --versions =={path.stem} --again"
    try:
        events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        header, last = events[0], events[-1]
        if header["event"] != "run" or last["event"] != "end":
            raise DataError(f"{path} is not whole: it has no beginning or no end", again)
        if header["schema"] != SCHEMA:
            raise DataError(f"{path} has schema {header['schema']}, this trueto reads {SCHEMA}", "pip install -U trueto")
        cells = tuple(_filled(event, header) for event in events if event["event"] == "cell")
        for cell in cells:
            Verdict(cell["verdict"])
            _ = [cell[name] for name in ALWAYS]
        lacks = dict(header.get("lacks") or {event["reference"]: event["reason"] for event in events if event["event"] == "no_claim"})
        Version(header["version"])
    except json.JSONDecodeError as error:
        raise DataError(f"{path} is damaged or half-written: there is a line that is not JSON", again) from error
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, InvalidVersion) as error:
        raise DataError(f"{path} cannot be read as the record of a release: {type(error).__name__}: {error}", again) from error
    return Release(str(header["candidate"]), str(header["version"]), header, cells, lacks, str(last.get("unjudged", "")))


def is_release(path: Path) -> bool:
    """Whether a file begins as the record of a release does, and not as that of a run: it names all goldens by one digest."""
    try:
        with path.open(encoding="utf-8") as stream:
            return isinstance(json.loads(stream.readline()).get("goldens"), str)
    except (OSError, ValueError, AttributeError):
        return False


def release_run(release: Release, path: Path) -> RunRecord:
    """The record of a release as a run record, with the command that repeats each cell."""
    repeat = f"trueto gate {release.candidate}=={release.version} --quick --claim"
    cells = [{**cell, "evidence": {**cell["evidence"], "command": f"{repeat} {shlex.quote(cell['claim'])}"}} for cell in release.cells]
    claimed = {str(cell["reference"]) for cell in cells}
    lacks = {name.partition("@")[0]: why for name, why in reversed([*release.lacks.items()])}
    no_claims = [{"event": "no_claim", "reference": name, "reason": why} for name, why in lacks.items() if name not in claimed]
    return RunRecord(path, dict(release.header), cells, no_claims, [release.unjudged] if release.unjudged else [], {"event": "end"})


def read_history(folder: Path) -> list[Release]:
    """Every release that is recorded, oldest first; none where nothing is. DataError names a record that is damaged."""
    return newest_first(read_release(path) for path in folder.glob("*.jsonl"))[::-1]
