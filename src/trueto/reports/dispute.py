"""Where independent candidates miss one golden in the same way, the golden is what must be looked at: cells marked `disputed`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from trueto.errors import UsageError
from trueto.events import RunRecord
from trueto.judge import alike
from trueto.model import Verdict

__all__ = ["disputed", "same_way"]

Key = tuple[Any, ...]


def disputed(records: Sequence[RunRecord]) -> list[RunRecord]:
    """The records, one a candidate, with those cells marked in which another candidate has the same undeclared difference.

    UsageError where two records are of one candidate: it agrees with itself, which says nothing about the golden.
    """
    names = [str(record.header.get("candidate")) for record in records]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(
            f"two records are of {', '.join(twice)}: only different candidates can put a golden in doubt", "one record for each candidate"
        )
    drifted = [_drifted(record) for record in records]
    found = []
    for index, record in enumerate(records):
        others = [(names[other], drifted[other]) for other in range(len(records)) if other != index]
        found.append(replace(record, cells=[_marked(cell, others) for cell in record.cells]))
    return found


def _key(cell: Mapping[str, Any]) -> Key:
    return tuple(cell[name] for name in ("reference", "layer", "case", "profile"))


def _drifted(record: RunRecord) -> dict[Key, list[dict[str, Any]]]:
    """The cells that differ from the original, where no declared variant explains it."""
    found: dict[Key, list[dict[str, Any]]] = {}
    for cell in record.cells:
        if cell["verdict"] == Verdict.DRIFTED:
            found.setdefault(_key(cell), []).append(cell)
    return found


def same_way(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether two cells differ from the original in the same way: the same sizes step by step, and the same signed marks.

    Where an update rule was judged by the spec on a candidate's own levels, it is the spec that both miss, which the golden certifies.
    One that could not be compared (another shape, something not finite) agrees with nothing. The smaller of both roundings counts.
    """
    one, other = first["evidence"], second["evidence"]
    names = ("drift_rms", "floor_rms", "marks", "mark_floors")
    lists = [cell.get(name) or () for cell in (one, other) for name in names]
    if one.get("what") != other.get("what") or any(not values or None in values for values in lists):
        return False
    drifts, floors, marks, mark_floors = ((one[name], other[name]) for name in names)
    return alike(*drifts, _smaller(*floors)) and alike(*marks, _smaller(*mark_floors))


def _smaller(floors: Sequence[float], others: Sequence[float]) -> list[float]:
    return [min(pair) for pair in zip(floors, others, strict=False)]


def _marked(cell: dict[str, Any], others: Sequence[tuple[str, dict[Key, list[dict[str, Any]]]]]) -> dict[str, Any]:
    """The cell, as disputed where another candidate differs from the golden in the same way."""
    if cell["verdict"] != Verdict.DRIFTED:
        return cell
    agreeing = [name for name, cells in others if any(same_way(cell, other) for other in cells.get(_key(cell), []))]
    if not agreeing:
        return cell
    base, _, algorithm = str(cell["reference"]).partition("/")
    reason = (
        f"differs from the original just as {' and '.join(agreeing)} does, step by step and element by element. Unless they share code, "
        f"the recording is to be doubted before they are: trueto record {base} --reference {algorithm} --source DIR --check. "
        f"Judged alone: {cell['reason']}"
    )
    evidence = {**cell["evidence"], "disputed_with": agreeing, "verdict_alone": cell["verdict"]}
    return {**cell, "verdict": str(Verdict.DISPUTED), "reason": reason, "evidence": evidence}
