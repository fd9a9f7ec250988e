"""What a tracker should hold about one claim under one profile: figures by step, tags and parameters. Knows no tracker."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from trueto.errors import DataError
from trueto.events import RunRecord
from trueto.history import original_by_step
from trueto.model import Layer, Verdict
from trueto.references import reference

__all__ = ["Cells", "Metric", "RunPlan", "badness", "log10_or_least", "name", "plans", "text"]

LOG10_OF_ZERO = -3.0
TAG_LENGTH = 4000
NAME_LENGTH = 200
NOT_A_NAME = re.compile(r"[^\w\-. :/]", re.ASCII)
UNSPEAKABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

Cells = list[dict[str, Any]]


class Metric(NamedTuple):
    """One value of one curve; a tuple, for a run has hundreds and a record tens of thousands."""

    name: str
    step: int
    value: float


@dataclass(frozen=True, slots=True)
class RunPlan:
    """One run to be: a claim under a profile. `key` is the same whenever the same record is sent."""

    key: str
    reference: str
    claim: str
    profile: str
    name: str
    cells: Cells
    metrics: tuple[Metric, ...]
    tags: dict[str, str]
    params: dict[str, str]


def text(value: Any, limit: int = TAG_LENGTH) -> str:
    """Any value as text that a database and JSON can hold."""
    flat = UNSPEAKABLE.sub("\ufffd", str(value))
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def name(*parts: Any) -> str:
    """A metric's name: letters, digits and the few signs that trackers allow, `/` between the parts."""
    return NOT_A_NAME.sub("_", "/".join(str(p).replace("/", ".") for p in parts))[:NAME_LENGTH].strip()


def badness(cell: dict[str, Any]) -> tuple[bool, bool, bool, bool, float]:
    """Sort key, worst highest: the kind of the verdict, then the ratio; one that is not a number counts as endless if the cell is bad."""
    try:
        verdict = Verdict(cell["verdict"])
    except ValueError as error:
        raise DataError(f"the run record has an unknown verdict {cell['verdict']!r}", "pip install -U trueto") from error
    ratio = cell["ratio"]
    far = float(ratio) if isinstance(ratio, int | float) else math.inf if verdict.bad else -1.0
    return verdict.bad, verdict.unknown, verdict.declared, not verdict.same, far


def _quick(reference_name: str) -> frozenset[str]:
    """The quick cases of a reference; none where this installation does not have it."""
    try:
        return frozenset(case.id for case in reference(reference_name).cases if case.quick)
    except Exception:  # noqa: BLE001 - a reference is a Python file of somebody else, and a record outlives it
        return frozenset()


def _curve(cell: dict[str, Any], *parts: str) -> Iterator[Metric]:
    """Ratio, log10 of it, and drift by step; where a step has several rows, the one with the largest ratio."""
    evidence, rows = cell["evidence"], dict[int, tuple[float, float]]()
    ratios = evidence.get("ratios") or []
    steps = evidence.get("steps") or range(len(ratios))
    for step, ratio, drift in zip(steps, ratios, evidence.get("drift_rms") or [], strict=False):
        numbers = [v for v in (step, ratio, drift) if isinstance(v, int | float) and math.isfinite(v)]
        if len(numbers) == 3 and numbers[1] >= rows.get(int(step), (-1.0, 0.0))[0]:
            rows[int(step)] = (float(ratio), float(drift))
    ratios_name, log10_name, drift_name = (name(kind, *parts) for kind in ("ratio", "log10_ratio", "drift"))
    for step, (ratio, drift) in rows.items():
        yield Metric(ratios_name, step, ratio)
        yield Metric(log10_name, step, log10_or_least(ratio))
        yield Metric(drift_name, step, drift)


def _from_original(cells: Cells) -> Iterator[Metric]:
    """Of the update rule and of the whole way, how far the original itself is at each step, also where the ledger declares that.

    So the curves of releases, whose records keep no more, and that of a whole run can be laid over each other.
    """
    for layer in (Layer.UPDATE, Layer.TRAJECTORY):
        able = [(badness(cell), values) for cell in cells if cell["layer"] == layer and (values := original_by_step(cell["evidence"]))]
        _, values = max(able, key=lambda pair: (pair[0], max(pair[1].values())), default=((), dict[int, float]()))
        yield from (Metric(name("original_ratio", layer.value), step, value) for step, value in values.items())


def log10_or_least(ratio: float) -> float:
    """The logarithm of a ratio; what is a thousandth of the rounding, or nothing at all, is -3."""
    return max(LOG10_OF_ZERO, math.log10(ratio)) if ratio > 0 else LOG10_OF_ZERO


def _metrics(cells: Cells, reference_name: str) -> Iterator[Metric]:
    """The worst case of all, the worst of each layer, each quick case, and the figures of the whole run."""
    quick = _quick(reference_name)
    with_steps = sorted((c for c in cells if c["evidence"].get("ratios")), key=badness)
    worst = {str(cell["layer"]): cell for cell in with_steps}
    yield from _curve(with_steps[-1]) if with_steps else ()
    for layer, cell in worst.items():
        yield from _curve(cell, layer)
    for cell in with_steps:
        if cell["case"] in quick:
            yield from _curve(cell, str(cell["layer"]), str(cell["case"]))
    for figure, column in (("worst_ratio", "ratio"), ("worst_grey_levels", "grey_levels")):
        values = [float(c[column]) for c in cells if isinstance(c[column], int | float)]
        if values:
            yield Metric(figure, 0, max(values))
    yield from _by_layer(cells)
    yield from _by_seed(cells)
    yield from _from_original(cells)
    ratios = [float(c["ratio"]) for c in cells if isinstance(c["ratio"], int | float)]
    if ratios:
        yield Metric("worst_log10_ratio", 0, log10_or_least(max(ratios)))
    for verdict in Verdict:
        yield Metric(name("cells", verdict.value.replace(",", "")), 0, float(sum(c["verdict"] == verdict for c in cells)))


def _by_layer(cells: Cells) -> Iterator[Metric]:
    """The worst ratio of each layer, also of records that keep no steps."""
    for layer in sorted({str(cell["layer"]) for cell in cells}):
        ratios = [float(c["ratio"]) for c in cells if c["layer"] == layer and isinstance(c["ratio"], int | float)]
        if ratios:
            yield Metric(name("worst_ratio", layer), 0, max(ratios))


def _by_seed(cells: Cells) -> Iterator[Metric]:
    """The worst ratio of each layer for each seed, with the seed for a step."""
    worst: dict[tuple[str, int], float] = {}
    for cell in cells:
        if isinstance(cell["seed"], int) and isinstance(cell["ratio"], int | float):
            key = str(cell["layer"]), cell["seed"]
            worst[key] = max(float(cell["ratio"]), worst.get(key, 0.0))
    for (layer, seed), ratio in sorted(worst.items()):
        yield Metric(name("worst_ratio_by_seed", layer), seed, ratio)


def _tags(record: RunRecord, cells: Cells, key: str) -> dict[str, str]:
    worst = max(cells, key=badness)
    header = record.header
    tags: dict[str, Any] = {
        "trueto.key": key,
        "trueto.record": header.get("id", ""),
        "trueto.record_complete": str(record.complete).lower(),
        "candidate": header.get("candidate", ""),
        "version": header.get("version", ""),
        "reference": worst["reference"],
        "claim": worst["claim"],
        "profile": worst["profile"],
        "verdict": worst["verdict"],
        "size": worst["size"],
        "cause": worst["cause"],
        "reason": worst["reason"],
        "worst_cell": f"{worst['claim']}:{worst['layer']}:{worst['case']}",
        "command": worst["evidence"].get("command", ""),
    }
    for layer in sorted({str(c["layer"]) for c in cells}):
        tags[f"verdict.{name(layer)}"] = max((c for c in cells if c["layer"] == layer), key=badness)["verdict"]
    said = "" if record.complete else "**The run that this comes from did not finish.** "
    tags["mlflow.note.content"] = f"{said}{worst['verdict']}: {worst['reason'] or 'the same as the original'}"
    return {k: text(v) for k, v in tags.items() if v != ""}


def _params(record: RunRecord, cells: Cells) -> dict[str, str]:
    header = record.header
    environment = header.get("environment")
    params: dict[str, Any] = {"profile": cells[0]["profile"], "trueto": header.get("trueto"), "suite": header.get("suite")}
    params |= {f"environment.{k}": v for k, v in environment.items()} if isinstance(environment, dict) else {}
    settings = cells[0]["evidence"].get("settings")
    params |= {f"settings.{k}": v for k, v in settings.items()} if isinstance(settings, dict) else {}
    return {name(k): text(v, 500) for k, v in params.items() if v is not None}


def plans(record: RunRecord) -> list[RunPlan]:
    """One plan for each claim and profile, in the order of the record."""
    groups: dict[tuple[str, str], Cells] = {}
    for cell in record.cells:
        groups.setdefault((str(cell["claim"]), str(cell["profile"])), []).append(cell)
    result: list[RunPlan] = []
    for (claim, profile), cells in groups.items():
        content = json.dumps([record.header.get("id"), claim, profile, record.complete, cells], sort_keys=True)
        key = hashlib.sha256(content.encode("ascii")).hexdigest()
        reference_name = str(cells[0]["reference"])
        library = f"{record.header.get('candidate', '')} {record.header.get('version', '')}".strip()
        label = f"{library} · {profile}" + (f" · {claim}" if claim != reference_name else "")
        metrics = tuple(sorted(set(_metrics(cells, reference_name))))
        tags, params = _tags(record, cells, key), _params(record, cells)
        result.append(RunPlan(key, reference_name, claim, profile, text(label, 250), cells, metrics, tags, params))
    return result
