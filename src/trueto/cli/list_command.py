"""`trueto list`: references, candidates, claims, cases, fixtures, profiles."""

from __future__ import annotations

import json
from typing import Any

import click

__all__ = ["command"]

KINDS = ("references", "candidates", "claims", "cases", "fixtures", "profiles")


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS), default="references")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="as JSON")
def command(kind: str, name: str | None, *, as_json: bool) -> int:
    """List what trueto knows. NAME narrows: a candidate for claims (default diffusers), a reference for cases."""
    rows = ROWS[kind](name)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return 0
    widths = [max(len(str(row[key])) for row in rows) for key in rows[0]]
    for row in rows:
        click.echo("  ".join(str(value).ljust(width) for value, width in zip(row.values(), widths, strict=True)).rstrip())
    return 0


def _references(_: str | None) -> list[dict[str, Any]]:
    from trueto.references import reference, reference_names

    return [
        {"name": n, "title": reference(n).card.title, "cases": f"{len(reference(n).cases)} cases", "paper": reference(n).card.paper}
        for n in reference_names()
    ]


def _candidates(_: str | None) -> list[dict[str, Any]]:
    from importlib.metadata import PackageNotFoundError, version

    from trueto.candidates import candidate_names

    rows = []
    for name in candidate_names():
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
        for n in ([name] if name else reference_names())
        for c in reference(n).cases
    ]


def _fixtures(_: str | None) -> list[dict[str, Any]]:
    from trueto.fixtures import FAMILIES
    from trueto.fixtures.source import family_info

    return [{"family": family, "member": member} for family in FAMILIES for member in family_info(family)["members"]]


def _profiles(_: str | None) -> list[dict[str, Any]]:
    from trueto.running.profiles import absent, profile, profile_names

    return [{"name": n, "summary": profile(n).summary, "here": absent(profile(n)) or "can run here"} for n in profile_names()]


ROWS = {
    "references": _references,
    "candidates": _candidates,
    "claims": _claims,
    "cases": _cases,
    "fixtures": _fixtures,
    "profiles": _profiles,
}
