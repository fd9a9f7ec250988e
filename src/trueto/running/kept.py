"""Kept cases: X that once broke a law, judged from then on like recorded ones. They stand in kept.toml beside the candidate's adapter."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trueto.errors import TruetoError, UnknownName, UsageError
from trueto.events import RunRecord
from trueto.model import Case, Claim, Verdict, is_drawn
from trueto.references import observe_spec, reference
from trueto.running.domain import AGREEMENT, knobs_of, law_of
from trueto.running.expressed import spelled_case
from trueto.running.search import applies

__all__ = ["Kept", "check_kept", "from_record", "judgeable", "keep", "load_kept"]

HEAD = (
    "# X that once broke a law of trueto: `trueto keep` writes them, every gate without --quick judges them, and with it those\n"
    "# marked quick. See docs/laws.md.\n"
)
TEXTS, FIELDS = {"claim", "case", "why"}, {"claim", "case", "why", "quick"}


@dataclass(frozen=True, slots=True)
class Kept:
    """One kept case: the claim, the id of the drawn case, what was seen when it was kept, and whether --quick judges it too."""

    claim: str
    case: str
    why: str = ""
    quick: bool = False


def load_kept(path: Path | None) -> tuple[Kept, ...]:
    """The kept cases of a candidate; UsageError when the file cannot be read as written."""
    if path is None or not path.is_file():
        return ()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        cases = data["case"]
        if set(data) != {"case"} or not all(set(raw) <= FIELDS and {"claim", "case"} <= set(raw) for raw in cases):
            raise UsageError(f"{path}: every [[case]] has claim, case and perhaps why and quick, and nothing else", "docs/laws.md")
        if not all(isinstance(value, str if name in TEXTS else bool) for raw in cases for name, value in raw.items()):
            raise UsageError(f"{path}: claim, case and why of every [[case]] are texts, quick is true or false", "docs/laws.md")
        return tuple(Kept(**raw) for raw in cases)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} cannot be read: {error}", "trueto keep CANDIDATE RECORD") from error


def from_record(run: RunRecord) -> list[Kept]:
    """The drawn cases of a run on which something was wrong, each once."""
    found: dict[tuple[str, str], Kept] = {}
    for cell in run.cells:
        if is_drawn(cell["case"]) and Verdict(cell["verdict"]).bad:
            found.setdefault((cell["claim"], cell["case"]), Kept(cell["claim"], cell["case"], f"{cell['layer']}: {cell['reason']}"))
    return list(found.values())


def judgeable(candidate: str, claims: Sequence[Claim], name: str, text: str) -> Case:
    """The case that `text` spells out, where the claim of that name can be judged on it; UsageError or UnknownName else.

    Its spec is run on it, because not everything that a spec cannot be asked has a name.
    """
    claim = next((one for one in claims if one.id == name), None)
    if claim is None:
        raise UnknownName(f"claim of {candidate}", name, [one.id for one in claims], f"trueto list claims {candidate}")
    case = spelled_case(claim, text)
    if (law := law_of(case)) != AGREEMENT and not applies(law, claim):
        raise UsageError(f"law {law} says nothing of claim {claim.id}", case.id.partition(",")[2])
    if case.of_outputs:  # text, which can always be read
        return case
    try:
        observe_spec(reference(claim.reference), case, "closed", knobs_of(claim, case))
    except (TruetoError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        said = f"the spec of {claim.reference} cannot be run on '{text}': {type(error).__name__}: {error}"
        raise UsageError(said, f"trueto list cases {claim.reference}") from error
    return case


def check_kept(path: str, kept: Sequence[tuple[str, str]], candidate: str, claims: Sequence[Claim], lacking: Collection[str] = ()) -> None:
    """UsageError for the first kept case that cannot be judged, with its file and what to do; a claim that a release lacks is no fault."""
    for number, (claim, text) in enumerate(kept, 1):
        if claim in lacking:
            continue
        try:
            judgeable(candidate, claims, claim, text)
        except TruetoError as error:
            said = f"{path}, case {number}: '{text}' of claim {claim} cannot be judged: {error.message}"
            raise UsageError(said, f"correct it ({error.hint}), or delete that [[case]]") from error


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
    fields: Mapping[str, Any] = {
        "claim": one.claim,
        "case": one.case,
        **({"why": one.why} if one.why else {}),
        **({"quick": True} if one.quick else {}),
    }
    return "\n[[case]]\n" + "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in fields.items())
