"""`trueto list`: references, candidates, claims, cases, fixtures, profiles."""

from __future__ import annotations

import json
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

import click

from trueto.cli.choice import Choice

__all__ = ["command"]

KINDS = ("references", "candidates", "claims", "cases", "fixtures", "profiles")
GRIDS = {
    "karras": "the roots of the noise levels are evenly spaced (Karras et al. 2022, equation 5)",
    "exponential": "the logarithms of the noise levels are evenly spaced",
    "polyexponential": "as exponential, after the place in the run is raised to a power",
}


@click.command("list")
@click.argument("kind", type=Choice(KINDS), default="references")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="as JSON")
def command(kind: str, name: str | None, *, as_json: bool) -> int:
    """List what trueto knows. NAME narrows: a candidate for claims (default diffusers), else a name of the list (glob allowed).

    References and cases are narrowed by a codebase too, as k_diffusion, and fixtures by a family, as networks.
    """
    rows = ROWS[kind](name)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return 0
    widths = [max(len(str(row[key])) for row in rows) for key in rows[0]]
    for row in rows:
        click.echo("  ".join(str(value).ljust(width) for value, width in zip(row.values(), widths, strict=True)).rstrip())
    return 0


def _narrowed(kind: str, known: Iterable[str], asked: str | None) -> list[str]:
    """The names that are asked for: all, one, those of a glob or of a codebase; UnknownName where there is none."""
    from trueto.errors import UnknownName

    names = list(known)
    found = [name for name in names if asked is None or fnmatchcase(name, asked) or name.startswith(f"{asked}/")]
    if not found and asked is not None:
        raise UnknownName(kind, asked, names if "/" in asked else {name.partition("/")[0] for name in names}, f"trueto list {kind}s")
    return found


def _references(name: str | None) -> list[dict[str, Any]]:
    from trueto.references import reference, reference_names

    return [
        {"name": n, "title": reference(n).card.title, "cases": f"{len(reference(n).cases)} cases", "paper": reference(n).card.paper}
        for n in _narrowed("reference", reference_names(), name)
    ]


def _candidates(asked: str | None) -> list[dict[str, Any]]:
    from importlib.metadata import PackageNotFoundError, version

    from trueto.candidates import candidate_names

    rows = []
    for name in _narrowed("candidate", candidate_names(), asked):
        try:
            rows.append({"name": name, "version": version(name)})
        except PackageNotFoundError:
            rows.append({"name": name, "version": _elsewhere(name)})
    return rows


def _elsewhere(name: str) -> str:
    """Where a candidate is that is not installed: in environments of its own, or nowhere yet."""
    from trueto.running.releases import built, written_for

    known = written_for(name)
    if not known:
        return f"not installed: pip install 'trueto[{name}]'"
    here = built(name)
    ready = [f"trueto gate {name}=={release}" for release in here]
    return ", ".join(ready) if ready else f"trueto env {' '.join(f'{name}=={release}' for release in known)}"


def _claims(name: str | None) -> list[dict[str, Any]]:
    from trueto.references import reference_names
    from trueto.running.client import Worker
    from trueto.running.profiles import profile

    worker = Worker(name or "diffusers", profile("default"))
    try:
        said = worker.describe()
    finally:
        worker.close()
    claimed = [
        {"claim": c["id"], "implementation": c["implementation"], "quote": f'"{c["quote"]}" ({c["source"]})'} for c in said["claims"]
    ]
    unclaimed = sorted({*reference_names(), *said["no_claims"]} - {c["reference"] for c in said["claims"]})
    return claimed + [{"claim": n, "implementation": "no claim", "quote": said["no_claims"].get(n, "not claimed")} for n in unclaimed]


def _cases(name: str | None) -> list[dict[str, Any]]:
    from trueto.references import reference, reference_names

    return [
        {
            "reference": n,
            "case": c.id,
            "steps": c.layers[0] if c.of_outputs else f"{c.steps} steps",
            "grid": "" if c.of_outputs else c.grid,
            "predicts": "" if c.of_outputs else c.parameterization,
            "network": "" if c.of_outputs else c.network,
            "options": str(dict(c.options)),
            "quick": "quick" if c.quick else "",
        }
        for n in _narrowed("reference", reference_names(), name)
        for c in reference(n).cases
    ]


def _fixtures(name: str | None) -> list[dict[str, Any]]:
    from trueto.fixtures import FAMILIES
    from trueto.fixtures.networks import FORMS, PREDICTS
    from trueto.fixtures.schedules import continuous_names, table_names
    from trueto.fixtures.source import family_info

    found = {family: list(family_info(family)["members"]) for family in FAMILIES}
    found["networks"] += [f"{form}: {words}" for form, words in FORMS.items()]
    stored = {member.partition(":")[0] for member in found["schedules"]}
    found["schedules"].append(f"{', '.join(n for n in table_names() if n not in stored)}: betas by a formula, for as many training times")
    found["schedules"].append(f"{', '.join(continuous_names())}: the level is a formula of the time told to the network")
    found["parameterizations"] = [f"{kind}: {words}" for kind, words in PREDICTS.items()]
    found["grids"] = _grids() if name is None or fnmatchcase("grids", name) else []
    families = _narrowed("fixture", found, name)
    return [{"family": family, "member": member} for family in families for member in found[family]]


def _grids() -> list[str]:
    """The grids of noise levels that cases name, and which codebases have them."""
    from trueto.references import reference, sampler_names

    users: dict[str, set[str]] = {}
    for ref in map(reference, sampler_names()):
        for case in ref.cases:
            users.setdefault(case.grid, set()).add(ref.codebase.name)
    said = {grid: f"{GRIDS[grid]}; " if grid in GRIDS else "" for grid in users}
    return [f"{grid}: {said[grid]}in cases of {', '.join(sorted(users[grid]))}" for grid in sorted(users)]


def _profiles(name: str | None) -> list[dict[str, Any]]:
    from trueto.running.profiles import absent, profile, profile_names

    names = _narrowed("profile", profile_names(), name)
    return [{"name": n, "summary": profile(n).summary, "here": absent(profile(n)) or "can run here"} for n in names]


ROWS = {
    "references": _references,
    "candidates": _candidates,
    "claims": _claims,
    "cases": _cases,
    "fixtures": _fixtures,
    "profiles": _profiles,
}
