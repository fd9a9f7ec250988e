"""`trueto publish`: send a run record to MLflow, once, however often it is asked."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command("publish")
@click.argument("record", type=click.Path(path_type=Path))
@click.option("--tracking-uri", default="sqlite:///mlflow.db", show_default=True, help="where MLflow keeps its runs")
def command(record: Path, tracking_uri: str) -> int:
    """Publish RECORD, a file written by `trueto gate`, to MLflow. Asking again resumes or does nothing; nothing is sent twice."""
    from trueto.trackers import publish

    click.echo(str(publish(record, tracking_uri)))
    click.echo(f"look at it: mlflow ui --backend-store-uri {tracking_uri}")
    return 0
