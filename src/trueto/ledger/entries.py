"""The ledger: deviations that a candidate declares, each by the variant of the original's spec that it equals."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from trueto.errors import LedgerError, TruetoError, UnknownName
from trueto.ledger.rules import Rule
from trueto.model import LAYERS, Case, Cell
from trueto.references import reference, reference_names

__all__ = ["Deviation", "Ledger", "load_ledger"]

FIELDS = {
    "reference", "claims", "layers", "cases", "profiles", "variant", "band", "reason", "link", "owner", "since", "review", "test",
    "when", "releases",
}  # fmt: skip
LISTS = ("claims", "layers", "cases", "profiles")
TEXTS = ("reference", "variant", "reason", "link", "owner", "test", "when", "releases")
NOT = "!"  # before the name of a claim that an entry does not speak of
REQUIRED = {  # what every entry has, and how it is written
    "reference": 'reference = "k_diffusion/euler"',
    "layers": 'layers = ["update", "trajectory"]',
    "reason": 'reason = "what differs, and why"',
    "owner": 'owner = "who answers for it"',
    "since": 'since = "the first release that has it"',
}


@dataclass(frozen=True, slots=True)
class Deviation:
    """One entry: where it applies, and either a variant (exact) or a two-sided band of ratios (last resort).

    `claims` names claims, and with `!` before it one that is left out, as `["*", "!edm/ablation"]`. `cases` names recorded cases,
    or a drawn one by its whole id; `when` is a rule for every X, drawn or recorded. Where an entry has both, the names decide for
    recorded cases and the rule for the others. `releases` is a specifier, as `<1.6`: of others the entry does not speak.

    `rounding` marks an entry whose knobs only concern precision: it explains a few floors where they are exceeded, and is
    not stale where they are not.
    """

    reference: str
    claims: tuple[str, ...]
    layers: tuple[str, ...]
    cases: tuple[str, ...]
    profiles: tuple[str, ...]
    knobs: Mapping[str, str]
    variant: str
    band: tuple[float, float] | None
    reason: str
    link: str
    owner: str
    since: str
    review: str
    test: str
    rounding: bool = False
    when: Rule | None = None
    releases: str = ""

    def covers(self, cell: Cell) -> bool:
        """Whether the entry speaks of a cell."""
        return (
            self.speaks_of(cell.claim.reference, cell.claim.id)
            and any(fnmatchcase(cell.layer, p) for p in self.layers)
            and self._holds_on(cell.case)
            and any(fnmatchcase(cell.profile, p) for p in self.profiles)
        )

    def speaks_of(self, reference: str, claim: str) -> bool:
        """Whether the entry speaks of a claim at all, on whatever case and in whatever layer."""
        return fnmatchcase(reference, self.reference) and self._speaks_for(claim)

    def _speaks_for(self, claim: str) -> bool:
        if any(name.startswith(NOT) and fnmatchcase(claim, name[1:]) for name in self.claims):
            return False
        return any(fnmatchcase(claim, name) for name in self.claims if not name.startswith(NOT))

    def _holds_on(self, case: Case) -> bool:
        if self.when is not None and (case.drawn or not self.cases):
            return self.when.holds(case)
        return not self.cases or any(fnmatchcase(case.id, p) for p in self.cases)

    def to_json(self) -> dict[str, Any]:
        """What the run record keeps of the entry."""
        return {
            "variant": self.variant,
            "band": self.band,
            "reason": self.reason,
            "link": self.link,
            "test": self.test,
            "since": self.since,
            "owner": self.owner,
        }


@dataclass(frozen=True, slots=True)
class Ledger:
    """All entries of one candidate. A cell is covered by the combination of all entries that speak of it.

    It speaks of the installed release. Of another one it is not `binding`: its entries explain what they explain, and an entry that
    is not there is no fault.
    """

    path: str
    candidate: str
    entries: tuple[Deviation, ...]
    binding: bool = True

    def covering(self, cell: Cell) -> tuple[Deviation, ...]:
        """The entries for a cell, in the order of the file, those about rounding last."""
        return tuple(sorted((entry for entry in self.entries if entry.covers(cell)), key=lambda entry: entry.rounding))


def load_ledger(path: Path | None, candidate: str, release: str = "") -> Ledger:
    """Read and check a deviations.toml; None is an empty ledger. LedgerError names the entry and what is wrong.

    Entries that speak of other releases than `release` are left out; without one all are there.
    """
    if path is None:
        return Ledger("", candidate, ())
    try:
        data = tomllib.loads(path.read_text())
    except OSError as error:
        raise LedgerError(f"ledger {path} cannot be read: {error.strerror}", "--ledger FILE") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LedgerError(f"ledger {path} is not TOML: {error}", f"mend {path} there") from error
    unknown = set(data) - {"candidate", "deviation"}
    if unknown:
        said = f"ledger {path} has unknown keys: {', '.join(sorted(unknown))}; expected candidate and [[deviation]]"
        raise LedgerError(said, "put what belongs to an entry below its [[deviation]]")
    if data.get("candidate") != candidate:
        said = f"ledger {path} is for candidate {data.get('candidate')!r}, not for {candidate!r}"
        raise LedgerError(said, f'candidate = "{candidate}" in {path} where it is yours, or --ledger with another file')
    if not isinstance(found := data.get("deviation", []), list) or not all(isinstance(raw, dict) for raw in found):
        raise LedgerError(f"ledger {path}: an entry has two brackets, one for each", "[[deviation]]")
    entries = [_entry(raw, _named(path, number, raw)) for number, raw in enumerate(found, 1)]
    return Ledger(str(path), candidate, tuple(entry for entry in entries if not release or SpecifierSet(entry.releases).contains(release)))


def _named(path: Path, number: int, raw: Mapping[str, Any]) -> str:
    """Which entry it is, for a reader who counts neither brackets nor lines."""
    said = raw.get("reference")
    return f"{path}, deviation {number}" + (f" ({said})" if isinstance(said, str) else "")


def _entry(raw: Mapping[str, Any], where: str) -> Deviation:
    if unknown := sorted(set(raw) - FIELDS):
        raise LedgerError(f"{where}: unknown keys {', '.join(unknown)}; known: {', '.join(sorted(FIELDS))}", "CONTRIBUTING.md")
    if missing := [name for name in REQUIRED if not raw.get(name)]:
        raise LedgerError(f"{where}: {', '.join(missing)} missing", "; ".join(REQUIRED[name] for name in missing))
    _check_types(raw, where)
    if ("variant" in raw) == ("band" in raw):
        raise LedgerError(
            f"{where}: give either a variant (exact) or a band of ratios (last resort)", "trueto explain CELL names the variant"
        )
    if bad := [layer for layer in raw["layers"] if not any(fnmatchcase(known, layer) for known in LAYERS)]:
        raise LedgerError(f"{where}: unknown layers {', '.join(bad)}; known: {', '.join(LAYERS)}", REQUIRED["layers"])
    knobs, rounding = _knobs(raw, where)
    return Deviation(
        reference=raw["reference"],
        claims=tuple(raw.get("claims", ["*"])),
        layers=tuple(raw["layers"]),
        cases=tuple(raw.get("cases", [])),
        profiles=tuple(raw.get("profiles", ["*"])),
        knobs=knobs,
        variant=raw.get("variant", ""),
        band=_band(raw.get("band"), where),
        reason=raw["reason"],
        link=raw.get("link", ""),
        owner=raw["owner"],
        since=str(raw["since"]),
        review=_review(raw.get("review"), where),
        test=raw.get("test", ""),
        rounding=rounding,
        when=_rule(raw, where),
        releases=_releases(raw.get("releases", ""), where),
    )


def _check_types(raw: Mapping[str, Any], where: str) -> None:
    for name in LISTS:
        value = raw.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise LedgerError(f"{where}: {name} is a list of names; saw {value!r}", f'{name} = ["*"]')
    if (claims := raw.get("claims")) and all(name.startswith(NOT) for name in claims):
        raise LedgerError(f"{where}: claims names only what is left out ({', '.join(claims)})", 'put "*" first for all others')
    if raw.get("cases") == []:
        said = f"{where}: cases is an empty list, which names nothing"
        raise LedgerError(said, 'cases = ["karras-*"], a rule as when = "steps > 1", or neither for all cases')
    for name in TEXTS:
        if not isinstance(raw.get(name, ""), str):
            raise LedgerError(f"{where}: {name} is a text; saw {raw[name]!r}", f'{name} = "…"')


def _spoken_of(raw: Mapping[str, Any]) -> list[str]:
    """The references that an entry names and that have a case in one of its layers; all that it names where none has."""
    named = [name for name in reference_names() if fnmatchcase(name, raw["reference"])]
    layers = {name: {layer for case in reference(name).cases for layer in case.layers} for name in named}
    return [name for name in named if any(fnmatchcase(layer, wanted) for layer in layers[name] for wanted in raw["layers"])] or named


def _knobs(raw: Mapping[str, Any], where: str) -> tuple[dict[str, str], bool]:
    """The knobs of an entry's variant, which every reference that it speaks of must know."""
    named = _spoken_of(raw)
    if not named:
        error = UnknownName("reference", raw["reference"], reference_names(), "trueto list references")
        raise LedgerError(f"{where}: {error.message}", error.hint)
    if "variant" not in raw:
        return {}, False
    try:
        found = [reference(name).variant(raw["variant"]) for name in named]
    except TruetoError as error:
        raise LedgerError(f"{where}: {error.message}", error.hint) from error
    precise = reference(named[0]).precision_knobs
    return found[0], all(knob in precise for knob in found[0])


def _releases(value: str, where: str) -> str:
    try:
        return str(SpecifierSet(value))
    except InvalidSpecifier as error:
        raise LedgerError(f"{where}: releases is {value!r}, expected a range of releases", 'releases = "<1.6"') from error


def _rule(raw: Mapping[str, Any], where: str) -> Rule | None:
    return Rule(raw["when"], [reference(name) for name in _spoken_of(raw)], where) if "when" in raw else None


def _band(value: Any, where: str) -> tuple[float, float] | None:
    if value is None:
        return None
    numbers = isinstance(value, list) and all(isinstance(end, int | float) for end in value)
    if not (numbers and len(value) == 2 and 0 < value[0] < value[1]):
        raise LedgerError(f"{where}: a band is two increasing ratios; saw {value!r}", "band = [10.0, 40.0]")
    return float(value[0]), float(value[1])


def _review(value: Any, where: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, datetime.date):
        raise LedgerError(f"{where}: review is a date without quotes, as 2027-01-31; saw {value!r}", "review = 2027-01-31")
    if value < datetime.datetime.now(tz=datetime.UTC).date():
        raise LedgerError(
            f"{where}: its review date {value} has passed",
            f"trueto gate without the entry; where it is still wanted, review = {value.year + 2}-01-31",
        )
    return value.isoformat()
