"""`trueto serve`: MLflow with the report at /drift, until Ctrl-C."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import click

from trueto.settings import TRACKING_URI

__all__ = ["command"]


@click.command("serve", context_settings={"show_default": True})
@click.option("--tracking-uri", default=TRACKING_URI, help="the database in which MLflow keeps its runs")
@click.option("--artifacts", default="", help="where MLflow keeps what is sent to it beside numbers: a folder, or s3://bucket/path")
@click.option("--host", default="127.0.0.1", help="the address to listen on; MLflow answers only to names that it knows")
@click.option("--port", type=click.IntRange(1, 65535), default=5000)
@click.option("--site", type=click.Path(path_type=Path), default=Path("reports"), help="the folder that `trueto report` writes to")
@click.option("--auth", is_flag=True, help="ask for a name and a password, as MLflow's basic-auth does (pip install 'mlflow[auth]')")
def command(tracking_uri: str, artifacts: str, host: str, port: int, site: Path, auth: bool) -> int:
    """Start MLflow with the report mounted at /drift, in one server, until Ctrl-C.

    /drift shows when a library moved away from its originals, by how much, and why: the pages of reports/, each with a link to the curves
    in MLflow. They load nothing from elsewhere. MLflow's checks of Host and Origin stay on; for other machines give --host, and the names
    under which they ask in MLFLOW_SERVER_ALLOWED_HOSTS.

    \b
    Examples
      trueto serve
      trueto publish reports/run.jsonl && trueto serve --port 5001
      trueto serve --tracking-uri postgresql+psycopg2://me@localhost/mlflow --artifacts s3://bucket/mlflow

    \b
    Exit code: 0 ended by Ctrl-C   2 MLflow did not start   4 a port in use, or MLflow is not installed
    """
    from trueto.cli.telling import Telling
    from trueto.dashboard import Pages, serve
    from trueto.errors import UsageError
    from trueto.reports.history import HISTORY

    if not site.is_dir() and site != Path("reports"):
        raise UsageError(f"there is no folder {site}", f"trueto report RUN --output {site}")
    for number in (signal.SIGTERM, signal.SIGHUP):  # a terminal that is closed ends it too, unless nohup was typed
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)
    try:
        with Telling() as telling, serve(site, tracking_uri, host=host, port=port, auth=auth, artifacts=artifacts, say=telling) as server:
            telling.clear()
            click.echo(f"drift   {server.drift}")
            click.echo(f"MLflow  {server.mlflow}")
            for name in Pages(site).histories():
                click.echo(f"        {server.drift}{HISTORY}/{name}.html has the releases of {name}")
            if not (site / "index.html").is_file():
                click.echo(f"no report in {site} yet: trueto gate diffusers --quick --record runs/run.jsonl")
                click.echo("                then: trueto report runs/run.jsonl")
            click.echo("Ctrl-C ends it")
            code = server.process.wait()
    except KeyboardInterrupt:
        click.echo("\nended")
        return 0
    click.echo(f"MLflow's server ended by itself, with exit code {code}", err=True)
    return 2


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt
