"""Addresses of MLflow's own pages, from the root of its server. Knows no tracker."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import quote

__all__ = ["MOST_CURVES", "metric_page", "run_page"]

MOST_CURVES = 100  # of more, MLflow makes no usable picture


def run_page(experiment: str, run: str) -> str:
    """The page of one run."""
    return f"/#/experiments/{quote(experiment, safe='')}/runs/{quote(run, safe='')}"


def metric_page(experiment: str, runs: Sequence[str], metrics: Sequence[str], *, log: bool) -> str:
    """The page that draws metrics of several runs by step; in its address JSON is quoted, and the names of axes are not."""
    asked = {
        "runs": quote(json.dumps(list(runs)[:MOST_CURVES])),
        "metric": quote(json.dumps(metrics[0])),
        "experiments": quote(json.dumps([experiment])),
        "plot_metric_keys": quote(json.dumps(list(metrics))),
        "x_axis": "step",
        "y_axis_scale": "log" if log else "linear",
        "line_smoothness": "1",
        "show_point": "true",
    }
    return "/#/metric?" + "&".join(f"{name}={value}" for name, value in asked.items())
