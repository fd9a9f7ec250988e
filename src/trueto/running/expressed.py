"""Which X a claim can express: recorded cases, and drawn ones as users type them and kept.toml stores them."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from trueto.errors import UnknownName, UsageError
from trueto.fixtures import largest_shape, network, recorded_seeds, schedule
from trueto.fixtures.networks import NETWORKS, PARAMETERIZATIONS
from trueto.fixtures.prompts import TEXT
from trueto.fixtures.schedules import schedule_names, table_names
from trueto.model import Case, Claim
from trueto.references import Reference, reference
from trueto.running.domain import AGREEMENT, KINDS, Domain, drawn_case, fields_of, law_of, layers_of, read_case, states_domain
from trueto.running.laws import LAWS
from trueto.running.texts import read_text

__all__ = ["covers", "spelled_case"]


def covers(claim: Claim, case: Case) -> bool:
    """Whether a claim's own configuration can express a case: grid, parameterisation, and every option of the original."""
    settings: Mapping[str, Any] = claim.settings
    named = case.drawn or any(fnmatchcase(case.id, pattern) for pattern in claim.cases)
    if case.of_outputs:
        return named
    return (
        named
        and (not settings.get("grids") or case.grid in settings["grids"])
        and (not settings.get("parameterizations") or case.parameterization in settings["parameterizations"])
        and all(option in settings.get("options", {}) for option in case.options)
    )


def spelled_case(claim: Claim, text: str) -> Case:
    """The drawn case that `text` spells out, with the layers in which it is judged.

    UsageError or UnknownName where the claim cannot be judged on it; the hint is then the nearest case on which it can.
    """
    ref = reference(claim.reference)
    if text.startswith(TEXT) and states_domain(claim) and Domain.of(claim).texts:
        return read_text(text)
    if ref.of_outputs:
        known = "those and text by its code points" if states_domain(claim) else f"the recorded ones: {claim.reference} has no spec"
        raise UsageError(f"claim {claim.id} has no X but {known}; saw '{text}'", f"trueto list cases {claim.reference}")
    case = read_case(claim, text)
    if law_of(case) not in (AGREEMENT, *LAWS):
        raise UnknownName("law", law_of(case), (AGREEMENT, *LAWS), "docs/laws.md")
    for name, known in _known(claim, ref).items():
        if getattr(case, name) not in known:
            nearest = _with(case, **{name: _nearest(getattr(case, name), known)})
            raise UnknownName(f"{name} of claim {claim.id}", str(getattr(case, name)), map(str, known), nearest)
    if case.steps < 1:
        raise UsageError(f"'{text}' asks for {case.steps} steps, expected 1 or more", _with(case, steps=1))
    _check_shape(case)
    _check_options(claim, ref, case)
    if not (layers := layers_of(claim, case)):
        raise UsageError(f"claim {claim.id} is judged in no layer on '{text}'", "docs/laws.md")
    return replace(case, layers=layers)


def _with(case: Case, **changes: Any) -> str:
    """The id of the same X with changes."""
    return drawn_case(law_of(case), **fields_of(case, **changes)).id


def _nearest(value: Any, known: Collection[Any]) -> Any:
    by_text = {str(one): one for one in known}
    return by_text[(difflib.get_close_matches(str(value), by_text, n=1, cutoff=0.0) or list(by_text))[0]]


def _known(claim: Claim, ref: Reference) -> dict[str, Collection[Any]]:
    """What each field of a case may be that is a name or a seed; grids are not among them where the claim does not list them.

    A schedule that is a table goes with every claim that has one; a formula only with claims that were recorded on it or draw it.
    """
    settings: Mapping[str, Any] = claim.settings
    used = {case.schedule for case in ref.cases if covers(claim, case)}
    used |= Domain.of(claim).all_schedules if states_domain(claim) else set()
    schedules = used | set(table_names()) if used & set(table_names()) else used
    return {
        **({"grid": list(settings["grids"])} if settings.get("grids") else {}),
        "schedule": [name for name in schedule_names() if name in schedules] or schedule_names(),
        "parameterization": list(settings.get("parameterizations") or PARAMETERIZATIONS),
        "network": NETWORKS,
        "seed": recorded_seeds(),
    }


def _check_shape(case: Case) -> None:
    """UsageError for a picture that the recorded noise is too small for, or that the networks do not take."""
    largest = largest_shape(case.seed)
    fitting = tuple(min(max(size, 1), most) for size, most in zip(case.shape, largest, strict=True))
    if fitting != case.shape:
        seen, most = ("x".join(map(str, shape)) for shape in (case.shape, largest))
        raise UsageError(f"shape {seen} is not within the recorded noise, 1x1x1x1 to {most}", _with(case, shape=fitting))
    answers = network(case.network, schedule(case.schedule), case.parameterization)
    with np.errstate(all="ignore"):
        answers(np.zeros(case.shape), np.ones(case.shape[0]))


def _check_options(claim: Claim, ref: Reference, case: Case) -> None:
    """UsageError for an option of another kind than those that the claim was recorded with, or draws; UnknownName for another word."""
    for name, value in case.options.items():
        known = list(_values(name, claim, ref))
        if not known or any(_kind(value) == _kind(one) and (value == one or not isinstance(value, str)) for one in known):
            continue
        nearest = _with(case, options={**case.options, name: _nearest(value, known)})
        if isinstance(value, str) and any(isinstance(one, str) for one in known):
            raise UnknownName(f"{name} of claim {claim.id}", value, [one for one in known if isinstance(one, str)], nearest)
        raise UsageError(f"{name} of claim {claim.id} is {' or '.join(sorted(set(map(_kind, known))))}; saw {value!r}", nearest)


def _values(name: str, claim: Claim, ref: Reference) -> Iterable[Any]:
    """Values that an option may have, each as an example of its kind."""
    yield from (case.options[name] for case in ref.cases if name in case.options and covers(claim, case))
    stated = Domain.of(claim).options.get(name, {}) if states_domain(claim) else {}
    yield from (value for kind in KINDS for value in stated.get(kind, ()))


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true or false"
    return "a number" if isinstance(value, int | float) else "a word" if isinstance(value, str) else "a list"
