"""The numbers that DVC keeps: reports/summary.json as a metric, reports/drift.csv as a plot."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from trueto.model import LAYERS, Verdict
from trueto.reports.view import ClaimView, Overview, badness, steps_of
from trueto.reports.words import log10_ratio, verdict_of

__all__ = ["DRIFT_COLUMNS", "drift_csv", "per_step", "summary", "summary_json"]

DRIFT_COLUMNS = ("claim", "step", "ratio", "layer", "log10_ratio", "case")
DIGITS = 4


def _rounded(value: Any) -> float | None:
    return float(f"{value:.{DIGITS - 1}e}") if isinstance(value, int | float) else None


def _largest(values: list[Any]) -> float | None:
    return max((float(v) for v in values if isinstance(v, int | float)), default=None)


def per_step(cell: dict[str, Any]) -> list[tuple[int, float]]:
    """(step, ratio) of a cell, in order of steps; the largest where a step has several rows, as two stages have."""
    steps, ratios = steps_of(cell), cell["evidence"].get("ratios") or []
    worst: dict[int, float] = {}
    for step, ratio in zip(steps, ratios, strict=False):
        if isinstance(step, int | float) and isinstance(ratio, int | float):
            worst[int(step)] = max(worst.get(int(step), 0.0), float(ratio))
    return sorted(worst.items())


def _claim_numbers(claim: ClaimView) -> dict[str, Any]:
    """One claim in numbers: how far it is from what it was judged against, and how far from the original itself."""
    worst = _largest([c["ratio"] for c in claim.cells])
    originals = [(c["evidence"].get("original") or {}).get("ratio", c["ratio"]) for c in claim.cells]
    numbers: dict[str, Any] = {
        "verdict": str(claim.verdict),
        "worst_ratio": _rounded(worst),
        "log10_worst_ratio": log10_ratio(worst),
        "log10_ratio_to_original": log10_ratio(_largest(originals)),
        "grey_levels": _rounded(_largest([c["grey_levels"] for c in claim.cells])),
    }
    for layer in claim.layers:
        cell = claim.worst_in(layer)
        numbers[layer] = str(verdict_of(cell)) if cell else ""
    return numbers


def summary(view: Overview) -> dict[str, Any]:
    """Counts by verdict, worst verdict by layer, worst ratio by claim, in an order that never depends on the outcome."""
    worst = {str(layer): view.worst_in(str(layer)) for layer in LAYERS}
    return {
        "complete": int(view.record.complete),
        "cells": len(view.record.cells),
        "verdicts": {str(v): view.record.counts.get(str(v), 0) for v in Verdict if v is not Verdict.NO_CLAIM},
        "no_claim": len(view.record.no_claims),
        "layers": {layer: str(verdict_of(cell)) for layer, cell in worst.items() if cell},
        "claims": {claim.claim: _claim_numbers(claim) for claim in sorted(view.claims, key=lambda c: c.claim)},
    }


def summary_json(view: Overview) -> str:
    """The text of reports/summary.json."""
    return json.dumps(summary(view), indent=1, ensure_ascii=True) + "\n"


def drift_csv(view: Overview) -> str:
    """The text of reports/drift.csv: the ratio at each step of the worst case of each claim."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(DRIFT_COLUMNS)
    for claim in sorted(view.claims, key=lambda c: c.claim):
        cells = [c for c in claim.cells if per_step(c)]
        if not cells:
            continue
        worst = max(cells, key=badness)
        for step, ratio in per_step(worst):
            writer.writerow((claim.claim, step, f"{ratio:.4g}", worst["layer"], log10_ratio(ratio), worst["case"]))
    return buffer.getvalue()
