"""`trueto report`: the static site, the tables and the metrics of a run record."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command("report")
@click.argument("record", type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), default=Path("reports"), show_default=True, help="the folder to write to")
def command(record: Path, output: Path) -> int:
    """Make reports/index.html (works from disk, offline), matrix.md and summary.json from RECORD, a file written by `trueto gate`."""
    from trueto.reports import write_site

    files = write_site(record, output)
    click.echo(f"{len(files)} files; open {output / 'index.html'}")
    return 0
