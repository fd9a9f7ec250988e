"""`trueto baseline`: what is new in a run against that of the merge base."""

from __future__ import annotations

from pathlib import Path

import click

from trueto.cli.choice import Choice

__all__ = ["command"]


@click.command("baseline", context_settings={"show_default": True})
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("base", metavar="BASE_RUN", type=click.Path(path_type=Path))
@click.option("--format", "form", type=Choice(("text", "markdown", "json")), default="text", help="what to print")
@click.option("--fail-on", type=Choice(("undeclared", "any", "none")), default="undeclared", help="what makes the exit code 1")
def command(run: Path, base: Path, form: str, fail_on: str) -> int:
    """Say what is new in RUN against BASE_RUN, two records written by `trueto gate`, as of a branch and of its merge base.

    New is a cell that differs undeclared and did not, or differs in another way; that can no longer be judged; or that was judged and is
    gone. Records of another candidate, suite version, selection, of other recordings, or without their end are refused.

    \b
    Exit code: 0 nothing is new   1 something differs anew, or vanished   2 something could not be judged, or the records do not compare

    \b
    Example
      git switch --detach "$(git merge-base main HEAD)"; trueto gate --record base.jsonl
      git switch -; trueto gate --record run.jsonl; trueto baseline run.jsonl base.jsonl
    """
    from trueto.events import read_run
    from trueto.reports.baseline import BASELINE_FORMATS, compare, read_base

    found = compare(read_run(run), read_base(base))
    click.echo(BASELINE_FORMATS[form](found), nl=False)
    return found.exit_code(fail_on)
