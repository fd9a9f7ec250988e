"""`trueto keep`: store an X that broke a law, so that every gate judges it from then on."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command("keep")
@click.argument("candidate")
@click.argument("found", metavar="RECORD|CASE")
@click.option("--claim", metavar="NAME", help="the claim that the CASE is for, as k_diffusion/euler")
@click.option("--file", "file", type=click.Path(path_type=Path), help="where to keep it  [default: kept.toml beside the adapter]")
def command(candidate: str, found: str, claim: str | None, file: Path | None) -> int:
    """Keep what a law found for CANDIDATE: all failing drawn cases of RECORD, a file written by `trueto gate`, or one CASE by its name.

    A kept case is judged by every gate like a recorded one, from the spec, in all layers.

    \b
    Examples
      trueto keep diffusers .trueto/runs/20261124T120000-diffusers.jsonl
      trueto keep ./my_adapter.py 'steps=11,grid=karras' --claim k_diffusion/euler
    """
    from trueto.candidates import kept_path
    from trueto.errors import UsageError
    from trueto.events import read_run
    from trueto.running.client import Worker
    from trueto.running.domain import read_case
    from trueto.running.kept import Kept, from_record, keep
    from trueto.running.profiles import profile
    from trueto.workers.protocol import claim_from_json

    worker = Worker(candidate, profile("default"))
    try:
        claims = {one.id: one for one in map(claim_from_json, worker.describe()["claims"])}
    finally:
        worker.close()
    if "steps=" in found:
        if claim is None:
            raise UsageError(f"'{found}' is a case of which claim?", f"trueto list claims {candidate}; then --claim NAME")
        cases = [Kept(claim, found)]
    else:
        cases = from_record(read_run(Path(found)))
    for one in cases:
        if one.claim not in claims:
            from trueto.errors import UnknownName

            raise UnknownName("claim", one.claim, claims, f"trueto list claims {candidate}")
        read_case(claims[one.claim], one.case)
    path = file or kept_path(candidate)
    added = keep(path, cases)
    click.echo(f"{added} of {len(cases)} added to {path}; judged from now on by `trueto gate {candidate}`" if cases else "nothing to keep")
    return 0
