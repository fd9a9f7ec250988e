"""MLflow: an experiment for each reference, a run for each claim of a candidate version under a profile, drift by step as metrics.

Imports mlflow only when it is used, as `_held` does. Sending a record twice changes nothing: each run carries a key made of
the record's content, and is ended last of all: one that has not ended was cut short, and the next sending completes it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import shlex
import shutil
import tempfile
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

from trueto.settings import TRACKING_URI
from trueto.trackers import Published, TrackerError, shown
from trueto.trackers._held import RELEASES, drift_page, held, release_page
from trueto.trackers._images import write_images
from trueto.trackers._plan import RunPlan, text
from trueto.trackers._reach import DATABASES, database_file, of_another_age, reachable
from trueto.trackers._sources import OVER, Source, batched, pages_of, sources

__all__ = ["DATABASES", "drift_page", "held", "publish", "reachable", "release_page"]

BATCH, PAIRS = 898, 100  # with the tags of a whole run what MLflow takes at once
RUNS = 1000
DIGEST = 36
COMPLETE, WHEN_ENDED = "trueto.complete", "when ended"  # "true" in runs of trueto before 0.1, which were ended before they were whole
ENDED = ("FINISHED", "KILLED")
IMAGES = "mlflow.loggedImages"  # by which MLflow's pages know that there are some
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
LOGGERS = ("alembic", "alembic.runtime.migration", "mlflow.store.db.utils", "mlflow.utils.autologging_utils", "urllib3.connectionpool")


def publish(
    record_path: Path,
    tracking_uri: str | None = None,
    *,
    site: Path | None = Path("reports"),
    prefix: str = "",
    say: Callable[[str], None] = lambda _: None,
) -> Published:
    """Send a run record, or all records of a folder; returns what was created, completed, or there already.

    `site` is the folder that `trueto.reports.write_site` wrote: pages and plots of this very run become artifacts. `prefix` goes before
    the names of experiments on a server that is shared. Raises TrackerError where MLflow cannot be reached or refuses, and DataError for a
    damaged record before anything is sent.
    """
    found, uri = sources(Path(record_path)), tracking_uri or TRACKING_URI
    stays = f"{'The records stay' if Path(record_path).is_dir() else 'The run record stays'} in {record_path}"
    resend = f"trueto publish {shlex.quote(str(record_path))} --tracking-uri {shlex.quote(shown(uri))}"
    try:
        reachable(uri)
    except OSError as error:
        raise TrackerError(f"MLflow at {shown(uri)} cannot be reached: {error.strerror or error}. {stays}", resend) from error
    done = Published(shown(uri), unfinished=tuple(f"{s.said}: {s.record.unfinished}" for s in found if not s.record.complete))
    try:
        with _quiet():
            known = _Known(uri, prefix)
            with _records_set_aside():
                for number, source in enumerate(found, 1):
                    about = f"[{number}/{len(found)}] {source.said}"
                    done += _Sender(source, known, site).send(lambda what, about=about: say(f"{about}: {what}"))
    except TrackerError:
        raise
    except ModuleNotFoundError as error:
        raise TrackerError(f"MLflow is not installed: {error}. {stays}", "pip install 'trueto[mlflow]'") from error
    except Exception as error:
        if aged := of_another_age(str(error), uri):
            raise TrackerError(f"{aged.message}. {stays}", aged.hint) from error
        why = text(str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__, 300)
        raise TrackerError(f"MLflow at {shown(uri)} did not take the run: {why}. {stays}", resend) from error
    return done


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


@contextlib.contextmanager
def _records_set_aside() -> Generator[None, None, None]:
    """What is in memory now stays there: Python need not look through whole records for garbage after every few hundred values sent."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _milliseconds(stamp: Any) -> int:
    """A time of the record in MLflow's unit; the same record always gives the same, so that a value sent twice is one value."""
    try:
        moment = datetime.fromisoformat(str(stamp))
    except ValueError:
        return 0
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


class _Known:
    """What MLflow has already: experiments by name, and the runs of each by key, asked for once a call of `publish`."""

    def __init__(self, uri: str, prefix: str) -> None:
        import mlflow

        self.client: Any = mlflow.MlflowClient(tracking_uri=uri)
        self.uri, self.prefix = uri, prefix
        self._experiments: dict[str, str] = {}
        self._runs: dict[str, dict[str, Any]] = {}

    def experiment(self, reference: str) -> str:
        """The experiment of a reference, made where it is missing."""
        name = text(f"{self.prefix}{reference}", 400)
        if name not in self._experiments:
            found = self.client.get_experiment_by_name(name)
            if found is not None and found.lifecycle_stage != "active":
                hint = f"mlflow experiments restore --experiment-id {found.experiment_id}"
                raise TrackerError(f"the experiment {name} was deleted in MLflow at {shown(self.uri)}", hint)
            self._experiments[name] = found.experiment_id if found else self._create(name)
        return self._experiments[name]

    def _create(self, name: str) -> str:
        """A new experiment; beside a SQLite file its artifacts lie in `mlruns` next to that file, wherever the command was typed."""
        place = None
        if self.uri.startswith("sqlite"):
            place = (database_file(self.uri).resolve().parent / "mlruns").as_uri()
        return str(self.client.create_experiment(name, artifact_location=place))

    def runs(self, experiment: str) -> dict[str, Any]:
        """The runs of an experiment that trueto made, by key."""
        if experiment not in self._runs:
            token, found = "", dict[str, Any]()
            while token is not None:
                page = self.client.search_runs([experiment], max_results=RUNS, page_token=token or None)
                found |= {run.data.tags.get("trueto.key", run.info.run_id): run for run in page}
                token = page.token or None
            self._runs[experiment] = found
        return self._runs[experiment]


class _Sender:
    """One sending of one record: holds what is known of the store and the count of what was done."""

    def __init__(self, source: Source, known: _Known, site: Path | None) -> None:
        from mlflow import entities

        self.entities: Any = entities
        self.source, self.record, self.known, self.client = source, source.record, known, known.client
        self.started = _milliseconds(self.record.header.get("started"))
        self.finished = _milliseconds((self.record.footer or {}).get("finished")) or self.started
        self.pages = pages_of(site, self.record)

    def send(self, say: Callable[[str], None]) -> Published:
        """Every plan, one after the other."""
        done: dict[str, int] = {"created": 0, "completed": 0, "present": 0}
        runs: dict[str, str] = {}
        metrics = 0
        for number, plan in enumerate(self.source.plans, 1):
            say(f"{number} of {len(self.source.plans)} runs")
            experiment = self.known.experiment(plan.reference)
            found = self.known.runs(experiment).get(plan.key)
            if found is not None and _whole(found):
                outcome, run = "present", found
            else:
                outcome = "created" if found is None else "completed"
                run, count = self._fill(experiment, found, plan)
                metrics += count
                self._replace(experiment, plan)
            done[outcome] += 1
            runs[f"{plan.claim} · {plan.profile}"] = run.info.run_id
        return Published(shown(self.known.uri), done["created"], done["completed"], done["present"], metrics, runs)

    def _replace(self, experiment: str, plan: RunPlan) -> None:
        """Of the curve over releases only the newest stays; that of fewer releases goes where MLflow keeps what was deleted."""
        if OVER not in plan.tags:
            return
        self.client.set_experiment_tag(experiment, RELEASES, "true")
        for key, old in self.known.runs(experiment).items():
            if old.data.tags.get(OVER) == plan.tags[OVER] and key != plan.key:
                self.client.delete_run(old.info.run_id)

    def _fill(self, experiment: str, run: Any, plan: RunPlan) -> tuple[Any, int]:
        """Everything of one run, made where it is None, and last of all its end. Returns it, and the number of metrics sent."""
        with tempfile.TemporaryDirectory() as folder:
            marks = {COMPLETE: WHEN_ENDED, **({IMAGES: "true"} if self._write(Path(folder), plan) else {})}
            metrics = [self.entities.Metric(m.name, m.value, self.started, m.step) for m in plan.metrics]
            late: list[Any] = []
            if run is None:
                run = self.client.create_run(experiment, start_time=self.started, tags={**plan.tags, **marks}, run_name=plan.name)
            else:
                history = {name: self.client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
                there = {(name, m.step) for name, values in history.items() for m in values}
                metrics = [m for m in metrics if (m.key, m.step) not in there]
                late = [self.entities.RunTag(*mark) for mark in marks.items()]
            self._datasets(run, plan)
            self._artifacts(run, folder)
        params = [self.entities.Param(key, value) for key, value in plan.params.items() if key not in run.data.params]
        pieces = list(zip_longest(batched(metrics, BATCH), batched(params, PAIRS), fillvalue=[])) or [([], [])]
        for number, (some, pairs) in enumerate(pieces, 1):
            self.client.log_batch(run.info.run_id, metrics=some, params=pairs, tags=late if number == len(pieces) else [])
        self.client.set_terminated(run.info.run_id, "FINISHED" if self.record.complete else "KILLED", end_time=self.finished)
        return run, len(metrics)

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

    def _write(self, folder: Path, plan: RunPlan) -> bool:
        """The cells as JSON, page and plot of the site, and images by step; nothing of a release, whose record is small and kept elsewhere.

        Whether there are images.
        """
        if self.source.release:
            return False
        lines = ",\n".join(json.dumps(cell) for cell in plan.cells)
        (folder / "cells.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
        for path in self.pages.get(plan.claim, []):
            shutil.copy(path, folder)
        return write_images(folder, plan.cells, self.started)

    def _artifacts(self, run: Any, folder: str) -> None:
        """Send what was written; to a folder of this machine without asking MLflow where that is, which the run itself says."""
        if self.source.release:
            return
        if run.info.artifact_uri.startswith("file:"):
            from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

            get_artifact_repository(run.info.artifact_uri).log_artifacts(folder)
        else:
            self.client.log_artifacts(run.info.run_id, folder)


def _whole(run: Any) -> bool:
    """Whether nothing of a run is missing."""
    mark = run.data.tags.get(COMPLETE)
    return mark == "true" or (mark == WHEN_ENDED and run.info.status in ENDED)
