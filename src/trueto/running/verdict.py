"""From what was seen of a candidate to a verdict: two arbiters, the original first, then the declared variant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

from trueto.errors import DataError
from trueto.ledger import Deviation, Ledger
from trueto.model import Cell, Judgement, Layer, Profile, Verdict
from trueto.observe import StepError
from trueto.references import Reference
from trueto.running.arbiters import apart, both
from trueto.running.arms import Bench
from trueto.running.domain import knobs_of
from trueto.running.faults import cause_of_death, ineffective, malformed, out_of_memory, precision_says_nothing
from trueto.running.judging import Context, Runs, Seen, by_band, by_numbers, declared_text, joined, plain, reasons, stale_words, union
from trueto.running.noise import judge_noise
from trueto.running.words import difference, disagreement

__all__ = ["Runs", "judge_cell", "unbound"]

# Network calls made before a step count is refused, by the value of the knob `refusal`.
REFUSALS = {"at_once": 0, "after_first_call": 1}


def judge_cell(cell: Cell, version: str, ref: Reference, profile: Profile, runs: Runs, ledger: Ledger) -> Judgement:
    """The verdict on one cell, with its evidence; never raises for anything that a candidate did."""
    bench = Bench(ref, cell.case, cell.layer, profile, knobs_of(cell.claim, cell.case))
    context = Context(cell, version, bench, runs, ledger.covering(cell), binding=ledger.binding)
    try:
        return _judge(context)
    except DataError as error:
        return plain(context, Verdict.UNJUDGED, "data", str(error).replace("\n", " "))


def _judge(context: Context) -> Judgement:
    bench, native = context.bench, context.runs.native
    if native.failed:
        cause = "import" if native.meta.get("import") else "profile"
        return plain(context, Verdict.UNJUDGED, cause, f"{context.cell.candidate} {native.failed}")
    if (wanted := bench.original_error()) is not None:
        return _original_raises(context, wanted)
    if native.died:
        return plain(context, Verdict.BROKEN, cause_of_death(native.died), f"the run {native.died}, where the original returns a sample")
    if native.raised is not None:
        return _adapter_raises(context, native.raised) or _only_the_candidate_raises(context, native.raised)
    assert native.observation is not None
    if (fault := malformed(native.observation, bench)) is not None:
        return plain(context, Verdict.BROKEN, *fault)
    if unknown := ineffective(native, bench.profile) or precision_says_nothing(native.observation, bench):
        return plain(context, Verdict.UNJUDGED, *unknown)
    if context.cell.layer is Layer.NOISE:
        return judge_noise(context, native.observation)
    return _judge_numbers(context)


def _adapter_raises(context: Context, raised: StepError) -> Judgement | None:
    """Where an adapter asks another release than the one it was written for what that does not have: nothing is known of the library."""
    if context.binding or raised.own:
        return None
    context.evidence["error"] = {"type": raised.type, "message": raised.message, "where": raised.where}
    said = f"the adapter cannot run this release so: {raised.type}: {raised.message} ({raised.where})"
    return plain(context, Verdict.UNJUDGED, "adapter", said)


def _only_the_candidate_raises(context: Context, raised: StepError) -> Judgement:
    context.evidence["error"] = {"type": raised.type, "message": raised.message, "where": raised.where}
    if refusing := _refusing(context, raised):
        context.evidence["ledger"] = joined(refusing)
        return plain(context, Verdict.DECLARED, "raises", reasons(refusing))
    said = f"raises {raised.type}: {raised.message} ({raised.where}), where the original returns a sample"
    return plain(context, Verdict.BROKEN, "memory" if out_of_memory(raised) else "exception", said)


def _refusing(context: Context, raised: StepError) -> tuple[Deviation, ...]:
    """The entries with which the spec refuses as the candidate does: the one that does so alone, else all; none where it does not."""
    if not context.bench.refuses_alike(raised, union(context.entries)):
        return ()
    alone = next((entry for entry in context.entries if context.bench.refuses_alike(raised, union((entry,)))), None)
    return context.entries if alone is None else (alone,)


def _original_raises(context: Context, wanted: Any) -> Judgement:
    native = context.runs.native
    if native.observation is not None:
        return plain(context, Verdict.BEYOND, "", f"returns a sample where the original raises {wanted.type}")
    raised = native.raised
    if raised is not None and (unknown := _adapter_raises(context, raised)):
        return unknown
    if raised is None:
        return plain(context, Verdict.BROKEN, cause_of_death(native.died), f"the run {native.died}; the original raises {wanted.type}")
    said = f"raises {raised.type} after {raised.at_call} network calls ({raised.where}), the original {wanted.type} after {wanted.at_call}"
    if raised.own and raised.at_call == wanted.at_call:
        gone = any(not entry.rounding for entry in context.entries)  # of how a sample is rounded, nothing can show where there is none
        return plain(context, Verdict.STALE if gone else Verdict.FAITHFUL, "", said)
    if refusing := _refusing(context, raised):
        context.evidence["ledger"] = joined(refusing)
        return plain(context, Verdict.DECLARED, "raises elsewhere", f"{reasons(refusing)} ({said})")
    if raised.own and (named := tuple(entry for entry in context.entries if "refusal" in entry.knobs)):
        as_said = raised.at_call == REFUSALS[union(named)["refusal"]]
        context.evidence["ledger"] = joined(named)
        return plain(context, Verdict.DECLARED if as_said else Verdict.STALE, "raises elsewhere", f"{reasons(named)} ({said})")
    return plain(context, Verdict.BROKEN, "exception", said)


def _compare(context: Context, knobs: Mapping[str, str] | None) -> Seen:
    return both(context.bench, context.runs, knobs)


def _judge_numbers(context: Context) -> Judgement:
    if context.bench.ill_conditioned():
        return plain(context, Verdict.UNJUDGED, "ill-conditioned", "the original's own rounding moves this sample by over a thousandth")
    against_original = _compare(context, None)
    context.evidence["compared_with"] = context.bench.compared_with
    if against_original.agrees:
        if _is_gone(context, against_original):
            return by_numbers(context, against_original, Verdict.STALE, "stale ledger", stale_words(context.entries))
        if context.cell.case.composed:
            return by_numbers(context, against_original, Verdict.CONSISTENT, "", _composed_words(context.bench))
        verdict = Verdict.IDENTICAL if against_original.native.identical else Verdict.FAITHFUL
        return by_numbers(context, against_original, verdict, "", "the same as the original, within its own rounding")
    if not context.entries:
        return by_numbers(
            context, against_original, Verdict.DRIFTED, against_original.cause, difference(against_original.native, against_original.twin)
        )
    native = against_original.native
    context.evidence["original"] = {"ratio": native.ratio, "drift": native.drift, "ratios": native.ratios, "steps": native.steps}
    return _judge_declared(context, against_original)


def _sees_everything(context: Context, seen: Seen) -> bool:
    """Whether agreement means that a declared difference is gone: not in a profile that has no float64 twin, where rounding can hide it."""
    return context.cell.profile == "default" or seen.twin is not None


def _is_gone(context: Context, against_original: Seen) -> bool:
    """Whether a declared difference is no longer there.

    Recorded cases are chosen so that every entry that speaks of them shows. A drawn X may be one on which variant and original are the
    same: there a difference is gone only where what was seen is the original and not the variant.
    """
    if not context.binding or not _sees_everything(context, against_original) or all(entry.rounding for entry in context.entries):
        return False
    return not context.cell.case.drawn or not _compare(context, union(context.entries)).agrees


def _composed_words(bench: Bench) -> str:
    made = ", ".join(f"{axis}={value}" for axis, value in sorted(bench.case.composed.items()))
    knobs = ", ".join(f"{knob}={value}" for knob, value in sorted(bench.parts.items()))
    return f"consistent with the original's parts: it has no {made}, but its certified spec has {knobs}"


def _judge_declared(context: Context, against_original: Seen) -> Judgement:
    entries = context.entries
    context.evidence["ledger"] = joined(entries)
    if found := by_band(entries, against_original.native.ratio):
        verdict, reason = found
        return by_numbers(context, against_original, verdict, against_original.cause, reason)
    if not context.binding:
        return _judge_unbound(context, against_original)
    variant = _compare(context, union(entries))
    if not variant.agrees:
        reason = f"is not the declared variant `{declared_text(entries)}`: {disagreement(variant.native, variant.twin)}"
        return by_numbers(context, variant, Verdict.STALE, "not as declared", reason)
    for index, entry in enumerate(() if context.cell.case.drawn else entries):
        rest = entries[:index] + entries[index + 1 :]
        if rest and not entry.rounding and _sees_everything(context, variant) and _explains_all(context, rest):
            return by_numbers(
                context,
                variant,
                Verdict.STALE,
                "stale ledger",
                f"the declared `{entry.variant}` is no longer there: the rest of the ledger explains everything",
            )
    context.evidence["compared_with"] = "variant"
    return by_numbers(context, variant, Verdict.DECLARED, against_original.cause, reasons(entries))


def _explains_all(context: Context, entries: tuple[Deviation, ...]) -> bool:
    """Whether some of the entries are enough."""
    return not apart(context.bench, context.runs, union(entries)) and _compare(context, union(entries)).agrees


def _judge_unbound(context: Context, against_original: Seen) -> Judgement:
    """Another release than the ledger speaks of: the most of its entries that explain the difference, or a plain difference."""
    entries = context.entries
    for count in range(len(entries), 0, -1):
        for some in combinations(entries, count):
            variant = _compare(context, union(some)) if any(entry.knobs for entry in some) else against_original
            if variant.agrees:
                context.evidence["ledger"] = joined(some)
                context.evidence["compared_with"] = "variant"
                return by_numbers(context, variant, Verdict.DECLARED, against_original.cause, reasons(some))
    del context.evidence["ledger"]
    said = difference(against_original.native, against_original.twin)
    return by_numbers(context, against_original, Verdict.DRIFTED, against_original.cause, said)


def unbound(judgement: Judgement, ledger: Ledger) -> Judgement:
    """The judgement where the ledger does not bind: `stale` is then the same as the original, or a difference like any other."""
    if ledger.binding or judgement.verdict is not Verdict.STALE:
        return judgement
    if judgement.cause == "stale ledger":
        return replace(judgement, verdict=Verdict.FAITHFUL, cause="", reason="the same as the original, within its own rounding")
    return replace(judgement, verdict=Verdict.DRIFTED if judgement.cause else Verdict.FAITHFUL)
