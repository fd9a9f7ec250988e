"""Layer `noise`: whether the same seed gives the same draws."""

from __future__ import annotations

from typing import Any

import numpy as np

from trueto.judge import compare
from trueto.model import Judgement, Verdict
from trueto.observe import Observation
from trueto.running.faults import cause_of_death
from trueto.running.judging import Context, Seen, by_band, by_numbers, declared_text, joined, plain, reasons, stale_words, union

__all__ = ["judge_noise"]

Array = np.ndarray[Any, np.dtype[Any]]


def judge_noise(context: Context, seen: Observation) -> Judgement:
    """Whether the same seed gives the same draws, in the same order and number.

    Plain draws must have the same bits; a Brownian path moves when a level moves by rounding, and has a floor of its own.
    """
    expected, got = context.bench.noise_expected(seen.noise), seen.noise
    if expected is None:
        return plain(
            context, Verdict.UNJUDGED, "generator", "torch's generator gives other numbers here than where the original was recorded"
        )
    found = compare(got, expected, "noise drawn")
    if not found.agrees and context.runs.effective is not None:
        again = context.runs.effective()
        if again.observation is None:
            return plain(
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
            return by_numbers(context, result, Verdict.STALE, "stale ledger", stale_words(context.entries))
        verdict = Verdict.IDENTICAL if found.identical else Verdict.FAITHFUL
        return by_numbers(context, result, verdict, "", f"the same {len(got)} draws from the same seed")
    wanted = len(expected.values)
    reason = f"{len(got)} draws move the sample, {wanted} in the original" if len(got) != wanted else "other noise from the same seed"
    if not context.entries:
        return by_numbers(context, result, Verdict.DRIFTED, "noise", reason)
    context.evidence["ledger"] = joined(context.entries)
    if banded := by_band(context.entries, found.ratio):
        verdict, said = banded
        return by_numbers(context, result, verdict, "noise", said)
    if any(_noise_as_declared(context, drawn, seen.levels) for drawn in (got, *([seen.noise] if len(seen.noise) > len(got) else []))):
        return by_numbers(context, result, Verdict.DECLARED, "noise", reasons(context.entries))
    return by_numbers(
        context, result, Verdict.STALE, "not as declared", f"is not the declared `{declared_text(context.entries)}`: {reason}"
    )


def _noise_as_declared(context: Context, drawn: Array, levels: Array) -> bool:
    """Whether draws are those of the declared variant: the draws that move the sample, or all, where some in between do not."""
    knobs = union(context.entries)
    if knobs.get("draws") == "own_levels":
        return context.bench.on_the_same_path(drawn, levels)
    declared = context.bench.noise_expected(drawn, context.bench.noise(knobs, count=len(drawn)))
    return declared is not None and compare(drawn, declared, "noise drawn").agrees
