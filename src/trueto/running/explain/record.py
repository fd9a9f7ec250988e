"""An explanation as JSON data, for scripts and for those who draw their own pictures; docs/explain.md has the schema in words."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from trueto.events import cell_record
from trueto.running.explain.account import Explanation
from trueto.running.explain.convergence import Convergence
from trueto.running.explain.search import Search, Trial

__all__ = ["explanation_record"]

SCHEMA = 1


def explanation_record(found: Explanation) -> dict[str, Any]:
    """Everything that the screen is made of; numbers that are not finite are null."""
    subject = found.subject
    return {
        "schema": SCHEMA,
        "cell": cell_record(found.judgement),
        "outcome": "explained" if found.explained else "nothing to explain" if not found.differs else "unexplained",
        "layers": {str(layer): {"verdict": str(judged.verdict), "ratio": _finite(judged.ratio)} for layer, judged in found.layers.items()},
        "variants": [_trial(trial) for trial in found.search.found] if found.search else [],
        "search": None if found.search is None else _search(found.search),
        "earlier_layers": {str(layer): [_trial(trial) for trial in before.found] for layer, before in found.before.items()},
        "terms": None if found.rule is None else asdict(found.rule),
        "convergence": _convergence(found.order),
        "read": {
            "candidate": found.source or subject.claim.implementation,
            "spec": f"references/{subject.ref.id}.py:{subject.ref.line}",
            "original": subject.ref.card.function,
        },
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _trial(trial: Trial) -> dict[str, Any]:
    judged = trial.judgement
    figures = {"drift": trial.drift, "ratio": trial.ratio} if judged is None else {"drift": judged.drift, "ratio": judged.ratio}
    return {"knobs": dict(trial.knobs), **{name: _finite(value) for name, value in figures.items()}}


def _search(search: Search) -> dict[str, Any]:
    nearest = search.nearest
    return {
        "tried": search.tried,
        "stopped": search.stopped,
        "base": _trial(search.base),
        "nearest": None if nearest is None else _trial(nearest),
        "without_effect": search.without_effect(),
        "singles": [_trial(trial) for trial in search.singles],
    }


def _convergence(order: Convergence) -> dict[str, Any]:
    if not order.steps:
        return {"why": order.why}
    sides = {"original": order.original, "candidate": order.candidate}
    return {
        "steps": list(order.steps),
        **{name: {"distance": list(seen), "order": _finite(order.order(seen))} for name, seen in sides.items()},
    }
