"""An explanation in plain words, as a terminal shows it."""

from __future__ import annotations

import math
import shlex
import textwrap
from collections.abc import Iterable

from trueto.likeness import grey_words
from trueto.model import Judgement, Layer, Verdict
from trueto.running.explain.account import Explanation
from trueto.running.explain.knob_words import knob_words
from trueto.running.explain.search import Search, Trial
from trueto.running.explain.terms import Term
from trueto.running.words import number

__all__ = ["explanation_text", "variant_text"]

WIDTH = 118
LABEL = 20
NEARLY_NOTHING = 1e-7  # share of the larger coefficient below which a term is absent
MOST_TRIED = 8


def variant_text(trial: Trial) -> str:
    """The knobs as a ledger writes them."""
    return ",".join(f"{knob}={value}" for knob, value in trial.knobs.items())


def explanation_text(found: Explanation) -> str:
    """The whole screen."""
    subject = found.subject
    head = f"{subject.cell(found.layer).id} · {subject.gate.name} {subject.gate.version} · {subject.claim.implementation}"
    rows: list[tuple[str, str]] = [("verdict", _verdict(found.judgement))]
    if declared := subject.ledger.covering(subject.cell(found.layer)):
        rows.append(("declared so far", "; ".join(f"{entry.variant or entry.band}" for entry in declared) + " (left aside here)"))
    if not found.differs and subject.layer is None:
        rows.append(("every layer", ", ".join(f"{layer}: {judged.verdict}" for layer, judged in found.layers.items())))
    if found.differs:
        rows += [*_where(found), *_knobs(found), *_terms(found), *_order(found)]
    rows += _read(found)
    if found.explained:
        rows.append(("declare", f"trueto declare {subject.gate.spec} {shlex.quote(subject.cell(found.layer).id)}" + _profile(found)))
    return "\n".join([head, "", *_table(rows)])


def _profile(found: Explanation) -> str:
    return "" if found.subject.profile.id == "default" else f" --profile {found.subject.profile.id}"


def _table(rows: Iterable[tuple[str, str]]) -> list[str]:
    lines: list[str] = []
    for label, text in rows:
        lines += textwrap.wrap(
            text, WIDTH, initial_indent=f"{label:{LABEL}}", subsequent_indent=" " * LABEL, break_long_words=False, break_on_hyphens=False
        )
    return lines


def _verdict(judged: Judgement) -> str:
    grey = judged.grey_levels
    size = f" (in a picture: {judged.size}, {grey_words(grey, number(grey))})" if grey is not None else ""
    after = {
        Verdict.BEYOND: ": there is nothing to explain",
        Verdict.IDENTICAL: ": there is nothing to explain",
        Verdict.FAITHFUL: ": there is nothing to explain",
        Verdict.CONSISTENT: ": there is nothing to explain",
        Verdict.UNJUDGED: ", so it cannot be explained either",
    }
    return f"{judged.verdict}: {judged.reason}{size}{after.get(judged.verdict, '')}"


def _where(found: Explanation) -> list[tuple[str, str]]:
    rows = [("same update rule?", _same_rule(found.layers.get(Layer.UPDATE)))]
    parted = [layer for layer, judged in found.layers.items() if judged.verdict.bad]
    same = [str(layer) for layer, judged in found.layers.items() if judged.verdict.same]
    if parted:
        agree = f"; the same: {', '.join(same)}" if same else ""
        first = found.layers[parted[0]]
        rows.append(("first parts in", f"layer {parted[0]} ({first.evidence.get('what', first.cause)}), {_step(first)}{agree}"))
        if parted[0] != found.layer and found.judgement.first_step is not None:
            rows.append(("in this layer", _step(found.judgement)))
    if looks := found.judgement.evidence.get("looks"):
        rows.append(("looks like", str(looks)))
    return rows


def _same_rule(judged: Judgement | None) -> str:
    if judged is None:
        return "not asked: this case has no layer update"
    twin = judged.evidence.get("twin", {})
    if judged.verdict.same:
        if not twin.get("valid"):
            return f"yes, within rounding (not proven in float64: {twin.get('why', 'no twin')})"
        return f"yes: the float64 twin differs by {number(twin['drift'])}, {number(twin['ratio'])} times the original's float64 rounding"
    if not twin.get("valid"):
        why = twin.get("why", judged.reason)
        return f"it differs in {judged.evidence.get('dtype', 'its own precision')}; not told apart from rounding: {why}"
    if twin["agrees"]:
        return f"yes in float64 ({number(twin['ratio'])} times its rounding): it differs by precision only"
    if twin["drift"] is None or not math.isfinite(twin["drift"]):
        return f"no: {judged.reason}"
    return f"no: the float64 twin differs by {number(twin['drift'])} (rounding would be {number(twin['floor'])})"


def _step(judged: Judgement) -> str:
    """The first step that parts, and how far those before agree."""
    steps, ratios = judged.evidence.get("steps", ()), judged.evidence.get("ratios", ())
    if judged.first_step is None or not steps:
        return judged.reason
    if judged.cell.layer is Layer.START:
        return "before the first step"
    if len(steps) == 1:
        return "in the sample at the end: steps cannot be compared where levels or times differ"
    before = [ratio for step, ratio in zip(steps, ratios, strict=False) if step < judged.first_step]
    if not before:
        return f"at step {judged.first_step}, the first"
    said = f"step {steps[0]} agrees" if judged.first_step - steps[0] == 1 else f"steps {steps[0]} to {judged.first_step - 1} agree"
    return f"at step {judged.first_step}; {said} to {number(max(before))} floors"


def _knobs(found: Explanation) -> list[tuple[str, str]]:
    search = found.search
    if search is None:
        return []
    rows = _tried(search)
    if search.found:
        return [*rows, *_restored(found, search.found[0]), *(("so does", _figures(found, trial)) for trial in search.found[1:])]
    refusing = not math.isfinite(search.base.score)
    kind = "variants" if refusing else "sets of knobs"
    said = f"nothing: {search.tried} {kind} were tried" if search.tried != 1 else "nothing: the one variant there is was tried"
    if search.stopped:
        said += " (stopped when its time was over)"
    rows.append(("restores agreement", said))
    if search.nearest is not None and search.nearest.score < search.base.score:
        rows.append(("nearest", f"{variant_text(search.nearest)}: {_change(search.base, search.nearest)}, which is not enough"))
    else:
        rows.append(("nearest", "the original itself: no knob comes nearer"))
    for layer, before in found.before.items():
        if before.found:
            rows.append((f"but layer {layer}", f"agrees with {variant_text(before.found[0])}"))
    return rows


def _tried(search: Search) -> list[tuple[str, str]]:
    """Knobs without effect here, then single values that change something, the nearest first."""
    rows: list[tuple[str, str]] = []
    if nothing := list(dict.fromkeys(search.without_effect())):
        rows.append(("no effect here", ", ".join(nothing)))
    if not math.isfinite(search.base.score):
        return [("tried", f"{search.tried} variants that could refuse this case")]
    best = {variant_text(trial) for trial in search.found}
    moved = [trial for trial in search.singles if trial.score != search.base.score and variant_text(trial) not in best]
    shown = sorted(moved, key=lambda trial: trial.score)[:MOST_TRIED]
    if shown and math.isfinite(search.base.drift):
        more = f"; {len(moved) - len(shown)} more" if len(moved) > len(shown) else ""
        rows.append(("not enough alone", ", ".join(f"{variant_text(t)} ({_change(search.base, t)})" for t in shown) + more))
    return rows


def _change(base: Trial, trial: Trial) -> str:
    return f"{_drift(base)} -> {_drift(trial)}"


def _drift(trial: Trial) -> str:
    return "not comparable" if math.isinf(trial.drift) else number(trial.drift)


def _figures(found: Explanation, trial: Trial) -> str:
    """A set with the figure before and after, where there are any."""
    said, before, after = variant_text(trial), found.judgement, trial.judgement
    if after is None or after.ratio is None or before.ratio is None or found.layer is Layer.NOISE:
        return said
    return f"{said}: {number(before.drift)} -> {number(after.drift)} ({number(before.ratio)} -> {number(after.ratio)} floors)"


def _restored(found: Explanation, trial: Trial) -> list[tuple[str, str]]:
    rows = [("restores agreement", _figures(found, trial))]
    for knob, value in trial.knobs.items():
        original = found.subject.ref.knobs[knob][0]
        meaning = knob_words(found.subject.ref, knob)
        rows.append(("", f"{knob}: {value} instead of {original}" + (f" ({meaning})" if meaning else "")))
    return rows


def _terms(found: Explanation) -> list[tuple[str, str]]:
    rule = found.rule
    if rule is None or (found.explained and found.layer in (Layer.UPDATE, Layer.TRAJECTORY)):
        return []
    first = rule.steps[0]
    if not rule.terms:
        return [
            ("terms", f"{rule.who} step {first} is no sum of x, answers and noise ({number(rule.left)} of it left over), as where it clips")
        ]
    rows = [("terms" if index == 0 else "", f"step {first}: {_term(term)}") for index, term in enumerate(rule.terms)]
    return [*rows, ("", f"terms differ in {_counted(rule.steps, rule.of)}")]


def _counted(steps: tuple[int, ...], of: int) -> str:
    """Which steps, in few words."""
    if len(steps) == 1:
        return f"step {steps[0]} alone, of {of}"
    run = steps == tuple(range(steps[0], steps[-1] + 1))
    return f"steps {steps[0]} to {steps[-1]} of {of}" if run else f"{len(steps)} of {of} steps, from {steps[0]} to {steps[-1]}"


def _term(term: Term) -> str:
    largest = max(abs(term.wanted), abs(term.got))
    if abs(term.got) <= NEARLY_NOTHING * largest:
        return f"{term.name} is left out; the original has it {term.wanted:.6g} times"
    if abs(term.wanted) <= NEARLY_NOTHING * largest:
        return f"{term.name} comes in {term.got:.6g} times; the original does not have it"
    times = term.got / term.wanted
    words = "the opposite sign" if abs(times + 1) <= NEARLY_NOTHING else f"{times:.6g} times as much"
    return f"{term.name}: {term.got:.6g} where the original has {term.wanted:.6g} ({words})"


def _order(found: Explanation) -> list[tuple[str, str]]:
    order = found.order
    if not order.steps:
        return [("independent check", f"none: {order.why}")] if order.why else []
    said = (
        f"exact solution, {', '.join(map(str, order.steps))} steps: the original converges with order {order.order(order.original):.1f} "
        f"({_series(order.original)}), the candidate with order {order.order(order.candidate):.1f} ({_series(order.candidate)})"
    )
    return [("independent check", said)]


def _series(distances: tuple[float, ...]) -> str:
    return ", ".join(number(distance) for distance in distances)


def _read(found: Explanation) -> list[tuple[str, str]]:
    subject = found.subject
    spec = f"spec references/{subject.ref.id}.py:{subject.ref.line} ({subject.ref.card.equations})"
    origin = subject.ref.origin
    original = f"original {origin['function']} in {origin['link']}"
    return [("read", f"{found.source or subject.claim.implementation} · {spec}"), ("", original)]
