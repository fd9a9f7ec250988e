"""`trueto explain`: why one cell of a candidate differs, in plain words."""

from __future__ import annotations

import json

import click

from trueto.cli.choice import CELL_OF, Choice, cell_of

__all__ = ["command"]


@click.command("explain")
@CELL_OF
@click.option("--profile", "profile_name", default="default", metavar="NAME", help="how to run it: see `trueto list profiles`")
@click.option("--ledger", metavar="FILE", help="ledger to name what is declared so far from, instead of the candidate's own")
@click.option("--format", "form", type=Choice(("text", "json")), default="text", show_default=True, help="json: docs/explain.md")
def command(words: tuple[str, ...], profile_name: str, ledger: str | None, form: str) -> int:
    """Say why CELL of CANDIDATE differs from the original. Without a CANDIDATE it is that of [tool.trueto] in pyproject.toml.

    CELL is <claim>:<layer>:<case>, as the gate prints it, with a recorded case or a drawn one (docs/laws.md); without the layer, the first
    layer that parts is explained. The candidate is run once more for it. What it does is compared with the original's spec while the
    spec's knobs (the known ways in which implementations differ, see `trueto show`) are turned: the smallest set that restores agreement
    is the explanation.

    \b
    Exit code: 0 explained, or nothing to explain   1 no explanation was found
               2 could not judge                    4 wrong usage

    \b
    Examples
      trueto explain diffusers k_diffusion/dpmpp_2m:schedule:karras-20
      trueto explain diffusers k_diffusion/euler:churn-20
      trueto explain ./my_adapter.py k_diffusion/heun:update:karras-20
      trueto explain diffusers 'k_diffusion/dpmpp_2m:start:steps=9,grid=karras'
      trueto explain diffusers k_diffusion/euler:churn-20 --format json
    """
    from trueto.cli.telling import Telling
    from trueto.running.explain import explain, explanation_record, explanation_text, open_subject

    candidate, cell = cell_of(words, "trueto explain diffusers k_diffusion/dpmpp_2m:schedule:karras-20")
    with Telling() as tell:
        subject = open_subject(candidate, cell, profile_name=profile_name, ledger=ledger)
        try:
            found = explain(subject, tell)
        finally:
            subject.close()
    click.echo(explanation_text(found) if form == "text" else json.dumps(explanation_record(found), indent=1, allow_nan=False))
    return found.exit_code
