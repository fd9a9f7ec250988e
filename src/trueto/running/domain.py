"""The X that a claim speaks of beyond the recorded cases: what may be drawn, and the readable, reversible names of what was.

A claim states its domain as data, in its settings (docs/laws.md). The id of a drawn case spells out the whole X, as
`steps=11,grid=karras,eta=0.5`, so that it can be typed again; a law about more than one run names itself first (`law=batch,...`).
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from trueto.errors import LedgerError, UnknownName, UsageError
from trueto.ledger.rules import Rule
from trueto.model import Case, Claim, Layer
from trueto.references import reference

__all__ = [
    "AGREEMENT",
    "Domain",
    "drawn_case",
    "fields_of",
    "knobs_of",
    "law_of",
    "layers_of",
    "numbers",
    "read_case",
    "stated_layers",
    "states_domain",
]

AGREEMENT = "agreement"
# Layer noise is left out: which numbers an original draws from a seed is known only where they were recorded.
LAYERS = (Layer.SCHEDULE, Layer.START, Layer.UPDATE, Layer.TRAJECTORY)
KEYS = frozenset(
    {
        *("steps", "further", "schedules", "networks", "seeds", "shapes", "guidance", "options", "composed", "order", "forms", "grids"),
        *("parameterizations", "layers", "unless", "without", "borders", "texts"),
    }
)
KINDS = ("choices", "whole", "range")  # how an option says what it may be
LIST = "+"
BLANK = Case("", 1)
FIELDS = ("schedule", "parameterization", "network", "guidance", "shape", "seed")


@cache
def numbers() -> dict[str, Any]:
    """laws.toml: profiles, and the domain of claims that do not narrow it."""
    return tomllib.loads((Path(__file__).parent / "laws.toml").read_text())


@dataclass(frozen=True, slots=True)
class Domain:
    """What may be drawn for a claim. `options` and `composed` are as in the claim's settings; `grids` and `parameterizations` too.

    An option is `{"range": [low, high]}` (hundredths of it), `{"whole": [low, high]}` or `{"choices": [...]}`; with `"always": True` beside
    it is never left out. An axis of `composed` is
    `{"source": ..., "values": {value: {"settings": {...}, "knobs": {...}}}}`, with `grids` and `layers` where it concerns some only,
    `least` the fewest steps, `without` the axes that do not go with it, `law` where it is for that law alone; `fields` are the schedule and
    the parameterization that it is drawn with; with `always` it is never left out; `asked` goes by way of the loop.
    `order` is `{"claimed": 2, "grid": ..., "steps": [...]}`, with `options` where one is not the plainest, and the time `until` which it is
    measured where not to the last step; `forms` is `{"grid": ..., "steps": [...]}`: where time and level told are one.
    `unless` is `{rule: reason}`: X for which a rule is true are left out. `without` is `{law: reason}`: laws that the original breaks too.
    `texts` are drawn in the place of all that where a function reads text: how many at once.
    `borders` is `{count: source}`: step counts from which on the original, its spec or the library does something else than below.
    """

    steps: tuple[int, int]
    further: tuple[int, ...]
    grids: tuple[str, ...]
    parameterizations: tuple[str, ...]
    schedules: tuple[str, ...]
    networks: tuple[str, ...]
    guidance: tuple[float | None, ...]
    seeds: tuple[int, ...]
    shapes: tuple[tuple[int, ...], ...]
    options: Mapping[str, Mapping[str, Any]]
    composed: Mapping[str, Mapping[str, Any]]
    order: Mapping[str, Any]
    forms: Mapping[str, Any]
    unless: tuple[Rule, ...]
    without: Mapping[str, str]
    edges: tuple[int, ...]
    texts: int

    @property
    def all_schedules(self) -> set[str]:
        """The schedules that may be drawn, also those that come with a composed setting."""
        return {*self.schedules, *(axis["fields"]["schedule"] for axis in self.composed.values() if "fields" in axis)}

    def holds(self, case: Case) -> bool:
        """Whether a case is none of those that are left out."""
        return not any(rule.holds(case) for rule in self.unless)

    @property
    def given(self) -> dict[str, Any]:
        """The options that are always given, each with its first value."""
        always = [(name, allowed) for name, allowed in sorted(self.options.items()) if allowed.get("always")]
        return {name: next(allowed[kind] for kind in KINDS if kind in allowed)[0] for name, allowed in always}

    @property
    def fixed(self) -> dict[str, str]:
        """The composed settings without which the claim says nothing, each with its first value."""
        return {name: min(axis["values"]) for name, axis in sorted(self.composed.items()) if axis.get("always")}

    def fields(self, composed: Mapping[str, str]) -> dict[str, str]:
        """The fields of X that some composed settings come with, as the schedule that their network was trained on."""
        return {name: value for axis in composed for name, value in self.composed[axis].get("fields", {}).items()}

    def coming_with(self, case: Case) -> dict[str, str]:
        """The composed settings without which the case's schedule or parameterization is none of the domain, each with its first value."""
        strange = [("schedule", self.schedules), ("parameterization", self.parameterizations)]
        wanted = {(name, getattr(case, name)) for name, drawn in strange if getattr(case, name) not in drawn}
        return {name: min(axis["values"]) for name, axis in self.composed.items() if wanted & {*axis.get("fields", {}).items()}}

    @property
    def empty(self) -> str:
        """The first part of which nothing can be drawn, or nothing."""
        if self.texts:
            return ""
        if not self.further and self.steps[0] > self.steps[1]:
            return "steps"
        parts = ("grids", "parameterizations", "schedules", "networks", "guidance", "seeds", "shapes")
        return next((name for name in parts if not getattr(self, name)), "")

    def axis_of(self, law: str) -> tuple[str, Mapping[str, Any]] | None:
        """The composed setting that is there for one law alone, and its name; None where the claim has none for it."""
        return next(((name, axis) for name, axis in self.composed.items() if axis.get("law") == law), None)

    @classmethod
    def of(cls, claim: Claim) -> Domain:
        """The domain that a claim states; UsageError when it states something unknown."""
        stated, common, settings = claim.settings.get("domain", {}), numbers()["domain"], claim.settings
        if unknown := sorted(set(stated) - KEYS):
            raise UsageError(f"the domain of claim {claim.id} has unknown keys: {', '.join(unknown)}", "docs/laws.md")
        found = {**common, **stated}
        return cls(
            steps=(found["steps"][0], found["steps"][1]),
            further=tuple(found["further"]),
            grids=tuple(found.get("grids", settings.get("grids", {}))),
            parameterizations=tuple(found.get("parameterizations", settings.get("parameterizations", {}))),
            schedules=tuple(found["schedules"]),
            networks=tuple(found["networks"]),
            guidance=tuple(found.get("guidance", (None,))),
            seeds=tuple(found["seeds"]),
            shapes=tuple(tuple(shape) for shape in found["shapes"]),
            options=found.get("options", {}),
            composed=found.get("composed", {}),
            order=found.get("order", {}),
            forms=found.get("forms", {}),
            unless=(rules := _left_out(claim, found)),
            without=found.get("without", {}),
            edges=_edges(found["steps"], [int(count) for count in found.get("borders", {})], rules),
            texts=found.get("texts", 0),
        )


def _edges(steps: tuple[int, int], borders: Sequence[int], rules: Sequence[Rule]) -> tuple[int, ...]:
    """Step counts at which something begins or ends.

    Those of a history that is not full yet, the last ones, and those around each stated border and around each count that a rule of
    `unless` names.
    """
    low, high = steps
    found = {*range(low, low + numbers()["domain"]["starting"]), high - 1, high}
    found |= {count + beside for count in (*borders, *(n for rule in rules for n in rule.counts)) for beside in (-1, 0, 1)}
    return tuple(sorted(count for count in found if low <= count <= high))


def _left_out(claim: Claim, stated: Mapping[str, Any]) -> tuple[Rule, ...]:
    """The rules of `unless`, which may speak of composed settings too ("" where a case has none); UsageError when one cannot be read."""
    ref, axes = reference(claim.reference), dict.fromkeys(stated.get("composed", {}), "")
    try:
        return tuple(Rule(text, [ref], f"the domain of claim {claim.id}", axes) for text in stated.get("unless", {}))
    except LedgerError as error:
        raise UsageError(error.message, error.hint) from error


def states_domain(claim: Claim) -> bool:
    """Whether the claim says for which X it holds beyond the recorded ones."""
    return "domain" in claim.settings


def knobs_of(claim: Claim, case: Case) -> dict[str, str]:
    """The knobs of the spec that the case's composed settings amount to."""
    axes = claim.settings.get("domain", {}).get("composed", {})
    return {knob: value for axis, chosen in case.composed.items() for knob, value in axes[axis]["values"][chosen]["knobs"].items()}


def layers_of(claim: Claim, case: Case) -> tuple[str, ...]:
    """The layers in which a drawn case is judged: a domain, or a composed setting, may leave out those that cannot see it apart."""
    stated = claim.settings.get("domain", {})
    axes = stated.get("composed", {})
    limits = [axes[axis]["layers"] for axis in case.composed if axes[axis].get("layers")]
    limits += [stated["layers"]] if "layers" in stated else []
    return tuple(layer for layer in stated_layers(claim, case) if all(layer in limit for limit in limits))


def stated_layers(claim: Claim, case: Case) -> tuple[str, ...]:
    """The layers of a case that a claim speaks of: all, unless it names those of the loop that are its own."""
    own = claim.settings.get("layers", case.layers)
    return tuple(layer for layer in case.layers if layer in own)


def law_of(case: Case) -> str:
    """The law that a drawn case is for; agreement of spec and candidate unless its id says otherwise."""
    return case.id.removeprefix("law=").partition(",")[0] if case.id.startswith("law=") else AGREEMENT


def drawn_case(law: str = AGREEMENT, **fields: Any) -> Case:
    """A case whose id says everything that is in it; fields that are as in any other case are not spelled out."""
    case = Case(id="", **fields)
    parts = [] if law == AGREEMENT else [f"law={law}"]
    parts += [f"steps={case.steps}", f"grid={case.grid}"]
    parts += [f"{name}={_text(name, getattr(case, name))}" for name in FIELDS if getattr(case, name) != getattr(BLANK, name)]
    parts += [f"{name}={_option_text(value)}" for name, value in sorted(case.options.items())]
    parts += [f"{axis}={value}" for axis, value in sorted(case.composed.items())]
    layers = LAYERS if law == AGREEMENT else (Layer.TRAJECTORY,)
    return replace(case, id=",".join(parts), layers=layers)


def fields_of(case: Case, **changes: Any) -> dict[str, Any]:
    """The X of a case, with changes, for `drawn_case`."""
    names = ("steps", "grid", "schedule", "parameterization", "network", "options", "guidance", "shape", "seed", "composed")
    return {**{name: getattr(case, name) for name in names}, **changes}


def _text(name: str, value: Any) -> str:
    return "x".join(map(str, value)) if name == "shape" else json.dumps(value) if name == "guidance" else str(value)


def _option_text(value: Any) -> str:
    """An option in an id, where commas part one thing from the next: lists of whole numbers are written 0+22+39."""
    return LIST.join(map(str, value)) if isinstance(value, list) else value if isinstance(value, str) else json.dumps(value)


def read_case(claim: Claim, text: str) -> Case:
    """The case that an id of a drawn case spells out; UsageError or UnknownName for what the claim cannot express."""
    axes = claim.settings.get("domain", {}).get("composed", {})
    law, fields, options, composed = AGREEMENT, dict[str, Any](), dict[str, Any](), dict[str, str]()
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals:
            raise UsageError(f"'{part}' in '{text}' is not written as name=value", "steps=11,grid=karras")
        if name == "law":
            law = value
        elif name in ("steps", "grid", *FIELDS):
            fields[name] = _value(name, value, text)
        elif name in claim.settings.get("options", {}):
            options[name] = _json(value)
        elif name in axes:
            if value not in axes[name]["values"]:
                raise UnknownName(f"value of {name} in claim {claim.id}", value, axes[name]["values"], "docs/laws.md")
            composed[name] = value
        else:
            known = ("law", "steps", "grid", *FIELDS, *claim.settings.get("options", {}), *axes)
            raise UnknownName(f"part of a drawn case of {claim.id}", name, known, "docs/laws.md")
    if "steps" not in fields:
        raise UsageError(f"'{text}' says no step count", "steps=11,grid=karras")
    return _complete(claim, text, drawn_case(law, **{**_usual(claim), **fields}, options=options, composed=composed))


def _usual(claim: Claim) -> dict[str, str]:
    """Grid, schedule and parameterisation where the claim's domain has not those of most cases: the first of its own."""
    if not states_domain(claim):
        return {}
    domain = Domain.of(claim)
    allowed = {"grid": domain.grids, "schedule": domain.schedules, "parameterization": domain.parameterizations}
    return {name: values[0] for name, values in allowed.items() if values and getattr(BLANK, name) not in values}


def _complete(claim: Claim, text: str, case: Case) -> Case:
    """The case, where it gives everything without which the claim says nothing; else a UsageError with the nearest case that does."""
    if not states_domain(claim):
        return case
    domain = Domain.of(claim)
    given, fixed = {**domain.given, **case.options}, {**domain.fixed, **domain.coming_with(case), **case.composed}
    fields = domain.fields(case.composed)
    missing = sorted({*given, *fixed} - {*case.options, *case.composed})
    missing += [f"{name}={value}" for name, value in fields.items() if getattr(case, name) != value]
    if missing:
        whole = drawn_case(law_of(case), **{**fields_of(case, options=given, composed=fixed), **fields}).id
        raise UsageError(f"'{text}' lacks {', '.join(missing)}, without which claim {claim.id} says nothing", f"--case '{whole}'")
    return case


def _json(value: str) -> Any:
    if LIST in value and value.replace(LIST, "").isdigit():
        return [int(part) for part in value.split(LIST)]
    try:
        return json.loads(value)
    except ValueError:
        return value


def _value(name: str, value: str, text: str) -> Any:
    try:
        if name in ("steps", "seed"):
            return int(value)
        if name == "shape":
            batch, channels, height, width = (int(size) for size in value.split("x"))
            return batch, channels, height, width
        return None if value == "null" else float(value) if name == "guidance" else value
    except ValueError as error:
        raise UsageError(f"{name}={value} in '{text}' cannot be read", "steps=11,grid=karras,shape=1x4x4x3,guidance=7.5") from error
