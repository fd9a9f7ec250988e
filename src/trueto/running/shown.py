"""What a reader is shown of outputs that were compared: where the original stands, and how far each value is from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trueto.model import Comparison
from trueto.references import Reference
from trueto.running.judging import Seen

__all__ = ["evidence", "sources"]


def sources(ref: Reference) -> dict[str, Any]:
    """Where the original stands, and its spec where it has one."""
    file = f"references/{ref.id}.py"
    if not ref.codebase.files:
        return {"spec_source": file}
    spec = f"{file}:{ref.line}" if ref.has_spec else f"{file} (card; no spec: the goldens alone speak for it)"
    return {"original_source": ref.origin, "spec_source": spec}


def evidence(ref: Reference, seen: Seen, shown: Comparison) -> dict[str, Any]:
    """The numbers of a comparison, one for each value in the order of `steps`."""
    twin: Mapping[str, Any] = {"valid": False, "why": seen.twin_note}
    if seen.twin is not None:
        twin = {name: getattr(seen.twin, name) for name in ("ratio", "drift", "floor", "agrees")} | {"valid": True}
    return {
        **sources(ref),
        "dtype": "float32",
        "what": shown.what,
        "steps": shown.steps,
        "drift_rms": shown.drift_rms,
        "floor_rms": shown.floor_rms,
        "ratios": shown.ratios,
        "worst": {"step": shown.worst_step, "index": shown.worst_index, "expected": shown.expected, "got": shown.got},
        "twin": dict(twin),
    }
