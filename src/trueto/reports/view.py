"""The run record arranged for readers: claims with their cells, worst first."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from trueto.events import RunRecord
from trueto.model import LAYERS, Layer, Verdict
from trueto.references import Reference, reference
from trueto.reports.words import RANK, size_words, verdict_of

__all__ = [
    "Cells",
    "ClaimView",
    "Overview",
    "alike",
    "badness",
    "cell_name",
    "overview",
    "row_name",
    "severity",
    "slug_of",
    "steps_of",
    "worst_of",
]

Cells = list[dict[str, Any]]
SLUG_LENGTH = 60
PARTS = (Layer.SCHEDULE, Layer.START, Layer.UPDATE)  # of a whole run


def badness(cell: dict[str, Any]) -> tuple[int, float]:
    """Sort key, worst highest: the verdict, then the ratio; a ratio that is not a number counts as endless if the cell is bad."""
    verdict, ratio = verdict_of(cell), cell["ratio"]
    if isinstance(ratio, int | float):
        return RANK[verdict], float(ratio)
    return RANK[verdict], math.inf if verdict.bad else -1.0


def severity(cell: dict[str, Any]) -> tuple[int, float, float]:
    """Sort key for readers, worst highest: the verdict; of declared cells how much the picture changes; then how far it is.

    The ratio of a declared cell is its distance from what is declared, which says nothing of how much was declared: here it is that from
    the original itself.
    """
    rank, far = badness(cell)
    if not verdict_of(cell).declared:
        return rank, -1.0, far
    original = cell["evidence"].get("original")
    itself = original.get("ratio") if isinstance(original, dict) else None
    return rank, _grey(cell), float(itself) if isinstance(itself, int | float) else far


def _grey(cell: dict[str, Any]) -> float:
    """Grey levels by which the finished picture changes; -1 where that was not measured."""
    return float(cell["grey_levels"]) if isinstance(cell["grey_levels"], int | float) else -1.0


def worst_of(cells: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """The worst cell, the first of equals; None if there is none."""
    return max(cells, key=severity, default=None)


def cell_name(cell: dict[str, Any]) -> str:
    """What users type for one cell, as `k_diffusion/heun:update:karras-20`."""
    return f"{cell['claim']}:{cell['layer']}:{cell['case']}"


def alike(cells: Cells) -> list[Cells]:
    """All inputs of a claim, layer and profile with the same verdict as one group, told by its first; `cells` is worst first.

    A whole run that differs where a part of it already does, on the same input, belongs to that part. What could not be judged for one
    and the same reason is one group over all layers.
    """
    parts: dict[tuple[Any, ...], set[str]] = {}
    for cell in cells:
        parts.setdefault(_input(cell), set()).add(cell["layer"])
    groups: dict[tuple[Any, ...], Cells] = {}
    for cell in cells:
        within = parts[_input(cell)].intersection(PARTS) if cell["layer"] == Layer.TRAJECTORY else ()
        layer = min(within, key=PARTS.index, default=cell["layer"])
        part = cell["reason"] if verdict_of(cell).unknown else layer
        groups.setdefault((cell["claim"], part, cell["profile"], cell["verdict"]), []).append(cell)
    return [sorted(group, key=lambda cell: cell["layer"] == Layer.TRAJECTORY) for group in groups.values()]


def _input(cell: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(cell[name] for name in ("claim", "case", "profile", "verdict"))


def steps_of(cell: dict[str, Any]) -> list[Any]:
    """The sampling step of each row of a cell; rows are numbered from 1 where the record does not name them."""
    evidence = cell["evidence"]
    steps = evidence.get("steps")
    return list(steps) if steps else list(range(1, len(evidence.get("ratios") or []) + 1))


def row_name(cell: Mapping[str, Any], step: Any) -> str:
    """What a row of a cell is called: `step 3`, or the name of an output where outputs are compared."""
    names = cell["evidence"].get("names")
    return str(names[step]) if names and isinstance(step, int) and 0 <= step < len(names) else f"step {step}"


@dataclass(frozen=True, slots=True)
class ClaimView:
    """One claim: its cells, and the original behind it (None where this installation has no card of that name)."""

    claim: str
    name: str
    slug: str
    cells: Cells
    original: Reference | None

    @property
    def title(self) -> str:
        """The name that people know the algorithm by."""
        base = self.original.card.title if self.original else self.name
        extra = self.claim.partition("@")[2]
        return f"{base} ({extra})" if extra else base

    @property
    def worst(self) -> dict[str, Any]:
        """The worst cell of all."""
        return max(self.cells, key=severity)

    @property
    def of_outputs(self) -> bool:
        """Whether the rows of its cells are named outputs of a function, and not sampling steps."""
        return any(cell["evidence"].get("names") for cell in self.cells)

    @property
    def pictures(self) -> bool:
        """Whether a difference can be said in grey levels: always of samplers, of outputs where one of them is a picture."""
        return not self.of_outputs or any(isinstance(cell["grey_levels"], int | float) for cell in self.cells)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict."""
        return verdict_of(self.worst)

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that were judged, in the order of the design; unknown ones last."""
        seen = {str(cell["layer"]) for cell in self.cells}
        known = [str(layer) for layer in LAYERS if layer in seen]
        return (*known, *sorted(seen.difference(known)))

    @property
    def profiles(self) -> tuple[str, ...]:
        """The profiles that were judged, in the order of the record."""
        return tuple(dict.fromkeys(str(cell["profile"]) for cell in self.cells))

    @property
    def ledger(self) -> tuple[dict[str, Any], ...]:
        """The ledger entries that were applied to cells of this claim, each once."""
        entries: dict[str, dict[str, Any]] = {}
        for cell in self.cells:
            entry = cell["evidence"].get("ledger")
            if isinstance(entry, dict):
                entries.setdefault(repr(sorted(entry.items(), key=str)), entry)
        return tuple(entries.values())

    @property
    def size(self) -> str:
        """The largest change of the finished picture over all inputs, in words."""
        if self.verdict is Verdict.BROKEN:
            return "no usable picture"
        largest = max(self.cells, key=_grey)
        if _grey(largest) < 0 and not self.verdict.same:
            return "not known" if self.verdict.unknown else "not measured"
        return size_words(largest["size"], largest["grey_levels"])

    def of_layer(self, layer: str) -> Cells:
        """The cells of one layer, worst first."""
        return sorted((c for c in self.cells if c["layer"] == layer), key=severity, reverse=True)

    def worst_in(self, layer: str) -> dict[str, Any] | None:
        """The worst cell of one layer."""
        return worst_of(c for c in self.cells if c["layer"] == layer)


@dataclass(frozen=True, slots=True)
class Overview:
    """A whole run: the claims worst first, and the record that they were read from."""

    record: RunRecord
    claims: tuple[ClaimView, ...]
    power: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # counts of seeded faults by claim
    measured_by: str = ""  # the command that counted them
    alarms: Mapping[str, Any] = field(default_factory=dict)  # counts of false alarms
    releases: int = 0  # of how many releases a history is shown beside it
    past: frozenset[str] = frozenset()  # claims that the history has
    libraries: int = 0  # how many libraries are shown beside each other on a page of their own
    reports: tuple[str, ...] = ()  # names of folders with the report of another library
    above: bool = False  # whether it is itself in a folder of such a report

    @property
    def library(self) -> str:
        """The library under test with its version."""
        header = self.record.header
        return f"{header.get('candidate', 'the library')} {header.get('version', '')}".strip()

    def worst_in(self, layer: str) -> dict[str, Any] | None:
        """The worst cell of one layer over all claims."""
        return worst_of(c for c in self.record.cells if c["layer"] == layer)

    def incomplete(self) -> str:
        """One sentence for an incomplete run, empty for a complete one."""
        said = self.record.unfinished
        return f"{said}. What is missing was not judged, and nothing here is a pass." if said else ""


def slug_of(text: str, taken: set[str]) -> str:
    """A file name for any text: readable where it can be, with a digest where that is not enough to tell two apart."""
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
    name = re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-")
    if not name or len(name) > SLUG_LENGTH or name in taken:
        name = f"{name[:SLUG_LENGTH]}-{digest}".strip("-")
    taken.add(name)
    return name


def _original(name: str) -> Reference | None:
    """The card and spec behind a claim. A report is of the past: an original that is unknown or unreadable today must not prevent it."""
    try:
        return reference(name)
    except Exception:  # noqa: BLE001 - a reference is a Python file of somebody else: it can fail in any way
        return None


def overview(record: RunRecord, power: Mapping[str, Mapping[str, Any]] | None = None, alarms: Mapping[str, Any] | None = None) -> Overview:
    """Arrange a record by claim, worst first, then by name; `power` are the certificate's entries by claim, `alarms` the false ones."""
    by_claim: dict[str, Cells] = {}
    for cell in record.cells:
        by_claim.setdefault(str(cell["claim"]), []).append(cell)
    taken: set[str] = set()
    claims = [
        ClaimView(claim, str(cells[0]["reference"]), slug_of(claim, taken), cells, _original(str(cells[0]["reference"])))
        for claim, cells in sorted(by_claim.items())
    ]

    def worst_first(claim: ClaimView) -> tuple[float, float, float, str]:
        rank, grey, far = severity(claim.worst)
        return -rank, -grey, -far, claim.claim

    return Overview(record, tuple(sorted(claims, key=worst_first)), power=power or {}, alarms=alarms or {})
