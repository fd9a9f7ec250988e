"""From the named outputs of a candidate to a verdict: a network with converted weights, a picture, a loss, a switch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from trueto.checkpoints import digest_of
from trueto.distances import sizes
from trueto.errors import DataError
from trueto.ledger import Deviation, Ledger
from trueto.likeness import grey_levels, size_of
from trueto.model import Cell, Judgement, Layer, Profile, Verdict
from trueto.outputs import Outputs
from trueto.references import Computed, Golden, Reference, load_golden
from trueto.references.golden import run_so
from trueto.running.client import Outcome
from trueto.running.faults import cause_of_death, ineffective, out_of_memory
from trueto.running.judging import Seen, by_band, declared_text, joined, reasons, stale_words, union
from trueto.running.likewise import compare_outputs, is_picture, valid_twin
from trueto.running.pictures import pictures
from trueto.running.profiles import profile as named_profile
from trueto.running.shown import evidence, sources
from trueto.running.words import number

__all__ = ["NO_EFFECT", "Calls", "judge_outputs"]

TWO = ("float32", "float64")
OTHER = "other outputs"  # the cause where the outputs cannot be compared
NO_EFFECT = "no effect"  # the cause where a feature under test was not at work


@dataclass(frozen=True, slots=True)
class Calls:
    """The outcomes that a cell is judged by: in native precision and as float64 twin, and of a feature those with it off."""

    native: Outcome
    twin: Outcome | None
    plain: Callable[[], tuple[Outcome, Outcome]] | None = None


@dataclass(slots=True)
class _Context:
    cell: Cell
    version: str
    ref: Reference
    calls: Calls
    entries: tuple[Deviation, ...]
    binding: bool
    evidence: dict[str, Any] = field(default_factory=dict)

    @property
    def golden(self) -> Golden | Computed:
        """What the original returned, on the weights that the case is judged on; on X that nobody recorded what its spec gives."""
        if self.cell.case.drawn:
            return Computed(self.ref, self.cell.case)
        return load_golden(self.ref.id, digest_of(weights) if (weights := self.cell.case.weights) else "")

    @property
    def by_ledger(self) -> bool:
        """Whether the declared variant decides alone: on a drawn X, where it may be the original or not."""
        return self.cell.case.drawn and bool(self.entries) and not any(entry.band for entry in self.entries)

    def plain(self, verdict: Verdict, cause: str, reason: str) -> Judgement:
        """A judgement that needs no numbers."""
        self.evidence.update(sources(self.ref))
        return Judgement(cell=self.cell, version=self.version, verdict=verdict, cause=cause, reason=reason, evidence=self.evidence)


Truth = dict[str, Outputs]  # dtype to outputs


def judge_outputs(cell: Cell, version: str, ref: Reference, profile: Profile, calls: Calls, ledger: Ledger) -> Judgement:
    """The verdict on one cell, with its evidence; never raises for anything that a candidate did."""
    context = _Context(cell, version, ref, calls, ledger.covering(cell), ledger.binding)
    try:
        if profile.dtype != "float32":
            return context.plain(Verdict.UNJUDGED, "precision not recorded", f"the original was not recorded in {profile.dtype}")
        return _judge(context)
    except DataError as error:
        return context.plain(Verdict.UNJUDGED, "data", str(error).replace("\n", " "))


def _judge(context: _Context) -> Judgement:
    native = context.calls.native
    if native.failed:
        cause = "import" if native.meta.get("import") else "profile"
        return context.plain(Verdict.UNJUDGED, cause, f"{context.cell.candidate} {native.failed}")
    if context.calls.plain is None and not context.by_ledger and (wanted := context.golden.refusal(context.cell.case.id)) is not None:
        return _original_raises(context, wanted.type)
    if declared := _refuses_as_declared(context):
        return declared
    if ended := _ended_badly(context, native):
        return ended
    if idle := ineffective(native, named_profile(context.cell.profile)):
        return context.plain(Verdict.UNJUDGED, *idle)
    assert native.outputs is not None
    truth = _truth(context)
    if isinstance(truth, Judgement):
        return truth
    if context.cell.layer is Layer.INVARIANCE:
        context.evidence["effect"] = native.outputs.effect
        if not native.outputs.effect:
            return context.plain(Verdict.UNJUDGED, NO_EFFECT, "the feature was switched on, and nothing shows that it was at work")
    return _judge_numbers(context, truth)


def _original_raises(context: _Context, kind: str) -> Judgement:
    native = context.calls.native
    if native.outputs is not None:
        return context.plain(Verdict.BEYOND, "", f"returns where the original raises {kind}")
    if native.raised is not None and native.raised.own:
        return context.plain(Verdict.FAITHFUL, "", f"raises {native.raised.type} ({native.raised.where}), the original {kind}")
    ended = _ended_badly(context, native)
    assert ended is not None
    return ended


def _refuses_as_declared(context: _Context) -> Judgement | None:
    """Where the candidate raises, and so does the variant that the ledger names."""
    raised, entries, ref = context.calls.native.raised, context.entries, context.ref
    if raised is None or not raised.own or not entries or not ref.nets or any(entry.band for entry in entries):
        return None
    variant = _run(ref, union(entries))
    if not variant or context.golden.refusal(context.cell.case.id, variant) is None:
        return None
    context.evidence |= {"ledger": joined(entries), "compared_with": "variant"}
    said = f"raises {raised.type} ({raised.where}), as the declared variant does: {reasons(entries)}"
    return context.plain(Verdict.DECLARED, "", said)


def _run(ref: Reference, knobs: Mapping[str, str]) -> str:
    """The name under which the original was recorded with these knobs, of which some may be a formula of its outputs."""
    return run_so({knob: value for knob, value in knobs.items() if knob not in ref.varied})


def _ended_badly(context: _Context, outcome: Outcome, what: str = "") -> Judgement | None:
    if outcome.died:
        return context.plain(Verdict.BROKEN, cause_of_death(outcome.died), f"the run{what} {outcome.died}, where the original returns")
    if (raised := outcome.raised) is not None:
        context.evidence["error"] = {"type": raised.type, "message": raised.message, "where": raised.where}
        told = f"{raised.type}: {raised.message} ({raised.where})"
        if not (context.binding or raised.own):  # as of samplers: nothing is known of a release that the adapter was not written for
            return context.plain(Verdict.UNJUDGED, "adapter", f"the adapter cannot run this release so: {told}")
        said = f"{what and what.strip() + ': '}raises {told}, where the original returns"
        return context.plain(Verdict.BROKEN, "memory" if out_of_memory(raised) else "exception", said)
    assert outcome.outputs is not None
    for name, values in outcome.outputs.arrays.items():
        if not np.isfinite(sizes(values[None])[0]).all():
            return context.plain(Verdict.BROKEN, "not finite", f"{name} has NaN or infinite values")
    return None


def _truth(context: _Context) -> Truth | Judgement:
    """What the outputs are held against: the original's, or with the feature off the candidate's own."""
    if context.by_ledger:
        return _variant(context, {})
    if context.calls.plain is None:
        golden = context.golden
        return {dtype: golden.outputs(context.cell.case.id, dtype) for dtype in TWO}
    found: Truth = {}
    for dtype, outcome in zip(TWO, context.calls.plain(), strict=True):
        if outcome.failed:
            return context.plain(Verdict.UNJUDGED, "profile", f"{context.cell.candidate} {outcome.failed}")
        if ended := _ended_badly(context, outcome, " with the feature off"):
            return ended
        assert outcome.outputs is not None
        if outcome.outputs.effect:
            return context.plain(Verdict.UNJUDGED, NO_EFFECT, f"the feature was at work when it was off: {outcome.outputs.effect}")
        found[dtype] = outcome.outputs
    return found


def _compare(context: _Context, truth: Truth) -> Seen | str:
    """Both arms against the original or a variant, or why they cannot be compared."""
    context.evidence["names"] = list(truth["float64"].arrays)
    native = _outputs(context)
    twin, note = valid_twin(context.calls.twin, truth["float64"])
    found = compare_outputs(native, truth["float64"], truth["float32"], "float32")
    other = None if twin is None else compare_outputs(twin, truth["float64"], truth["float32"], "float64")
    if isinstance(found, str):
        return found
    return other if isinstance(other, str) else Seen(found, other, note)


def _variant(context: _Context, truth: Truth) -> Truth:
    """The outputs of the variant that the ledger names: a formula of the original's, or the original run so."""
    ref, case, knobs = context.ref, context.cell.case, union(context.entries)
    if variant := _run(ref, knobs):
        truth = {dtype: context.golden.outputs(case.id, dtype, variant) for dtype in TWO}
    if ref.vary is None or not ref.varied & knobs.keys():
        return truth
    return {dtype: replace(seen, arrays=ref.vary(dict(seen.arrays), knobs, case)) for dtype, seen in truth.items()}


def _judge_numbers(context: _Context, truth: Truth) -> Judgement:
    if context.by_ledger:
        return _judge_variant(context, truth, "")
    seen = _compare(context, truth)
    if isinstance(seen, str):
        if not context.entries or any(entry.band for entry in context.entries):
            return context.plain(Verdict.BROKEN, OTHER, seen)
        context.evidence["original"] = {"note": seen}
        return _judge_variant(context, truth, OTHER)
    shown = (context, truth, seen)
    original = "the same candidate with the feature off" if context.cell.layer is Layer.INVARIANCE else "the original"
    if seen.agrees:
        if context.entries:
            return _by_numbers(*shown, Verdict.STALE, "stale ledger", stale_words(context.entries))
        verdict = Verdict.IDENTICAL if seen.native.identical else Verdict.FAITHFUL
        return _by_numbers(*shown, verdict, "", f"the same as {original}, within its own rounding")
    if not context.entries:
        return _by_numbers(*shown, Verdict.DRIFTED, seen.cause, _difference(seen, original) + _told(context, truth))
    return _judge_declared(context, truth, seen)


def _judge_declared(context: _Context, truth: Truth, seen: Seen) -> Judgement:
    entries = context.entries
    context.evidence["original"] = {"ratio": seen.native.ratio, "drift": seen.native.drift}
    if found := by_band(entries, seen.native.ratio):
        context.evidence["ledger"] = joined(entries)
        verdict, reason = found
        return _by_numbers(context, truth, seen, verdict, seen.cause, reason)
    return _judge_variant(context, truth, seen.cause)


def _judge_variant(context: _Context, truth: Truth, cause: str) -> Judgement:
    """The verdict by the variant that the ledger names."""
    entries = context.entries
    context.evidence |= {"ledger": joined(entries), "compared_with": "variant"}
    varied = _variant(context, truth)
    against = _compare(context, varied)
    if isinstance(against, str):  # neither the original's outputs nor the variant's
        broken = cause == OTHER
        return context.plain(Verdict.BROKEN if broken else Verdict.STALE, OTHER if broken else "not as declared", against)
    if not against.agrees:
        said = f"is not the declared variant `{declared_text(entries)}`: {_difference(against, 'it')}{_told(context, varied)}"
        return _by_numbers(context, truth, against, Verdict.STALE, "not as declared", said)
    return _by_numbers(context, truth, against, Verdict.DECLARED, cause, reasons(entries))


def _difference(seen: Seen, original: str) -> str:
    """One sentence: the first value that parts, and how far."""
    shown = seen.twin if seen.native.agrees and seen.twin is not None else seen.native
    where = " in float64 only" if seen.native.agrees else ""
    rest = {0: "", 1: "; the one before it is the same"}.get(shown.first_step or 0, f"; the {shown.first_step} before it are the same")
    first = shown.ratios[shown.first_step or 0]
    return f"{shown.what} is the first that differs from {original}{where}, by {number(first)} times the original's own rounding{rest}"


def _told(context: _Context, truth: Truth) -> str:
    """The difference in the words of the reference, where it has some."""
    ref, case = context.ref, context.cell.case
    return f"; {ref.tell(case, truth['float64'].arrays, _outputs(context).arrays)}" if ref.tell and not case.weights else ""


def _by_numbers(context: _Context, truth: Truth, seen: Seen, verdict: Verdict, cause: str, reason: str) -> Judgement:
    shown = seen.native if not seen.native.agrees or seen.twin is None or seen.twin.agrees else seen.twin
    context.evidence.setdefault("compared_with", "feature off" if context.cell.layer is Layer.INVARIANCE else "original")
    context.evidence.update(evidence(context.ref, seen, shown))
    if looked_at := pictures(_outputs(context), truth["float64"]):
        context.evidence["pictures"] = looked_at
    grey = None if verdict.same else _grey(context, truth)
    size = "none" if verdict.same else size_of(grey) if grey is not None else "not measured"
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


def _outputs(context: _Context) -> Outputs:
    """What the candidate gave."""
    assert context.calls.native.outputs is not None
    return context.calls.native.outputs


def _grey(context: _Context, truth: Truth) -> float | None:
    """The largest change of a picture among the outputs, in grey levels; None where none is one."""
    outputs, wanted = _outputs(context), truth["float64"].arrays
    names = [name for name in wanted if is_picture(name) and wanted[name].shape == outputs.arrays[name].shape]
    return max((grey_levels(outputs.arrays[name], wanted[name]) for name in names), default=None)
