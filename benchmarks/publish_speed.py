"""How fast a run gets into MLflow: python benchmarks/publish_speed.py. Against bare `log_batch` on the same SQLite file, taken in turns.

Bare is twice: the very values into as many runs, with nothing beside them, which is what publishing is held against; and any values of few
names into one run, as many at once as MLflow takes, which costs MLflow less a value and is no dashboard.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from figures import Figure, text_of

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import records

from trueto.trackers import publish
from trueto.trackers._sources import sources

__all__ = ["figures"]

ROUNDS = 5
PROFILES = 3  # of 14 claims each, with ten inputs: about 23,000 metrics in 42 runs a round
WHOLE = 1000  # metrics that MLflow takes at once
RELEASES = Path(__file__).parent.parent / "reports" / "history" / "diffusers"


class _Clock:
    """Seconds that have passed, and those that this process has worked, which other work on the machine does not lengthen so much."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    def __enter__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        self.wall += time.perf_counter() - self._began[0]
        self.cpu += time.process_time() - self._began[1]


def _send(client: Any, experiment: str, metrics: list[Any]) -> None:
    """Metrics into one new run, as many at once as MLflow takes."""
    run = client.create_run(experiment).info.run_id
    for start in range(0, len(metrics), WHOLE):
        client.log_batch(run, metrics=metrics[start : start + WHOLE])


def _own_runs(client: Any, experiment: str, record: Path) -> None:
    """Each run's metrics into a run that has nothing else."""
    from mlflow.entities import Metric

    for plan in sources(record)[0].plans:
        _send(client, experiment, [Metric(m.name, m.value, 0, m.step) for m in plan.metrics])


def _round(number: int, folder: Path) -> Path:
    """A run record with every verdict, other than those of the rounds before."""
    lines = records.events(profiles=tuple(f"profile-{number}-{one}" for one in range(PROFILES)))
    lines[0] |= {"id": f"round-{number}"}
    return records.write(folder / f"{number}.jsonl", lines)


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %"


def figures() -> list[Figure]:
    """The share of bare speed that publishing has, and the seconds for a history; where there is no MLflow, why nothing was measured."""
    try:
        import mlflow
        from mlflow.entities import Metric
    except ImportError:
        return [Figure("publishing, share of bare log_batch of the same values", None, "%", note="no MLflow here")]
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    with tempfile.TemporaryDirectory() as name:
        folder, uri = Path(name), f"sqlite:///{name}/mlflow.db"
        publish(records.write(folder / "first.jsonl", records.events(claims=1)), uri, site=None)  # makes the database
        client = mlflow.MlflowClient(tracking_uri=uri)
        bare_place = client.create_experiment("bare")
        ours, bare, own, sent = _Clock(), _Clock(), _Clock(), 0
        for number in range(ROUNDS):
            record = _round(number, folder)
            with ours:
                count = publish(record, uri, site=None).metrics
            metrics = [Metric(f"ratio/layer/{n % 50}", float(n), 0, n // 50) for n in range(count)]
            with bare:
                _send(client, bare_place, metrics)
            with own:
                _own_runs(client, bare_place, record)
            sent += count
        runs = ROUNDS * PROFILES * len(records.STORIES)
        note = f"{sent:,} metrics in {runs} runs, {sent / ours.wall:,.0f} a second; bare {sent / bare.wall:,.0f}"
        note += f"; of CPU time {_share(bare.cpu, ours.cpu)}"
        few = Figure("publishing, share of log_batch of as many values of 50 names in one run", 100 * bare.wall / ours.wall, "%", note=note)
        note = f"bare, in {runs} runs too: {sent / own.wall:,.0f} a second; of CPU time {_share(own.cpu, ours.cpu)}"
        same = Figure("publishing, share of bare log_batch of the same values", 100 * own.wall / ours.wall, "%", at_least=80.0, note=note)
        found = [same, few]
        began = time.perf_counter()
        done = publish(RELEASES, f"sqlite:///{name}/history.db", site=None)
        note = f"{done.created} runs, {done.metrics:,} metrics, a new database"
        found.append(Figure("trueto publish reports/history/diffusers", time.perf_counter() - began, "s", note=note))
        began = time.perf_counter()
        publish(RELEASES, f"sqlite:///{name}/history.db", site=None)
        found.append(Figure("the same once more", time.perf_counter() - began, "s", note="nothing is sent"))
        return found


if __name__ == "__main__":
    print(text_of(figures()))
