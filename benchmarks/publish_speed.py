"""How fast a run gets into MLflow: python benchmarks/publish_speed.py. Against bare `log_batch` on the same SQLite file, taken in turns."""

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

__all__ = ["figures"]

ROUNDS = 5
PROFILES = 3  # of 14 claims each, with ten inputs: about 23,000 metrics in 42 runs a round
WHOLE = 1000  # metrics that MLflow takes at once
RELEASES = Path(__file__).parent.parent / "reports" / "history" / "diffusers"


def _bare(client: Any, experiment: str, metrics: list[Any]) -> float:
    """Seconds to send metrics into one run, as many at once as MLflow takes."""
    run = client.create_run(experiment).info.run_id
    began = time.perf_counter()
    for start in range(0, len(metrics), WHOLE):
        client.log_batch(run, metrics=metrics[start : start + WHOLE])
    return time.perf_counter() - began


def _round(number: int, folder: Path) -> Path:
    """A run record with every verdict, other than those of the rounds before."""
    lines = records.events(profiles=tuple(f"profile-{number}-{one}" for one in range(PROFILES)))
    lines[0] |= {"id": f"round-{number}"}
    return records.write(folder / f"{number}.jsonl", lines)


def figures() -> list[Figure]:
    """The share of bare speed that publishing has, and the seconds for a history; where there is no MLflow, why nothing was measured."""
    try:
        import mlflow
        from mlflow.entities import Metric
    except ImportError:
        return [Figure("publishing, share of bare log_batch", None, "%", note="no MLflow here")]
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    with tempfile.TemporaryDirectory() as name:
        folder, uri = Path(name), f"sqlite:///{name}/mlflow.db"
        publish(records.write(folder / "first.jsonl", records.events(claims=1)), uri, site=None)  # makes the database
        client = mlflow.MlflowClient(tracking_uri=uri)
        bare_place = client.create_experiment("bare")
        ours, bare, sent = 0.0, 0.0, 0
        for number in range(ROUNDS):
            record = _round(number, folder)
            began = time.perf_counter()
            count = publish(record, uri, site=None).metrics
            ours += time.perf_counter() - began
            bare += _bare(client, bare_place, [Metric(f"ratio/layer/{n % 50}", float(n), 0, n // 50) for n in range(count)])
            sent += count
        runs = ROUNDS * PROFILES * len(records.STORIES)
        note = f"{sent:,} metrics in {runs} runs, {sent / ours:,.0f} a second; bare {sent / bare:,.0f}"
        found = [Figure("publishing, share of bare log_batch", 100 * bare / ours, "%", at_least=80.0, note=note)]
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
