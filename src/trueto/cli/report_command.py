"""`trueto report`: the static site, the tables and the metrics of a run record; of several, with the cells that are in dispute."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command("report")
@click.argument("records", metavar="RUN...", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--output", type=click.Path(path_type=Path), default=Path("reports"), show_default=True, help="the folder to write to")
def command(records: tuple[Path, ...], output: Path) -> int:
    """Make reports/index.html (works from disk, offline), matrix.md and summary.json from RUN, a file written by `trueto gate`.

    With several RUNs, one for each candidate, each gets a folder of its name. Cells in which two candidates miss the original in the same
    way are marked `disputed`: unless they share code, the recording of the original is to be doubted first.

    Example: trueto report port_a.jsonl port_b.jsonl --output reports/both
    """
    from trueto.events import read_run
    from trueto.reports import write_site, write_sites

    runs = [read_run(record) for record in records]
    if len(runs) == 1:
        files = write_site(runs[0], output)
        click.echo(f"{len(files)} files; open {output / 'index.html'}")
    else:
        for name, (files, marked) in write_sites(runs, output).items():
            index = next(file for file in files if file.name == "index.html" and file.parent.parent == output)
            click.echo(f"{name}: {len(files)} files, {marked} disputed; open {index}")
    for run in runs:
        if not run.complete:
            click.echo(f"{run.path}: {run.unfinished}; what is missing is in no table")
    return 0
