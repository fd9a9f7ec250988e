"""`trueto publish`: send a run record to MLflow, once, however often it is asked."""

from __future__ import annotations

from pathlib import Path

import click

from trueto.settings import TRACKING_URI

__all__ = ["command"]


@click.command("publish")
@click.argument("record", type=click.Path(path_type=Path))
@click.option("--tracking-uri", default=TRACKING_URI, show_default=True, help="where MLflow keeps its runs")
def command(record: Path, tracking_uri: str) -> int:
    """Publish RECORD to MLflow: a file written by `trueto gate`, or a folder of such files, as the history that `trueto sweep` keeps.

    Asking again resumes or does nothing; nothing is sent twice. Of a history each release is a run, and each original has one run more
    whose steps are the releases, so that MLflow draws when it moved.

    \b
    Examples
      trueto publish reports/run.jsonl
      trueto publish reports/history/diffusers
    """
    from trueto.cli.telling import Telling
    from trueto.trackers import publish, shown

    with Telling() as telling:
        done = publish(record, tracking_uri, say=telling)
    click.echo(str(done))
    for said in done.unfinished:
        click.echo(f"{said}; MLflow shows its runs as killed")
    if tracking_uri.startswith("http"):
        click.echo(f"look at it: {shown(tracking_uri)}")
    else:
        click.echo("look at it: trueto serve" + ("" if tracking_uri == TRACKING_URI else f" --tracking-uri {shown(tracking_uri)}"))
    return 0
