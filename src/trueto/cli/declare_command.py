"""`trueto declare`: from what explain found to an entry of the ledger."""

from __future__ import annotations

import contextlib
import shlex
import sys
from typing import TYPE_CHECKING, Any

import click

from trueto.cli.choice import CELL_OF, cell_of

if TYPE_CHECKING:
    from pathlib import Path

    from trueto.model import Judgement
    from trueto.running.explain import Explanation, Subject

__all__ = ["command"]


@click.command("declare")
@CELL_OF
@click.option("--reason", metavar="TEXT", help="why it differs, for readers; asked for on a terminal")
@click.option("--owner", metavar="NAME", help="who answers for it; asked for on a terminal")
@click.option("--ledger", metavar="FILE", help="the ledger to append to  [default: the candidate's own deviations.toml]")
@click.option("--band", is_flag=True, help="as a last resort: allow half to twice the measured ratio, without an explanation")
@click.option("--profile", "profile_name", default="default", metavar="NAME", help="how to run it: see `trueto list profiles`")
def command(words: tuple[str, ...], profile_name: str, ledger: str | None, *, band: bool, **said: Any) -> int:
    """Declare that CELL of CANDIDATE differs from the original, and how. Without a CANDIDATE it is that of [tool.trueto].

    CELL is explained as by `trueto explain`; the variant of the original's spec that restores agreement is appended to the ledger, for this
    claim, layer and case alone. Nothing that is there is rewritten. The cell is judged with the new ledger first: nothing is
    written unless its verdict is then `declared`.

    \b
    Exit code: 0 declared   1 no explanation to declare   2 could not judge   4 wrong usage, declared already, nothing to declare

    \b
    Examples
      trueto declare k_diffusion/euler:start:karras-20
      trueto declare ./my_adapter.py k_diffusion/euler:start:karras-20
      trueto declare diffusers k_diffusion/heun:update:karras-20 --reason "our second stage is at sigma_next" --owner mylib
    """
    from trueto.cli.telling import Telling
    from trueto.running.explain import explain, open_subject
    from trueto.running.explain.declare import ledger_file

    candidate, cell = cell_of(words, "trueto declare ./my_adapter.py k_diffusion/euler:start:karras-20")
    _ask_early(said)
    with Telling() as tell:
        subject = open_subject(candidate, cell, profile_name=profile_name, ledger=ledger)
    with contextlib.closing(subject):
        path = ledger_file(subject, ledger)
        with tell:
            found = explain(subject, tell)
        return _declare(found, path, said, band=band)


HELP = {"reason": "what your library does instead, for readers", "owner": "who answers for it"}


def _declare(found: Explanation, path: Path, said: dict[str, Any], *, band: bool) -> int:
    from trueto.running.explain.declare import append_entry, entry_for, refuse_if_needless

    subject, cell = found.subject, found.subject.cell(found.layer).id
    if found.judgement.verdict.unknown or (found.exit_code and not band):
        click.echo(_not_declared(subject, found.judgement), err=True)
        return found.exit_code
    refuse_if_needless(subject, found)
    sketch = entry_for(found, "", "", band=band)
    for name, what in HELP.items():
        if not (said[name] or "").strip():
            click.echo(f"{cell}: {sketch.variant or f'no explanation; band {sketch.band}'}", err=True)
            said[name] = click.prompt(f"{name} ({what})", err=True)
    entry = entry_for(found, said["reason"], said["owner"], band=band)
    judged = append_entry(found, entry, path)
    click.echo(f"appended to {path}:\n\n{entry.text(found)}\n{cell}: {judged.verdict} ({judged.reason})")
    return 0


def _ask_early(said: dict[str, Any]) -> None:
    """UsageError where a reason or an owner is missing and nobody can be asked."""
    from trueto.errors import UsageError

    missing = [name for name in HELP if not (said[name] or "").strip()]
    if missing and not sys.stdin.isatty():
        raise UsageError(
            f"a declaration needs {' and '.join(f'--{name}' for name in missing)}, and there is no terminal to ask on",
            " ".join(f'--{name} "{HELP[name]}"' for name in missing),
        )


def _not_declared(subject: Subject, judged: Judgement) -> str:
    cell = subject.cell(judged.cell.layer).id
    if judged.verdict.unknown:
        return f"{cell}: {judged.verdict}: {judged.reason}; nothing was written"
    return (
        f"{cell}: {judged.verdict}: {judged.reason}\nno variant of {subject.ref.id} restores agreement, so there is nothing exact "
        f"to declare; nothing was written\n   try: trueto explain {subject.gate.spec} {shlex.quote(cell)}, or as a last resort --band"
    )
