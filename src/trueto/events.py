"""The run record: a stream of JSON lines with a header and a footer, of which every report is made.

One line an event: `run` (header), `cell` (one judgement), `no_claim` (a reference that the candidate does not claim), `note`
(something the user should know, as a profile that cannot run here), `end` (footer). docs/run-record.md describes every field.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from trueto.errors import DataError
from trueto.model import Judgement

__all__ = ["SCHEMA", "SUITE", "RunRecord", "RunWriter", "cell_record", "read_run"]

SCHEMA = 1
SUITE = "1.0"
CELL_FIELDS = (
    "candidate", "version", "reference", "claim", "layer", "case", "seed", "profile", "verdict", "drift", "floor", "ratio",
    "size", "grey_levels", "first_step", "cause", "reason", "evidence",
)  # fmt: skip
KINDS: Mapping[str, tuple[str, ...]] = {"run": (), "cell": CELL_FIELDS, "no_claim": ("reference", "reason"), "note": ("text",), "end": ()}
TYPES = {"evidence": dict, **dict.fromkeys(("reference", "claim", "layer", "case", "profile", "verdict", "reason", "text"), str)}


def _finite(value: Any) -> Any:
    """JSON has no infinity: what is not finite becomes null, in nested data too."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value


def cell_record(judgement: Judgement) -> dict[str, Any]:
    """One judgement as the flat JSON record that all consumers read."""
    cell = judgement.cell
    return _finite(
        {
            "candidate": cell.candidate,
            "version": judgement.version,
            "reference": cell.claim.reference,
            "claim": cell.claim.id,
            "layer": str(cell.layer),
            "case": cell.case.id,
            "seed": cell.case.seed,
            "profile": cell.profile,
            "verdict": str(judgement.verdict),
            "drift": judgement.drift,
            "floor": judgement.floor,
            "ratio": judgement.ratio,
            "size": judgement.size,
            "grey_levels": judgement.grey_levels,
            "first_step": judgement.first_step,
            "cause": judgement.cause,
            "reason": judgement.reason,
            "evidence": dict(judgement.evidence),
        }
    )


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as read back. `complete` is False when the stream has no footer."""

    path: Path
    header: dict[str, Any]
    cells: list[dict[str, Any]]
    no_claims: list[dict[str, Any]]
    notes: list[str]
    footer: dict[str, Any] | None = None

    @property
    def complete(self) -> bool:
        """Whether the run came to its end."""
        return self.footer is not None

    @property
    def unfinished(self) -> str:
        """How far a run came that did not finish, as a sentence without a full stop; empty for a complete one."""
        if self.complete:
            return ""
        planned = self.header.get("cells")
        of = f" of {planned}" if isinstance(planned, int) else ""
        return f"This run did not finish: {len(self.cells)}{of} cells were judged"

    @property
    def counts(self) -> Counter[str]:
        """Cells by verdict."""
        return Counter(cell["verdict"] for cell in self.cells)


@dataclass(slots=True)
class RunWriter:
    """Writes a run record line by line, flushed, so that a crash leaves an incomplete record and not none."""

    stream: IO[str]
    counts: Counter[str] = field(default_factory=Counter)

    def header(self, **fields: Any) -> None:
        """The first line."""
        self._write({"event": "run", "schema": SCHEMA, "suite": SUITE, **fields})

    def cell(self, judgement: Judgement) -> None:
        """One judged cell."""
        record = cell_record(judgement)
        self.counts[record["verdict"]] += 1
        self._write({"event": "cell", **record})

    def no_claim(self, reference: str, reason: str) -> None:
        """A reference that the candidate does not claim to implement."""
        self._write({"event": "no_claim", "reference": reference, "reason": reason})

    def note(self, text: str) -> None:
        """Something that users should know about the run as a whole."""
        self._write({"event": "note", "text": text})

    def footer(self, *, finished: str, exit_code: int) -> None:
        """The last line: without it the run is incomplete."""
        self._write({"event": "end", "finished": finished, "counts": dict(self.counts), "exit_code": exit_code})

    def _write(self, event: Mapping[str, Any]) -> None:
        self.stream.write(json.dumps(_finite(event), allow_nan=False) + "\n")
        self.stream.flush()


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"run record {path} cannot be read: {error}", f"trueto gate CANDIDATE --record {path}") from error
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        try:
            event = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{path}:{number} is not JSON: the record is damaged or half-written", f"trueto gate CANDIDATE --record {path}"
            ) from error
        kind = event.get("event") if isinstance(event, dict) else None
        if not isinstance(kind, str) or kind not in KINDS:
            raise DataError(f"{path}:{number} has no known event: saw {kind!r}", f"trueto gate CANDIDATE --record {path}")
        if missing := [name for name in KINDS[kind] if name not in event]:
            raise DataError(f"{path}:{number} lacks {', '.join(missing)}", f"trueto gate CANDIDATE --record {path}")
        for name in KINDS[kind]:
            if name in TYPES and not isinstance(event[name], TYPES[name]):
                said = f"{path}:{number}: {name} is {str(event[name])[:40]!r}, expected {'an object' if TYPES[name] is dict else 'a text'}"
                raise DataError(said, f"trueto gate CANDIDATE --record {path}")
        yield event


def read_run(path: Path) -> RunRecord:
    """Read and check a run record; DataError for anything but a stream of known events that begins with a header."""
    events = list(_lines(path))
    if not events or events[0]["event"] != "run":
        raise DataError(f"{path} does not begin with a run header", f"trueto gate CANDIDATE --record {path}")
    header = events[0]
    if header.get("schema") != SCHEMA:
        raise DataError(f"{path} has schema {header.get('schema')}, this trueto reads {SCHEMA}", "pip install -U trueto")
    footer = events[-1] if events[-1]["event"] == "end" else None
    return RunRecord(
        path=path,
        header=header,
        cells=[e for e in events if e["event"] == "cell"],
        no_claims=[e for e in events if e["event"] == "no_claim"],
        notes=[e["text"] for e in events if e["event"] == "note"],
        footer=footer,
    )
