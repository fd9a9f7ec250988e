"""What MLflow holds of that which tests published."""

from __future__ import annotations

import sqlite3
from typing import Any


def runs(uri: str, prefix: str) -> list[Any]:
    """All runs under a prefix."""
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri)
    found = [e.experiment_id for e in client.search_experiments() if e.name.startswith(prefix)]
    return list(client.search_runs(found)) if found else []


def content(uri: str, prefix: str) -> dict[str, Any]:
    """Everything that a store holds under a prefix, without what differs from run to run by nature."""
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri)
    store = sqlite3.connect(uri.removeprefix("sqlite:///"))
    result = {}
    for run in runs(uri, prefix):
        history = store.execute("select key, step, value from metrics where run_uuid = ?", [run.info.run_id]).fetchall()
        inputs = sorted((i.dataset.name, i.dataset.digest) for i in run.inputs.dataset_inputs)
        artifacts = sorted(a.path for a in client.list_artifacts(run.info.run_id))
        result[run.data.tags["trueto.key"]] = (run.info.status, sorted(history), run.data.params, run.data.tags, inputs, artifacts)
    store.close()
    return result
