"""What MLflow holds, and the addresses at which its own pages show it; imports mlflow only when it is asked."""

from __future__ import annotations

from trueto.model import Layer
from trueto.trackers._links import metric_page, run_page
from trueto.trackers._sources import OVER

__all__ = ["OVER_RATIO", "RELEASES", "drift_page", "held", "release_page"]

OVER_RATIO = "release_log10_ratio"
RELEASES = "trueto.releases"


def held(uri: str) -> dict[str, frozenset[str]]:
    """By original, what MLflow has: `runs`, and `releases` where a history was published."""
    import mlflow

    found = mlflow.MlflowClient(tracking_uri=uri).search_experiments()
    return {str(e.name): frozenset({"runs", "releases"} if RELEASES in e.tags else {"runs"}) for e in found}


def drift_page(uri: str, claim: str, layer: str = "", *, releases: bool = False) -> str | None:
    """MLflow's own page of a claim: the distance per step, of each version the newest run; or the ratio over `releases`, a curve a layer.

    None where it has no such run.
    """
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(claim.partition("@")[0])
    if experiment is None or experiment.lifecycle_stage != "active" or "'" in claim:
        return None
    asked = f"tags.claim = '{claim}'" + (f" and tags.`{OVER}` LIKE '%'" if releases else "")
    found = client.search_runs([experiment.experiment_id], asked, max_results=1000, order_by=["attributes.start_time DESC"])
    if releases:
        run = next(iter(found), None)
        metrics = sorted(metric for metric in run.data.metrics if metric.startswith(f"{OVER_RATIO}/{layer}")) if run else []
        return metric_page(experiment.experiment_id, [run.info.run_id], metrics, log=False) if run and metrics else None
    held, newest = {metric for run in found for metric in run.data.metrics}, dict[tuple[str, ...], str]()
    metric = f"original_ratio/{layer or Layer.TRAJECTORY.value}"
    if metric not in held:  # of a layer that has none, or sent by an older trueto
        metric = f"ratio/{layer}" if layer else "ratio"
    for run in found:
        if metric in run.data.metrics:
            newest.setdefault(tuple(run.data.tags.get(tag, "") for tag in ("candidate", "version", "profile")), run.info.run_id)
    return metric_page(experiment.experiment_id, list(newest.values()), [metric], log=True) if newest else None


def release_page(uri: str, claim: str, candidate: str, version: str) -> str | None:
    """MLflow's own page of the newest run of a claim at one release; None where it has no such run."""
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(claim.partition("@")[0])
    if experiment is None or experiment.lifecycle_stage != "active" or any("'" in text for text in (claim, candidate, version)):
        return None
    asked = f"tags.claim = '{claim}' and tags.candidate = '{candidate}' and tags.version = '{version}'"
    found = client.search_runs([experiment.experiment_id], asked, max_results=1, order_by=["attributes.start_time DESC"])
    return run_page(experiment.experiment_id, found[0].info.run_id) if found else None
