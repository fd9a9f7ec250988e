"""What tests publish to MLflow, and what MLflow holds of it."""

from __future__ import annotations

import base64
import io
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import records
from PIL import Image


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


def with_pictures(path: Path, *, claims: int = 1, **entry: Any) -> Path:
    """A run, by default of one claim, whose first cell has a strip of three latents, 2 by 4 pixels each, and a picture."""
    strip = np.full((2, 3 * 4 + 2, 3), 128, np.uint8)
    strip[:, 5:9] = (255, 0, 0)  # the second
    shown = {part: base64_png(strip) for part in ("original", "candidate", "difference")}
    lines = records.events(claims=claims, cases=("karras-20",))
    cell = next(line for line in lines if line["event"] == "cell")
    latents = {"name": "latents", "amplified": None, "steps": [1, 25, 50], **shown, **entry}
    cell["evidence"]["pictures"] = [latents, {"name": "image", "amplified": 3.0, **dict.fromkeys(shown, base64_png(strip))}]
    return records.write(path, lines)


def base64_png(values: np.ndarray) -> str:
    """A PNG as a record holds it."""
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
