"""`trueto matrix`: every library that is recorded beside every original that it claims."""

from __future__ import annotations

import json
from pathlib import Path

import click

from trueto.cli.choice import Choice

__all__ = ["command"]


@click.command("matrix", context_settings={"show_default": True})
@click.option("--format", "form", type=Choice(("markdown", "json")), default="markdown", help="what to print")
@click.option("--page", type=click.Path(path_type=Path), help="write it as a page to this file, instead of printing it")
@click.option("--history", type=click.Path(path_type=Path), default=Path("reports/history"), help="the folder that holds the histories")
def command(form: str, page: Path | None, history: Path) -> int:
    """Show the worst verdict of each recorded library on each original. Runs nothing.

    Records are made by `trueto sweep`. Of a library the newest has a column, and the last before each
    change, where these are few.

    \b
    Examples
      trueto matrix
      trueto matrix --page matrix.html
      trueto sweep k_diffusion --versions '==0.1.1.post1'
    """
    from trueto.errors import NothingSelected
    from trueto.reports import write_text
    from trueto.reports.implementations import as_data, implementations_of, implementations_page, implementations_table

    found = implementations_of(history)
    if not found.columns:
        raise NothingSelected(f"no library is recorded in {history}", "trueto sweep CANDIDATE --versions ==VERSION")
    if page is not None:
        write_text(page, implementations_page(found))
        click.echo(f"written to {page}")
    else:
        click.echo(implementations_table(found) if form == "markdown" else json.dumps(as_data(found), indent=1))
    return 0
