"""MLflow: an experiment for each reference, a run for each claim of a candidate version under a profile, drift by step as metrics.

The only module that imports mlflow, and only when it is used. Sending a record twice changes nothing: each run carries a key made of
the record's content, and a tag that says it is whole. A run without that tag was cut short; the next sending completes it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shlex
import socket
import tempfile
import urllib.request
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from trueto.events import RunRecord, read_run
from trueto.trackers import Published, TrackerError, shown
from trueto.trackers._plan import RunPlan, plans, text

__all__ = ["DEFAULT_URI", "drift_page", "publish", "reachable", "references"]

DEFAULT_URI = "sqlite:///mlflow.db"
BATCH = 1000
PAIRS = 100
MOST_CURVES = 100  # of more, MLflow makes no usable picture
DIGEST = 36
CONNECT_SECONDS = 3.0
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
COMPLETE = "trueto.complete"
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
LOGGERS = ("alembic", "alembic.runtime.migration", "mlflow.store.db.utils", "mlflow.utils.autologging_utils", "urllib3.connectionpool")


def publish(record_path: Path, tracking_uri: str | None = None, *, site: Path | None = Path("reports"), prefix: str = "") -> Published:
    """Send a run record; returns what was created, completed, or there already.

    `site` is the folder that `trueto.reports.write_site` wrote: pages and plots of this very run become artifacts. `prefix` goes before
    the names of experiments on a server that is shared. Raises TrackerError where MLflow cannot be reached or refuses.
    """
    record, uri = read_run(Path(record_path)), tracking_uri or DEFAULT_URI
    stays = f"The run record stays in {record_path}"
    resend = f"trueto publish {shlex.quote(str(record_path))} --tracking-uri {shlex.quote(shown(uri))}"
    try:
        reachable(uri)
    except OSError as error:
        raise TrackerError(f"MLflow at {shown(uri)} cannot be reached: {error.strerror or error}. {stays}", resend) from error
    try:
        with _quiet():
            return _Sender(record, uri, site, prefix).send()
    except TrackerError:
        raise
    except ImportError as error:
        raise TrackerError(f"MLflow is not installed: {error}. {stays}", "pip install 'trueto[mlflow]'") from error
    except Exception as error:
        why = text(str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__, 300)
        raise TrackerError(f"MLflow at {shown(uri)} did not take the run: {why}. {stays}", resend) from error


def reachable(uri: str) -> None:
    """Fail in seconds where MLflow itself would try again for minutes; OSError says why."""
    parts = urlsplit(uri)
    scheme = parts.scheme.partition("+")[0]
    if scheme == "sqlite":
        _usable_database(_database(uri))
    elif parts.hostname and scheme in PORTS and not _through_proxy(scheme, parts.hostname):
        socket.create_connection((parts.hostname, parts.port or PORTS[scheme]), CONNECT_SECONDS).close()


def _through_proxy(scheme: str, host: str) -> bool:
    return scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host)


def _database(uri: str) -> Path:
    return Path(uri.partition("://")[2].removeprefix("/").partition("?")[0])


def _usable_database(path: Path) -> None:
    """A SQLite file that exists must be one; a new one needs a folder to be in."""
    if path.is_file():
        with path.open("rb") as stream:
            head = stream.read(16)
        if head and head != b"SQLite format 3\x00":
            raise OSError(f"{path} is not a SQLite database")
        if not os.access(path, os.W_OK):
            raise PermissionError(f"{path} may not be written to")
    elif not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} does not exist")


@contextlib.contextmanager
def _quiet() -> Generator[None, None, None]:
    """Telemetry off, few retries, no logs of migrations; everything put back afterwards."""
    before = {key: os.environ.get(key) for key in QUIET}
    levels = {logger: logging.getLogger(logger).level for logger in LOGGERS}
    os.environ.update({key: os.environ.get(key, value) for key, value in QUIET.items()})
    for logger in LOGGERS:
        logging.getLogger(logger).setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in levels.items():
            logging.getLogger(logger).setLevel(level)
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


def _milliseconds(stamp: Any) -> int:
    """A time of the record in MLflow's unit; the same record always gives the same, so that a value sent twice is one value."""
    try:
        moment = datetime.fromisoformat(str(stamp))
    except ValueError:
        return 0
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _pages(site: Path | None, record: RunRecord) -> dict[str, list[Path]]:
    """Files of the site by claim, if the site was made of this very run."""
    if site is None or not (Path(site) / "claims/pages.json").is_file():
        return {}
    book = json.loads((Path(site) / "claims/pages.json").read_text(encoding="utf-8"))
    if book.get("run") != record.header.get("id"):
        return {}
    return {claim: [path for name in entry.values() if (path := Path(site) / name).is_file()] for claim, entry in book["claims"].items()}


def references(uri: str) -> frozenset[str]:
    """The names of all experiments: of each original that has runs, one."""
    import mlflow

    return frozenset(str(experiment.name) for experiment in mlflow.MlflowClient(tracking_uri=uri).search_experiments())


def drift_page(uri: str, claim: str, layer: str = "") -> str | None:
    """MLflow's own page with the ratio per step of a claim, the newest run of each version; None where there is none."""
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(claim.partition("@")[0])
    if experiment is None or experiment.lifecycle_stage != "active" or "'" in claim:
        return None
    own, order = f"tags.claim = '{claim}'", ["attributes.start_time DESC"]
    found = client.search_runs([experiment.experiment_id], own, max_results=1000, order_by=order)
    metric = f"ratio/{layer}" if layer else "ratio"
    newest: dict[tuple[str, ...], str] = {}
    for run in found:
        if metric in run.data.metrics:
            newest.setdefault(tuple(run.data.tags.get(tag, "") for tag in ("candidate", "version", "profile")), run.info.run_id)
    if not newest:
        return None
    asked = {
        "runs": quote(json.dumps(list(newest.values())[:MOST_CURVES])),
        "metric": quote(json.dumps(metric)),
        "experiments": quote(json.dumps([experiment.experiment_id])),
        "plot_metric_keys": quote(json.dumps([metric])),
        "x_axis": "step",
        "y_axis_scale": "log",
        "line_smoothness": "1",
        "show_point": "true",
    }
    return "/#/metric?" + "&".join(f"{name}={value}" for name, value in asked.items())


class _Sender:
    """One sending of one record: holds the client and the count of what was done."""

    def __init__(self, record: RunRecord, uri: str, site: Path | None, prefix: str) -> None:
        import mlflow
        from mlflow import entities

        self.entities: Any = entities
        self.client: Any = mlflow.MlflowClient(tracking_uri=uri)
        self.record, self.uri, self.prefix = record, uri, prefix
        self.started = _milliseconds(record.header.get("started"))
        self.finished = _milliseconds((record.footer or {}).get("finished")) or self.started
        self.pages = _pages(site, record)
        self.experiments: dict[str, str] = {}

    def send(self) -> Published:
        """Every plan of the record, one after the other."""
        done: dict[str, int] = {"created": 0, "completed": 0, "present": 0}
        runs: dict[str, str] = {}
        metrics = 0
        for plan in plans(self.record):
            experiment = self._experiment(plan.reference)
            found = self._find(experiment, plan.key)
            outcome = "created" if found is None else "present" if found.data.tags.get(COMPLETE) == "true" else "completed"
            run = found or self.client.create_run(experiment, start_time=self.started, tags=plan.tags, run_name=plan.name)
            if outcome != "present":
                metrics += self._fill(run, plan, fresh=found is None)
            done[outcome] += 1
            runs[f"{plan.claim} · {plan.profile}"] = run.info.run_id
        return Published(uri=shown(self.uri), metrics=metrics, runs=runs, **done)

    def _experiment(self, reference: str) -> str:
        """The experiment of a reference, made where it is missing."""
        name = text(f"{self.prefix}{reference}", 400)
        if name not in self.experiments:
            found = self.client.get_experiment_by_name(name)
            if found is not None and found.lifecycle_stage != "active":
                hint = f"mlflow experiments restore --experiment-id {found.experiment_id}"
                raise TrackerError(f"the experiment {name} was deleted in MLflow at {shown(self.uri)}", hint)
            self.experiments[name] = found.experiment_id if found else self._create(name)
        return self.experiments[name]

    def _create(self, name: str) -> str:
        """A new experiment; beside a SQLite file its artifacts lie in `mlruns` next to that file, wherever the command was typed."""
        place = None
        if self.uri.startswith("sqlite"):
            place = (_database(self.uri).resolve().parent / "mlruns").as_uri()
        return str(self.client.create_experiment(name, artifact_location=place))

    def _find(self, experiment: str, key: str) -> Any:
        found = self.client.search_runs([experiment], filter_string=f"tags.`trueto.key` = '{key}'", max_results=1)
        return found[0] if found else None

    def _fill(self, run: Any, plan: RunPlan, *, fresh: bool) -> int:
        """Everything of one run, and last of all the tag that says it is whole. Returns the number of metrics sent."""
        run_id = run.info.run_id
        metrics = [self.entities.Metric(m.name, m.value, self.started, m.step) for m in plan.metrics]
        if not fresh:
            there = {(name, m.step) for name in run.data.metrics for m in self.client.get_metric_history(run_id, name)}
            metrics = [m for m in metrics if (m.key, m.step) not in there]
        params = [self.entities.Param(key, value) for key, value in plan.params.items() if key not in run.data.params]
        for start in range(0, len(metrics), BATCH):
            self.client.log_batch(run_id, metrics=metrics[start : start + BATCH])
        for start in range(0, len(params), PAIRS):
            self.client.log_batch(run_id, params=params[start : start + PAIRS])
        self._datasets(run, plan)
        self._artifacts(run_id, plan)
        self.client.set_terminated(run_id, "FINISHED" if self.record.complete else "KILLED", end_time=self.finished)
        self.client.set_tag(run_id, COMPLETE, "true")
        return len(metrics)

    def _datasets(self, run: Any, plan: RunPlan) -> None:
        """The goldens and the fixture as dataset inputs, with their whole digests in the source (MLflow keeps 36 characters)."""
        if run.inputs and run.inputs.dataset_inputs:
            return
        goldens = self.record.header.get("goldens")
        digests = {"golden": (plan.reference, goldens.get(plan.reference) if isinstance(goldens, dict) else None)}
        digests["fixture"] = ("fixtures", self.record.header.get("fixture"))
        inputs = [
            self.entities.DatasetInput(
                self.entities.Dataset(name, str(digest)[:DIGEST], "local", json.dumps({"uri": name, "sha256": str(digest)})),
                [self.entities.InputTag("mlflow.data.context", context)],
            )
            for context, (name, digest) in digests.items()
            if digest
        ]
        if inputs:
            self.client.log_inputs(run.info.run_id, inputs)

    def _artifacts(self, run_id: str, plan: RunPlan) -> None:
        """The cells as JSON, and the page and plot of the site."""
        with tempfile.TemporaryDirectory() as folder:
            cells = Path(folder) / "cells.json"
            cells.write_text(json.dumps(plan.cells, indent=1), encoding="utf-8")
            self.client.log_artifact(run_id, str(cells))
        for path in self.pages.get(plan.claim, []):
            self.client.log_artifact(run_id, str(path))
