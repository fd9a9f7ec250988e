"""From what was seen of a candidate to a verdict: two arbiters, the original first, then the declared variant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trueto.errors import DataError
from trueto.judge import compare, grey_levels, size_of
from trueto.model import Cell, Judgement, Layer, Profile, Verdict
from trueto.observe import Observation, StepError
from trueto.references import Reference
from trueto.running.arbiters import Runs, Seen, both
from trueto.running.arms import Bench
from trueto.running.faults import cause_of_death, malformed, out_of_memory
from trueto.running.ledger import Deviation, Ledger
from trueto.running.words import difference, disagreement

__all__ = ["Runs", "judge_cell"]

# Network calls made before a step count is refused, by the value of the knob `refusal`.
REFUSALS = {"at_once": 0, "after_first_call": 1}


@dataclass(slots=True)
class _Context:
    cell: Cell
    version: str
    bench: Bench
    runs: Runs
    entries: tuple[Deviation, ...]
    evidence: dict[str, Any] = field(default_factory=dict)


def judge_cell(cell: Cell, version: str, ref: Reference, profile: Profile, runs: Runs, ledger: Ledger) -> Judgement:
    """The verdict on one cell, with its evidence; never raises for anything that a candidate did."""
    context = _Context(cell, version, Bench(ref, cell.case, cell.layer, profile), runs, ledger.covering(cell))
    try:
        return _judge(context)
    except DataError as error:
        return _plain(context, Verdict.UNJUDGED, "data", str(error).replace("\n", " "))


def _judge(context: _Context) -> Judgement:
    bench, native = context.bench, context.runs.native
    if native.failed:
        cause = "import" if native.meta.get("import") else "profile"
        return _plain(context, Verdict.UNJUDGED, cause, f"{context.cell.candidate} {native.failed}")
    if (wanted := bench.original_error()) is not None:
        return _original_raises(context, wanted)
    if native.died:
        return _plain(context, Verdict.BROKEN, cause_of_death(native.died), f"the run {native.died}, where the original returns a sample")
    if native.raised is not None:
        return _only_the_candidate_raises(context, native.raised)
    assert native.observation is not None
    if (fault := malformed(native.observation, bench)) is not None:
        return _plain(context, Verdict.BROKEN, *fault)
    if missing := bench.cannot_judge():
        return _plain(context, Verdict.UNJUDGED, "precision not recorded", missing)
    if context.cell.layer is Layer.NOISE:
        return _judge_noise(context, native.observation)
    return _judge_numbers(context)


def _only_the_candidate_raises(context: _Context, raised: StepError) -> Judgement:
    context.evidence["error"] = {"type": raised.type, "message": raised.message, "where": raised.where}
    if context.bench.refuses_alike(raised, _union(context.entries)):
        context.evidence["ledger"] = context.entries[0].to_json()
        return _plain(context, Verdict.DECLARED, "raises", context.entries[0].reason)
    said = f"raises {raised.type}: {raised.message} ({raised.where}), where the original returns a sample"
    return _plain(context, Verdict.BROKEN, "memory" if out_of_memory(raised) else "exception", said)


def _original_raises(context: _Context, wanted: Any) -> Judgement:
    native = context.runs.native
    if native.observation is not None:
        return _plain(context, Verdict.BEYOND, "", f"returns a sample where the original raises {wanted.type}")
    raised = native.raised
    if raised is None:
        return _plain(context, Verdict.BROKEN, cause_of_death(native.died), f"the run {native.died}; the original raises {wanted.type}")
    said = f"raises {raised.type} after {raised.at_call} network calls ({raised.where}), the original {wanted.type} after {wanted.at_call}"
    if raised.own and raised.at_call == wanted.at_call:
        return _plain(context, Verdict.STALE if context.entries else Verdict.FAITHFUL, "", said)
    if context.bench.refuses_alike(raised, _union(context.entries)):
        context.evidence["ledger"] = context.entries[0].to_json()
        return _plain(context, Verdict.DECLARED, "raises elsewhere", f"{context.entries[0].reason} ({said})")
    if (declared := _union(context.entries).get("refusal")) is not None and raised.own:
        as_said = raised.at_call == REFUSALS[declared]
        context.evidence["ledger"] = context.entries[0].to_json()
        return _plain(context, Verdict.DECLARED if as_said else Verdict.STALE, "raises elsewhere", f"{context.entries[0].reason} ({said})")
    return _plain(context, Verdict.BROKEN, "exception", said)


def _compare(context: _Context, knobs: Mapping[str, str] | None) -> Seen:
    return both(context.bench, context.runs, knobs)


def _judge_numbers(context: _Context) -> Judgement:
    against_original = _compare(context, None)
    context.evidence["compared_with"] = context.bench.compared_with
    if against_original.agrees:
        if _sees_everything(context, against_original) and any(not entry.rounding for entry in context.entries):
            return _numbers(context, against_original, Verdict.STALE, "stale ledger", _stale_words(context.entries))
        verdict = Verdict.IDENTICAL if against_original.native.identical else Verdict.FAITHFUL
        return _numbers(context, against_original, verdict, "", "the same as the original, within its own rounding")
    if not context.entries:
        return _numbers(
            context, against_original, Verdict.DRIFTED, against_original.cause, difference(against_original.native, against_original.twin)
        )
    context.evidence["original"] = {"ratio": against_original.native.ratio, "drift": against_original.native.drift}
    return _judge_declared(context, against_original)


def _sees_everything(context: _Context, seen: Seen) -> bool:
    """Whether agreement means that a declared difference is gone: not in a profile that has no float64 twin, where rounding can hide it."""
    return context.cell.profile == "default" or seen.twin is not None


def _stale_words(entries: tuple[Deviation, ...]) -> str:
    first = next((entry for entry in entries if not entry.rounding), entries[0])
    return f"the ledger declares `{first.variant or first.band}`, but it now does what the original does: remove the entry"


def _judge_declared(context: _Context, against_original: Seen) -> Judgement:
    entries = context.entries
    context.evidence["ledger"] = entries[0].to_json() if len(entries) == 1 else _joined(entries)
    bands = [entry.band for entry in entries if entry.band is not None]
    if bands:
        low, high = bands[0]
        inside = low <= against_original.native.ratio <= high
        verdict = Verdict.DECLARED_UNEXPLAINED if inside else Verdict.STALE
        return _numbers(
            context,
            against_original,
            verdict,
            against_original.cause,
            f"the ledger allows {low:g} to {high:g} times the original's rounding: {entries[0].reason}",
        )
    variant = _compare(context, _union(entries))
    if not variant.agrees:
        reason = f"is not the declared variant `{_text(entries)}`: {disagreement(variant.native, variant.twin)}"
        return _numbers(context, variant, Verdict.STALE, "not as declared", reason)
    for index, entry in enumerate(entries):
        rest = entries[:index] + entries[index + 1 :]
        if rest and not entry.rounding and _sees_everything(context, variant) and _compare(context, _union(rest)).agrees:
            return _numbers(
                context,
                variant,
                Verdict.STALE,
                "stale ledger",
                f"the declared `{entry.variant}` is no longer there: the rest of the ledger explains everything",
            )
    context.evidence["compared_with"] = "variant"
    return _numbers(context, variant, Verdict.DECLARED, against_original.cause, "; ".join(entry.reason for entry in entries))


def _union(entries: tuple[Deviation, ...]) -> dict[str, str]:
    return {knob: value for entry in entries for knob, value in entry.knobs.items()}


def _text(entries: tuple[Deviation, ...]) -> str:
    return ",".join(entry.variant for entry in entries)


def _joined(entries: tuple[Deviation, ...]) -> dict[str, Any]:
    parts = [entry.to_json() for entry in entries]
    return {
        **parts[0],
        "variant": _text(entries),
        "reason": "; ".join(p["reason"] for p in parts),
        "test": ", ".join(dict.fromkeys(p["test"] for p in parts)),
    }


def _judge_noise(context: _Context, seen: Observation) -> Judgement:
    """Whether the same seed gives the same draws, in the same order and number.

    Plain draws must have the same bits; a Brownian path moves when a level moves by rounding, and has a floor of its own.
    """
    expected, got = context.bench.noise_expected(seen.noise), seen.noise
    if expected is None:
        return _plain(
            context, Verdict.UNJUDGED, "generator", "torch's generator gives other numbers here than where the original was recorded"
        )
    found = compare(got, expected, "noise drawn")
    if not found.agrees and context.runs.effective is not None:
        again = context.runs.effective()
        if again.observation is None:
            return _plain(
                context,
                Verdict.BROKEN,
                cause_of_death(again.died),
                f"the run {again.died or again.failed}, where the original returns a sample",
            )
        got = again.observation.noise
        found = compare(got, expected, "noise drawn")
    result = Seen(found, None, "noise is compared as it is drawn")
    if found.agrees:
        if context.entries:
            return _numbers(context, result, Verdict.STALE, "stale ledger", _stale_words(context.entries))
        verdict = Verdict.IDENTICAL if found.identical else Verdict.FAITHFUL
        return _numbers(context, result, verdict, "", f"the same {len(got)} draws from the same seed")
    wanted = len(expected.values)
    reason = f"{len(got)} draws move the sample, {wanted} in the original" if len(got) != wanted else "other noise from the same seed"
    if not context.entries:
        return _numbers(context, result, Verdict.DRIFTED, "noise", reason)
    first = context.entries[0]
    context.evidence["ledger"] = first.to_json()
    if first.band is not None:
        inside = first.band[0] <= found.ratio <= first.band[1]
        return _numbers(context, result, Verdict.DECLARED_UNEXPLAINED if inside else Verdict.STALE, "noise", first.reason)
    if _noise_as_declared(context, got) or (len(seen.noise) > len(got) and _noise_as_declared(context, seen.noise)):
        return _numbers(context, result, Verdict.DECLARED, "noise", first.reason)
    return _numbers(context, result, Verdict.STALE, "not as declared", f"is not the declared `{_text(context.entries)}`: {reason}")


def _noise_as_declared(context: _Context, drawn: np.ndarray[Any, np.dtype[Any]]) -> bool:
    """Whether draws are those of the declared variant: the draws that move the sample, or all, where some in between do not."""
    declared = context.bench.noise_expected(drawn, context.bench.noise(_union(context.entries), count=len(drawn)))
    return declared is not None and compare(drawn, declared, "noise drawn").agrees


def _numbers(context: _Context, seen: Seen, verdict: Verdict, cause: str, reason: str) -> Judgement:
    """A judgement that rests on a comparison."""
    shown = seen.native if not seen.native.agrees or seen.twin is None or seen.twin.agrees else seen.twin
    context.evidence.update(context.bench.evidence(context.runs, shown))
    context.evidence["twin"] = _twin_record(seen)
    grey = None
    size = "not measured" if context.cell.layer is Layer.NOISE and not verdict.same else "none"
    if verdict not in (Verdict.IDENTICAL, Verdict.FAITHFUL) and context.cell.layer is not Layer.NOISE:
        grey = _grey(context)
        size = size_of(grey) if grey is not None else "not measured"
    return Judgement(
        cell=context.cell,
        version=context.version,
        verdict=verdict,
        drift=shown.drift,
        floor=shown.floor,
        ratio=shown.ratio,
        size=size,
        grey_levels=grey,
        first_step=shown.first_step,
        cause=cause,
        reason=reason,
        evidence=context.evidence,
    )


def _grey(context: _Context) -> float | None:
    """The change of the final picture against the original, in grey levels, in the closed loop."""
    closed = context.runs.closed
    if closed is None or closed.observation is None:
        return None
    return grey_levels(closed.observation.sample, context.bench.closed_sample())


def _twin_record(seen: Seen) -> dict[str, Any]:
    if seen.twin is None:
        return {"valid": False, "why": seen.twin_note or "this profile has no float64 twin"}
    twin = seen.twin
    return {"valid": True, "ratio": twin.ratio, "drift": twin.drift, "floor": twin.floor, "agrees": twin.agrees}


def _plain(context: _Context, verdict: Verdict, cause: str, reason: str) -> Judgement:
    """A judgement that needs no numbers."""
    context.evidence.update(context.bench.sources())
    return Judgement(cell=context.cell, version=context.version, verdict=verdict, cause=cause, reason=reason, evidence=context.evidence)
