"""What a candidate's ledger says, for pages of records that keep the name of a variant only; nothing of the candidate is imported."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from trueto.candidates import ledger_path
from trueto.errors import TruetoError

__all__ = ["Entry", "entries_of"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry that names a variant: for which originals, claims and layers (patterns), and what it says."""

    reference: str
    claims: tuple[str, ...]
    layers: tuple[str, ...]
    variant: str
    reason: str
    link: str

    def speaks_of(self, claim: str) -> bool:
        """Whether it speaks of a claim; a pattern that begins with ! leaves one out."""
        left_out = any(fnmatchcase(claim, name[1:]) for name in self.claims if name.startswith("!"))
        meant = not self.claims or any(fnmatchcase(claim, name) for name in self.claims if not name.startswith("!"))
        return meant and not left_out and fnmatchcase(claim.partition("@")[0], self.reference)


def _entry(raw: dict[str, Any]) -> Entry:
    said = (str(raw.get(name, "")) for name in ("variant", "reason", "link"))
    return Entry(str(raw["reference"]), tuple(map(str, raw.get("claims", ()))), tuple(map(str, raw["layers"])), *said)


def entries_of(candidate: str) -> Sequence[Entry]:
    """The entries of a candidate's ledger; none where it has none here, or one that the gate would refuse, and say so."""
    try:
        path = ledger_path(candidate)
        data = {} if path is None else tomllib.loads(path.read_text(encoding="utf-8"))
        return [_entry(raw) for raw in data.get("deviation", []) if raw.get("variant")]
    except (TruetoError, OSError, ValueError, LookupError, TypeError, AttributeError):
        return []
