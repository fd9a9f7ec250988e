"""Where run records are kept over time: one module a tracker, found by its name, imported only when it is used."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from trueto.errors import TruetoError, UnknownName

__all__ = ["Published", "Store", "TrackerError", "publish", "shown", "tracker_names"]


class TrackerError(TruetoError):
    """A tracker that cannot be reached or refuses (exit code 2); the run record stays on disk and can be sent again."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Published:
    """What one call of `publish` did: runs made anew, half-written ones completed, and those that were there already.

    `unfinished` are the records sent that have no end, each as a sentence.
    """

    uri: str
    created: int = 0
    completed: int = 0
    present: int = 0
    metrics: int = 0
    runs: dict[str, str] = field(default_factory=dict[str, str])
    unfinished: tuple[str, ...] = ()

    def __add__(self, other: Published) -> Published:
        """Both, one after the other."""
        counts = (self.created + other.created, self.completed + other.completed, self.present + other.present)
        return Published(self.uri, *counts, self.metrics + other.metrics, {**self.runs, **other.runs}, self.unfinished + other.unfinished)

    def __str__(self) -> str:
        """What happened, for the terminal."""
        parts = [f"{self.created} runs published", f"{self.completed} completed", f"{self.present} there already"]
        return f"{', '.join(parts)} ({self.metrics:,} values) at {self.uri}"


def tracker_names() -> tuple[str, ...]:
    """All trackers, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")))


def publish(record_path: Path, tracking_uri: str | None = None, *, tracker: str = "mlflow", **options: Any) -> Published:
    """Send a run record to a tracker; sending it again changes nothing, or completes what is missing."""
    if tracker not in tracker_names():
        raise UnknownName("tracker", tracker, tracker_names())
    module = importlib.import_module(f"{__name__}.{tracker}")
    return module.publish(record_path, tracking_uri, **options)


def shown(uri: str) -> str:
    """A tracking URI without its password."""
    parts = urlsplit(uri)
    return uri.replace(f":{parts.password}@", ":***@") if parts.password else uri


@dataclass(frozen=True, slots=True)
class Store:
    """What MLflow holds already, for links to it."""

    uri: str

    def held(self) -> dict[str, frozenset[str]]:
        """By original, what it has: `runs`, `releases`."""
        from trueto.trackers import mlflow

        return mlflow.held(self.uri)

    def drift_page(self, claim: str, layer: str = "", *, releases: bool = False) -> str | None:
        """Where MLflow's server shows drift of a claim, by step with a curve a version, or by release; None where it has no run of it."""
        from trueto.trackers import mlflow

        return mlflow.drift_page(self.uri, claim, layer, releases=releases)

    def release_page(self, claim: str, candidate: str, version: str) -> str | None:
        """Where MLflow's server shows the run of a claim at one release; None where it has none."""
        from trueto.trackers import mlflow

        return mlflow.release_page(self.uri, claim, candidate, version)
