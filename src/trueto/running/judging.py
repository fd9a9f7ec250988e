"""What a judgement is made of: the runs, both arms of a comparison, and the record that comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from trueto.errors import LedgerError
from trueto.ledger import Deviation, Ledger
from trueto.likeness import grey_levels, size_of
from trueto.model import Cell, Comparison, Judgement, Layer, Verdict
from trueto.running.arms import Bench
from trueto.running.client import Outcome

__all__ = [
    "Context",
    "Runs",
    "Seen",
    "by_band",
    "by_numbers",
    "check_bands",
    "declared_text",
    "joined",
    "plain",
    "reasons",
    "stale_words",
    "told",
    "union",
]

NARROW = "`cases`, `layers` or `claims` in one of the two, so that each cell has one band"


@dataclass(slots=True)
class Runs:
    """The outcomes that a cell's judgement may need; `twin` is None where the profile has no float64 twin.

    `effective` runs the candidate once more for each draw, to find those that move Y: asked only when the plain list is another one.
    """

    native: Outcome
    twin: Outcome | None
    closed: Outcome | None = None
    effective: Callable[[], Outcome] | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """Both arms of one comparison; the worse one speaks for the cell."""

    native: Comparison
    twin: Comparison | None
    twin_note: str = ""

    @property
    def agrees(self) -> bool:
        """Whether every arm that is valid agrees."""
        return self.native.agrees and (self.twin is None or self.twin.agrees)

    @property
    def cause(self) -> str:
        """What the arms together say of the cause."""
        if self.twin is None:
            return "not told apart: no float64 twin"
        if self.native.agrees:
            return "algorithm (hidden by float32 rounding)"
        return "algorithm" if not self.twin.agrees else "precision"


@dataclass(slots=True)
class Context:
    """One cell in judgement: who is judged on what, and the evidence so far."""

    cell: Cell
    version: str
    bench: Bench
    runs: Runs
    entries: tuple[Deviation, ...]
    evidence: dict[str, Any] = field(default_factory=dict)
    binding: bool = True


def union(entries: tuple[Deviation, ...]) -> dict[str, str]:
    """The knobs of several entries together."""
    return {knob: value for entry in entries for knob, value in entry.knobs.items()}


def declared_text(entries: tuple[Deviation, ...]) -> str:
    """The variants of several entries as one text."""
    return ",".join(entry.variant for entry in entries if entry.variant)


def reasons(entries: tuple[Deviation, ...]) -> str:
    """The reasons of several entries as one text."""
    return "; ".join(entry.reason for entry in entries)


def joined(entries: tuple[Deviation, ...]) -> dict[str, Any]:
    """The entries of a cell as one, for the record."""
    parts = [entry.to_json() for entry in entries]
    return {
        **parts[0],
        "variant": declared_text(entries),
        "band": next((entry.band for entry in entries if entry.band is not None), None),
        "reason": reasons(entries),
        "test": ", ".join(dict.fromkeys(p["test"] for p in parts)),
    }


def by_band(entries: tuple[Deviation, ...], ratio: float) -> tuple[Verdict, str] | None:
    """What the entry that has a band says of a ratio, and its reason; None where none has one. LedgerError where two have one."""
    banded = [(entry.band, entry.reason) for entry in entries if entry.band is not None]
    if not banded:
        return None
    if len(banded) > 1:
        told = " and ".join(f"{low:g} to {high:g} ({reason})" for (low, high), reason in banded)
        raise LedgerError(f"the ledger has {len(banded)} bands for {entries[0].reference}, where one cell has one: {told}", NARROW)
    (((low, high), reason),) = banded
    verdict = Verdict.DECLARED_UNEXPLAINED if low <= ratio <= high else Verdict.STALE
    return verdict, f"the ledger allows {low:g} to {high:g} times the original's rounding: {reason}"


def check_bands(ledger: Ledger, cells: Iterable[Cell]) -> None:
    """LedgerError for the first of these cells for which two entries have a band, before anything runs."""
    banded = tuple(entry for entry in ledger.entries if entry.band is not None)
    for cell in cells if len(banded) > 1 else ():
        by_band(tuple(entry for entry in banded if entry.covers(cell)), 0.0)


def stale_words(entries: tuple[Deviation, ...]) -> str:
    """Why entries are stale that declare what is not there."""
    first = next((entry for entry in entries if not entry.rounding), entries[0])
    return f"the ledger declares `{first.variant or first.band}`, but it now does what the original does: remove the entry"


def by_numbers(context: Context, seen: Seen, verdict: Verdict, cause: str, reason: str) -> Judgement:
    """A judgement that rests on a comparison."""
    shown = seen.native if not seen.native.agrees or seen.twin is None or seen.twin.agrees else seen.twin
    context.evidence.update(context.bench.evidence(context.runs, shown))
    context.evidence["twin"] = _twin_record(seen)
    grey = None
    size = "not measured" if context.cell.layer is Layer.NOISE and not verdict.same else "none"
    if verdict not in (Verdict.IDENTICAL, Verdict.FAITHFUL) and context.cell.layer is not Layer.NOISE:
        grey = _grey(context)
        size = size_of(grey) if grey is not None else "not measured"
    return Judgement(
        cell=context.cell,
        version=context.version,
        verdict=verdict,
        drift=shown.drift,
        floor=shown.floor,
        ratio=shown.ratio,
        size=size,
        grey_levels=grey,
        first_step=shown.first_step,
        cause=cause,
        reason=reason,
        evidence=context.evidence,
    )


def _grey(context: Context) -> float | None:
    """The change of the final picture against the original, in grey levels, in the closed loop."""
    closed = context.runs.closed
    if closed is None or closed.observation is None:
        return None
    return grey_levels(closed.observation.sample, context.bench.closed_sample())


def _twin_record(seen: Seen) -> dict[str, Any]:
    if seen.twin is None:
        return {"valid": False, "why": seen.twin_note or "this profile has no float64 twin"}
    twin = seen.twin
    return {"valid": True, "ratio": twin.ratio, "drift": twin.drift, "floor": twin.floor, "agrees": twin.agrees}


def plain(context: Context, verdict: Verdict, cause: str, reason: str) -> Judgement:
    """A judgement that needs no numbers."""
    context.evidence.update(context.bench.sources())
    return Judgement(cell=context.cell, version=context.version, verdict=verdict, cause=cause, reason=reason, evidence=context.evidence)


def told(native: Outcome) -> dict[str, Any]:
    """What a worker says of itself besides its tensors: how the library was configured, and where the code stands."""
    names = {"settings": "settings", "source": "candidate_source", "ignored": "ignored"}
    return {name: found for key, name in names.items() if (found := native.meta.get(key))}
