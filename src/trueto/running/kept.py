"""Kept cases: X that once broke a law, judged from then on like recorded ones. They stand in kept.toml beside the candidate's adapter."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trueto.errors import UsageError
from trueto.events import RunRecord
from trueto.model import Verdict

__all__ = ["Kept", "from_record", "keep", "load_kept"]

HEAD = "# X that once broke a law of trueto: `trueto keep` writes them, every gate judges them. See docs/laws.md.\n"
FIELDS = {"claim", "case", "why"}


@dataclass(frozen=True, slots=True)
class Kept:
    """One kept case: the claim, the id of the drawn case, and what was seen when it was kept."""

    claim: str
    case: str
    why: str = ""


def load_kept(path: Path | None) -> tuple[Kept, ...]:
    """The kept cases of a candidate; UsageError when the file cannot be read as written."""
    if path is None or not path.is_file():
        return ()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        cases = data["case"]
        if set(data) != {"case"} or not all(set(raw) <= FIELDS and {"claim", "case"} <= set(raw) for raw in cases):
            raise UsageError(f"{path}: every [[case]] has claim, case and perhaps why, and nothing else", "docs/laws.md")
        return tuple(Kept(**raw) for raw in cases)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} cannot be read: {error}", "trueto keep CANDIDATE RECORD") from error


def from_record(run: RunRecord) -> list[Kept]:
    """The drawn cases of a run on which something was wrong, each once."""
    found: dict[tuple[str, str], Kept] = {}
    for cell in run.cells:
        if "steps=" in cell["case"] and Verdict(cell["verdict"]).bad:
            found.setdefault((cell["claim"], cell["case"]), Kept(cell["claim"], cell["case"], f"{cell['layer']}: {cell['reason']}"))
    return list(found.values())


def keep(path: Path, more: Iterable[Kept]) -> int:
    """Add to the file what is not in it yet; how many were added."""
    old = load_kept(path)
    known = {(one.claim, one.case) for one in old}
    new = [one for one in more if (one.claim, one.case) not in known]
    if not new:
        return 0
    try:
        path.write_text(HEAD + "".join(_table(one) for one in (*old, *new)), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", "trueto keep --file FILE") from error
    return len(new)


def _table(one: Kept) -> str:
    fields: Mapping[str, Any] = {"claim": one.claim, "case": one.case, **({"why": one.why} if one.why else {})}
    return "\n[[case]]\n" + "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in fields.items())
