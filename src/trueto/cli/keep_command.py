"""`trueto keep`: store an X that broke a law, so that every gate without --quick judges it from then on."""

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

    A kept case is judged like a recorded one, from the spec, in all layers, by every gate but one with --quick. A case that the claim
    cannot be judged on is not kept: the error says why, with the nearest one.

    \b
    Examples
      trueto keep diffusers .trueto/runs/20261124T120000-diffusers.jsonl
      trueto keep ./my_adapter.py 'steps=11,grid=karras' --claim k_diffusion/euler
    """
    from trueto.candidates import kept_path
    from trueto.errors import UsageError
    from trueto.events import read_run
    from trueto.model import is_drawn
    from trueto.running.client import Worker
    from trueto.running.kept import Kept, from_record, judgeable, keep
    from trueto.running.profiles import profile
    from trueto.workers.protocol import claim_from_json

    worker = Worker(candidate, profile("default"))
    try:
        claims = [claim_from_json(one) for one in worker.describe()["claims"]]
    finally:
        worker.close()
    if is_drawn(found):
        if claim is None:
            raise UsageError(f"'{found}' is a case of which claim?", f"trueto list claims {candidate}; then --claim NAME")
        cases = [Kept(claim, found)]
    else:
        cases = from_record(read_run(Path(found)))
    cases = [Kept(one.claim, judgeable(candidate, claims, one.claim, one.case).id, one.why) for one in cases]
    own = kept_path(candidate)
    path = file or own
    added = keep(path, cases)
    judged = f"judged from now on by `trueto gate {candidate}`, but not with --quick"
    read = judged if path.resolve() == own.resolve() else f"a gate reads {own} alone"
    click.echo(f"{added} of {len(cases)} added to {path}; {read}" if cases else "nothing to keep")
    return 0
