"""From what was seen of a candidate to a verdict: two arbiters, the original first, then the declared variant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from trueto.errors import DataError
from trueto.judge import compare
from trueto.model import Cell, Judgement, Layer, Profile, Verdict
from trueto.observe import Observation, StepError
from trueto.references import Reference
from trueto.running.arms import Arm, Bench
from trueto.running.context import Context, Runs, Seen, by_numbers, plainly, text_of, union
from trueto.running.domain import knobs_of
from trueto.running.faults import cause_of_death, malformed, out_of_memory
from trueto.running.ledger import Deviation, Ledger
from trueto.running.words import difference, disagreement

__all__ = ["Runs", "judge_cell"]

# Network calls made before a step count is refused, by the value of the knob `refusal`.
REFUSALS = {"at_once": 0, "after_first_call": 1}


def judge_cell(cell: Cell, version: str, ref: Reference, profile: Profile, runs: Runs, ledger: Ledger) -> Judgement:
    """The verdict on one cell, with its evidence; never raises for anything that a candidate did."""
    context = Context(
        cell, version, Bench(ref, cell.case, cell.layer, profile, knobs_of(cell.claim, cell.case)), runs, ledger.covering(cell)
    )
    try:
        return _judge(context)
    except DataError as error:
        return plainly(context, Verdict.UNJUDGED, "data", str(error).replace("\n", " "))


def _judge(context: Context) -> Judgement:
    bench, native = context.bench, context.runs.native
    if native.failed:
        cause = "import" if native.meta.get("import") else "profile"
        return plainly(context, Verdict.UNJUDGED, cause, f"{context.cell.candidate} {native.failed}")
    if (wanted := bench.original_error()) is not None:
        return _original_raises(context, wanted)
    if native.died:
        return plainly(context, Verdict.BROKEN, cause_of_death(native.died), f"the run {native.died}, where the original returns a sample")
    if native.raised is not None:
        return _only_the_candidate_raises(context, native.raised)
    assert native.observation is not None
    if (fault := malformed(native.observation, bench)) is not None:
        return plainly(context, Verdict.BROKEN, *fault)
    if missing := bench.cannot_judge():
        return plainly(context, Verdict.UNJUDGED, "precision not recorded", missing)
    if context.cell.layer is Layer.NOISE:
        return _judge_noise(context, native.observation)
    return _judge_numbers(context)


def _only_the_candidate_raises(context: Context, raised: StepError) -> Judgement:
    context.evidence["error"] = {"type": raised.type, "message": raised.message, "where": raised.where}
    if context.bench.refuses_alike(raised, union(context.entries)):
        context.evidence["ledger"] = context.entries[0].to_json()
        return plainly(context, Verdict.DECLARED, "raises", context.entries[0].reason)
    said = f"raises {raised.type}: {raised.message} ({raised.where}), where the original returns a sample"
    return plainly(context, Verdict.BROKEN, "memory" if out_of_memory(raised) else "exception", said)


def _original_raises(context: Context, wanted: Any) -> Judgement:
    native = context.runs.native
    if native.observation is not None:
        return plainly(context, Verdict.BEYOND, "", f"returns a sample where the original raises {wanted.type}")
    raised = native.raised
    if raised is None:
        return plainly(context, Verdict.BROKEN, cause_of_death(native.died), f"the run {native.died}; the original raises {wanted.type}")
    said = f"raises {raised.type} after {raised.at_call} network calls ({raised.where}), the original {wanted.type} after {wanted.at_call}"
    if raised.own and raised.at_call == wanted.at_call:
        return plainly(context, Verdict.STALE if context.entries else Verdict.FAITHFUL, "", said)
    if context.bench.refuses_alike(raised, union(context.entries)):
        context.evidence["ledger"] = context.entries[0].to_json()
        return plainly(context, Verdict.DECLARED, "raises elsewhere", f"{context.entries[0].reason} ({said})")
    if (declared := union(context.entries).get("refusal")) is not None and raised.own:
        as_said = raised.at_call == REFUSALS[declared]
        context.evidence["ledger"] = context.entries[0].to_json()
        return plainly(context, Verdict.DECLARED if as_said else Verdict.STALE, "raises elsewhere", f"{context.entries[0].reason} ({said})")
    return plainly(context, Verdict.BROKEN, "exception", said)


def _twin_observation(context: Context) -> tuple[Observation | None, str]:
    twin = context.runs.twin
    if twin is None:
        return None, ""
    if twin.observation is None:
        why = twin.died or twin.failed or (f"{twin.raised.type}: {twin.raised.message}" if twin.raised else "no answer")
        return None, f"not valid: {why}"
    if twin.meta.get("below"):
        return None, f"not valid: {twin.meta['below']} still returns less than float64"
    if twin.observation.sample.dtype != np.float64:
        return None, f"not valid: its sample is {twin.observation.sample.dtype}"
    return twin.observation, ""


def _compare(context: Context, knobs: Mapping[str, str] | None) -> Seen:
    """Both arms against the original (`knobs` None) or against a variant of its spec."""
    native = context.runs.native.observation
    assert native is not None
    twin, note = _twin_observation(context)
    bench = context.bench
    first = bench.worst(Arm(native, bench.native_dtype), knobs)
    second = None if twin is None else bench.worst(Arm(twin, "float64"), knobs)
    return Seen(first, second, note)


def _judge_numbers(context: Context) -> Judgement:
    if context.bench.ill_conditioned():
        return plainly(context, Verdict.UNJUDGED, "ill-conditioned", "the original's own rounding moves this sample by over a thousandth")
    against_original = _compare(context, None)
    context.evidence["compared_with"] = context.bench.compared_with
    if against_original.agrees:
        if _is_gone(context, against_original):
            return by_numbers(context, against_original, Verdict.STALE, "stale ledger", _stale_words(context.entries))
        if context.cell.case.composed:
            return by_numbers(context, against_original, Verdict.CONSISTENT, "", _composed_words(context.bench))
        verdict = Verdict.IDENTICAL if against_original.native.identical else Verdict.FAITHFUL
        return by_numbers(context, against_original, verdict, "", "the same as the original, within its own rounding")
    if not context.entries:
        return by_numbers(
            context, against_original, Verdict.DRIFTED, against_original.cause, difference(against_original.native, against_original.twin)
        )
    context.evidence["original"] = {"ratio": against_original.native.ratio, "drift": against_original.native.drift}
    return _judge_declared(context, against_original)


def _sees_everything(context: Context, seen: Seen) -> bool:
    """Whether agreement means that a declared difference is gone: not in a profile that has no float64 twin, where rounding can hide it."""
    return context.cell.profile == "default" or seen.twin is not None


def _is_gone(context: Context, against_original: Seen) -> bool:
    """Whether a declared difference is no longer there.

    Recorded cases are chosen so that every entry that speaks of them shows. A drawn X may be one on which variant and original are the
    same: there a difference is gone only where what was seen is the original and not the variant.
    """
    if not _sees_everything(context, against_original) or all(entry.rounding for entry in context.entries):
        return False
    return not context.cell.case.drawn or not _compare(context, union(context.entries)).agrees


def _composed_words(bench: Bench) -> str:
    made = ", ".join(f"{axis}={value}" for axis, value in sorted(bench.case.composed.items()))
    knobs = ", ".join(f"{knob}={value}" for knob, value in sorted(bench.parts.items()))
    return f"consistent with the original's parts: it has no {made}, but its certified spec has {knobs}"


def _stale_words(entries: tuple[Deviation, ...]) -> str:
    first = next((entry for entry in entries if not entry.rounding), entries[0])
    return f"the ledger declares `{first.variant or first.band}`, but it now does what the original does: remove the entry"


def _judge_declared(context: Context, against_original: Seen) -> Judgement:
    entries = context.entries
    context.evidence["ledger"] = entries[0].to_json() if len(entries) == 1 else _joined(entries)
    bands = [entry.band for entry in entries if entry.band is not None]
    if bands:
        low, high = bands[0]
        inside = low <= against_original.native.ratio <= high
        verdict = Verdict.DECLARED_UNEXPLAINED if inside else Verdict.STALE
        return by_numbers(
            context,
            against_original,
            verdict,
            against_original.cause,
            f"the ledger allows {low:g} to {high:g} times the original's rounding: {entries[0].reason}",
        )
    variant = _compare(context, union(entries))
    if not variant.agrees:
        reason = f"is not the declared variant `{text_of(entries)}`: {disagreement(variant.native, variant.twin)}"
        return by_numbers(context, variant, Verdict.STALE, "not as declared", reason)
    for index, entry in enumerate(() if context.cell.case.drawn else entries):
        rest = entries[:index] + entries[index + 1 :]
        if rest and not entry.rounding and _sees_everything(context, variant) and _compare(context, union(rest)).agrees:
            return by_numbers(
                context,
                variant,
                Verdict.STALE,
                "stale ledger",
                f"the declared `{entry.variant}` is no longer there: the rest of the ledger explains everything",
            )
    context.evidence["compared_with"] = "variant"
    return by_numbers(context, variant, Verdict.DECLARED, against_original.cause, "; ".join(entry.reason for entry in entries))


def _joined(entries: tuple[Deviation, ...]) -> dict[str, Any]:
    parts = [entry.to_json() for entry in entries]
    return {
        **parts[0],
        "variant": text_of(entries),
        "reason": "; ".join(p["reason"] for p in parts),
        "test": ", ".join(dict.fromkeys(p["test"] for p in parts)),
    }


def _judge_noise(context: Context, seen: Observation) -> Judgement:
    """Whether the same seed gives the same draws, in the same order and number.

    Plain draws must have the same bits; a Brownian path moves when a level moves by rounding, and has a floor of its own.
    """
    expected, got = context.bench.noise_expected(seen.noise), seen.noise
    if expected is None:
        return plainly(
            context, Verdict.UNJUDGED, "generator", "torch's generator gives other numbers here than where the original was recorded"
        )
    found = compare(got, expected, "noise drawn")
    if not found.agrees and context.runs.effective is not None:
        again = context.runs.effective()
        if again.observation is None:
            return plainly(
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
            return by_numbers(context, result, Verdict.STALE, "stale ledger", _stale_words(context.entries))
        verdict = Verdict.IDENTICAL if found.identical else Verdict.FAITHFUL
        return by_numbers(context, result, verdict, "", f"the same {len(got)} draws from the same seed")
    wanted = len(expected.values)
    reason = f"{len(got)} draws move the sample, {wanted} in the original" if len(got) != wanted else "other noise from the same seed"
    if not context.entries:
        return by_numbers(context, result, Verdict.DRIFTED, "noise", reason)
    first = context.entries[0]
    context.evidence["ledger"] = first.to_json()
    if first.band is not None:
        inside = first.band[0] <= found.ratio <= first.band[1]
        return by_numbers(context, result, Verdict.DECLARED_UNEXPLAINED if inside else Verdict.STALE, "noise", first.reason)
    if _noise_as_declared(context, got) or (len(seen.noise) > len(got) and _noise_as_declared(context, seen.noise)):
        return by_numbers(context, result, Verdict.DECLARED, "noise", first.reason)
    return by_numbers(context, result, Verdict.STALE, "not as declared", f"is not the declared `{text_of(context.entries)}`: {reason}")


def _noise_as_declared(context: Context, drawn: np.ndarray[Any, np.dtype[Any]]) -> bool:
    """Whether draws are those of the declared variant: the draws that move the sample, or all, where some in between do not."""
    declared = context.bench.noise_expected(drawn, context.bench.noise(union(context.entries), count=len(drawn)))
    return declared is not None and compare(drawn, declared, "noise drawn").agrees
