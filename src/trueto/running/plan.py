"""Which cells a gate judges: claims x cases x layers x profiles, narrowed by the user's selection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from trueto.errors import NothingSelected, TruetoError, UnknownName
from trueto.model import LAYERS, Case, Cell, Claim, Layer, is_drawn
from trueto.references import reference, reference_names
from trueto.running.domain import stated_layers
from trueto.running.expressed import covers, spelled_case
from trueto.running.profiles import profile

__all__ = ["Selection", "check_lacking", "covers", "matches", "plan"]

LONG = 12


@dataclass(frozen=True, slots=True)
class Selection:
    """What the user asked for; empty means everything. Names may be glob patterns."""

    references: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    profiles: tuple[str, ...] = ("default",)
    quick: bool = False
    weights: str = ""
    source: str = ""

    def to_json(self) -> dict[str, Any]:
        """The selection as it goes into the run record; which weights or examples, is said by digests there and not by their place."""
        listed = {name: list(getattr(self, name)) for name in self.__slots__ if name not in ("quick", "weights", "source")}
        return {**listed, "quick": self.quick}


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name is among what the user asked for; nothing asked for means everything."""
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def _check_names(kind: str, patterns: Sequence[str], known: Sequence[str], hint: str) -> None:
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise UnknownName(kind, pattern, known, hint)


def check_lacking(candidate: str, lacking: Mapping[str, str], selection: Selection) -> None:
    """NothingSelected, with the reason, where a claim is asked for by its name that this release of the candidate lacks."""
    for name in selection.claims:
        if why := lacking.get(name):
            raise NothingSelected(f"{candidate} cannot be asked for {name}: it {why}", f"trueto list claims {candidate}")


def plan(candidate: str, claims: Sequence[Claim], selection: Selection, kept: Sequence[tuple[str, str]] = ()) -> list[Cell]:
    """The cells to judge, cheap layers first within a case; UnknownName or NothingSelected when a selection makes no sense.

    `kept` are pairs of a claim and the id of a drawn case that is judged like a recorded one.
    """
    _check_names("reference", selection.references, reference_names(), "trueto list references")
    _check_names("claim", selection.claims, [claim.id for claim in claims], f"trueto list claims {candidate}")
    _check_names("layer", selection.layers, LAYERS, "trueto gate --help")
    for claim in claims:
        if claim.reference not in reference_names():
            raise UnknownName(f"reference claimed by {candidate}", claim.reference, reference_names(), "trueto list references")
    all_cases = {case.id for claim in claims for case in reference(claim.reference).cases}
    asked = tuple(name for name in selection.cases if is_drawn(name))
    named = tuple(name for name in selection.cases if name not in asked)
    _check_names("case", named, sorted({*all_cases, *(case for _, case in kept)}), "trueto show <reference>")
    cells = [
        Cell(candidate, claim, case, layer, name)
        for name in selection.profiles
        for claim in claims
        if matches(claim.reference, selection.references) and matches(claim.id, selection.claims)
        for case in reference(claim.reference).cases
        if covers(claim, case) and _wanted(case, selection)
        for layer in LAYERS
        if layer in stated_layers(claim, case) and matches(layer, selection.layers) and not _repeats(layer, case, selection)
        if layer is not Layer.NOISE or _draws_alike(name)
    ]
    chosen = [c for c in claims if matches(c.reference, selection.references) and matches(c.id, selection.claims)]
    cells += _spelled_out(candidate, chosen, asked, selection)
    stored = {claim.id: [case for owner, case in kept if owner == claim.id and matches(case, selection.cases)] for claim in chosen}
    for claim in chosen:
        cells += _spelled_out(candidate, [claim], [name for name in stored[claim.id] if name not in asked], selection)
    if not cells:
        raise NothingSelected(
            f"nothing to judge: no claim of {candidate} matches {_describe(selection)}{_other_seeds(chosen, selection)}",
            f"trueto list claims {candidate}",
        )
    return cells


def _other_seeds(claims: Sequence[Claim], selection: Selection) -> str:
    """Where the seeds are what nothing matches: those that the cases have which match all else."""
    other = replace(selection, seeds=())
    seeds = {c.seed for claim in claims for c in reference(claim.reference).cases if covers(claim, c) and _wanted(c, other)}
    return f"; its cases have seed {' and '.join(map(str, sorted(seeds)))}" if seeds and not seeds & {*selection.seeds} else ""


def _spelled_out(candidate: str, claims: Sequence[Claim], names: Sequence[str], selection: Selection) -> list[Cell]:
    """Cells of drawn cases, for the claims that can express them; the reason when none can."""
    cells: list[Cell] = []
    for name in names:
        why: TruetoError | None = None
        found: list[Cell] = []
        for claim in claims:
            try:
                case = spelled_case(claim, name)
            except TruetoError as error:
                why = error
                continue
            layers = [layer for layer in LAYERS if layer in case.layers and matches(layer, selection.layers)]
            found += [Cell(candidate, claim, case, layer, profile) for profile in selection.profiles for layer in layers]
        if not found and why is not None:
            raise why
        cells += found
    return cells


def _draws_alike(name: str) -> bool:
    """Whether a seed means the same numbers under a profile: not in another dtype, nor where compiled code draws by itself."""
    chosen = profile(name)
    return chosen.dtype == "float32" and not chosen.flags.get("compile")


def _wanted(case: Case, selection: Selection) -> bool:
    if selection.quick and not case.quick:
        return False
    return matches(case.id, selection.cases) and (not selection.seeds or case.seed in selection.seeds)


def _repeats(layer: Layer, case: Case, selection: Selection) -> bool:
    """Finding out which draws matter is dear, so layer noise is judged on short and quick cases unless it is asked for."""
    return layer is Layer.NOISE and case.steps > LONG and not case.quick and not selection.layers


def _describe(selection: Selection) -> str:
    chosen = {k: v for k, v in selection.to_json().items() if v}
    return ", ".join(f"{k}={v}" for k, v in chosen.items())
