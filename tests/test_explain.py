"""Seeded mistakes: trueto explain finds the knob that restores agreement, or says that there is none and what differs."""

import json
from pathlib import Path

import pytest

from trueto.errors import UsageError
from trueto.ledger import Ledger
from trueto.model import Layer, Verdict
from trueto.references import reference
from trueto.running.explain import explain, explanation_record, explanation_text, subject_of
from trueto.running.explain.knob_words import knob_words
from trueto.running.gate import Gate
from trueto.running.plan import Selection

PORTS = str(Path(__file__).parent / "mistaken" / "ports.py")
EULER, MULTISTEP, ANCESTRAL = "k_diffusion/euler", "k_diffusion/dpmpp_2m", "k_diffusion/euler_ancestral"


def quiet(what):
    """No progress."""


@pytest.fixture(scope="module")
def gate():
    """The mistaken ports, met once."""
    met = Gate(PORTS, Selection(), Ledger("", "ports", ()), jobs=1)
    met.meet()
    yield met
    met.close()


def explained(gate, where):
    """What explain finds about a cell, and how it says it, in one line."""
    found = explain(subject_of(gate, where), quiet)
    return found, " ".join(explanation_text(found).split())


def sets(found):
    """The sets of knobs that restore agreement."""
    return [dict(trial.knobs) for trial in found.search.found]


@pytest.mark.parametrize(
    ("where", "layer", "knobs"),
    [
        (f"{EULER}@unit_start:start:karras-20", Layer.START, {"start": "unit"}),
        (f"{EULER}@unit_start:karras-20", Layer.START, {"start": "unit"}),
        (f"{EULER}@unit_start:trajectory:model-20", Layer.TRAJECTORY, {"start": "unit"}),
        (f"{EULER}@rounded:karras-20", Layer.SCHEDULE, {"told": "rounded"}),
        (f"{EULER}@rounded_and_unit:trajectory:karras-20", Layer.TRAJECTORY, {"told": "rounded", "start": "unit"}),
        (f"{EULER}@clipped:update:karras-20", Layer.UPDATE, {"clip": "x0"}),
        (f"{MULTISTEP}@plain_midpoint:karras-20", Layer.UPDATE, {"midpoint": "plain"}),
        (f"{MULTISTEP}@plain_midpoint:trajectory:karras-20", Layer.TRAJECTORY, {"midpoint": "plain"}),
        (f"{EULER}@unit_start:start:steps=11,grid=karras", Layer.START, {"start": "unit"}),
        (f"{EULER}@rounded:steps=11,grid=karras", Layer.SCHEDULE, {"told": "rounded"}),
        (f"{MULTISTEP}@plain_midpoint:trajectory:steps=11,grid=karras", Layer.TRAJECTORY, {"midpoint": "plain"}),
    ],
)
def test_seeded_mistake_is_named_by_its_knob(gate, where, layer, knobs):
    """The smallest set of knobs that restores agreement is the mistake that was seeded, in the layer asked for or the first that parts."""
    found, said = explained(gate, where)
    assert layer == found.layer
    assert knobs in sets(found), said
    assert {len(knobs)} == {len(one) for one in sets(found)}
    assert all(trial.judgement.verdict.declared for trial in found.search.found)
    assert 0 == found.exit_code
    assert "restores agreement" in said


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (f"{MULTISTEP}@whole:update:karras-20", "the network's answer one call before: "),
        (f"{MULTISTEP}@whole:update:karras-20", "(2 times as much)"),
        (f"{MULTISTEP}@sign:update:karras-20", "(the opposite sign)"),
        (f"{MULTISTEP}@sign:update:karras-20", "terms differ in steps 1 to 18 of 20"),
        (f"{MULTISTEP}@lowered:update:karras-20", "the network's answer one call before is left out"),
        (f"{MULTISTEP}@lowered:update:karras-20", "terms differ in step 18 alone, of 20"),
        (f"{MULTISTEP}@first_order:update:karras-20", "the network's answer one call before is left out"),
        (f"{ANCESTRAL}@late_noise:update:model-7", "the noise of the next step comes in"),
        (f"{ANCESTRAL}@late_noise:update:model-7", "the noise of this step is left out"),
        (f"{EULER}@squashed:update:karras-20", "the candidate's step 0 is no sum of x, answers and noise"),
        (f"{EULER}@dropped:schedule:model-7", "6 of them where the original has 7"),
    ],
)
def test_without_a_knob_the_terms_are_named(gate, where, words):
    """Where no knob restores agreement explain says so, with exit code 1, and names the terms of the update rule that differ."""
    found, said = explained(gate, where)
    assert [] == sets(found), said
    assert 1 == found.exit_code
    assert "restores agreement nothing: " in said
    assert words in said


@pytest.mark.parametrize(
    ("case", "words", "typed"),
    [
        ("law=batch,steps=4,grid=model", "law batch is about several runs", f"trueto explain {PORTS} {EULER}@none:steps=4,grid=model"),
        ("steps=4,grid=modle", "did you mean 'model'?", "steps=4,grid=model"),
        ("steps=4,grid=model,shape=3x9x4x4", "not within the recorded noise", "steps=4,grid=model,shape=2x4x4x4"),
        ("model-71", "did you mean 'model-7'?", f"trueto list cases {EULER}"),
    ],
)
def test_what_cannot_be_explained_says_what_to_type(gate, case, words, typed):
    """A law is about several runs, so that no one run is its cause; an X that the claim cannot express has a nearest one."""
    with pytest.raises(UsageError) as refused:
        subject_of(gate, f"{EULER}@none:{case}")
    assert (words in refused.value.message, typed) == (True, refused.value.hint)


def test_faithful_rules_have_the_same_terms(gate):
    """Taken apart into terms, a faithful port has the original's coefficients: there is nothing to explain, with exit code 0."""
    for where in (f"{EULER}@none:update:karras-20", f"{ANCESTRAL}@right_noise:update:model-7"):
        found, said = explained(gate, where)
        assert found.judgement.verdict.same
        assert (None, None, 0) == (found.search, found.rule, found.exit_code)
        assert "there is nothing to explain" in said


def test_update_rule_is_told_from_the_grid(gate):
    """A port that only rounds times has the original's update rule; one with another coefficient has not, and its size is said."""
    assert "same update rule? yes: the float64 twin differs by" in explained(gate, f"{EULER}@rounded:karras-20")[1]
    assert "same update rule? no: the float64 twin differs by" in explained(gate, f"{MULTISTEP}@sign:update:karras-20")[1]


def test_first_step_and_how_far_those_before_agree(gate):
    """The first step that parts is named with the agreement of the steps before, in floors."""
    found, said = explained(gate, f"{MULTISTEP}@whole:update:karras-20")
    assert 2 == found.judgement.first_step  # the step to it is the first that has a history
    assert "at step 2; steps 0 to 1 agree to" in said


def test_lower_order_is_seen_against_the_exact_solution(gate):
    """A second order sampler without its history converges with order 1, where the original has order 2."""
    order = explained(gate, f"{MULTISTEP}@first_order:update:karras-20")[0].order
    assert (20, 40, 80) == order.steps
    assert 1.7 < order.order(order.original) < 2.3
    assert 0.7 < order.order(order.candidate) < 1.3


@pytest.mark.parametrize(
    ("where", "why"),
    [
        (f"{EULER}@rounded_and_unit:trajectory:model-7", "the network `smooth` has no exact solution"),
        (f"{ANCESTRAL}@late_noise:update:model-14", "the case draws noise"),
        (f"{EULER}@unit_start:start:model-2", "2 steps are too few"),
    ],
)
def test_no_order_where_there_is_no_exact_solution(gate, where, why):
    """Cases that have no exact solution to converge to say which of the conditions they miss."""
    assert why in explained(gate, where)[0].order.why


def test_candidate_that_raises_is_told_so(gate):
    """Of a cell that raises, explain says what was raised, and that no variant refuses the case so."""
    found, said = explained(gate, f"{EULER}@raises:update:model-7")
    assert (Verdict.BROKEN, 1) == (found.judgement.verdict, found.exit_code)
    assert "raises ZeroDivisionError" in said
    values = sum(len(values) - 1 for values in reference(EULER).knobs.values())
    assert f"restores agreement nothing: {values} variants were tried" in said


def test_knobs_without_effect_are_listed(gate):
    """Knobs that change nothing for this cell are named; the one that explains it is not among them."""
    found, said = explained(gate, f"{EULER}@rounded:schedule:karras-20")
    nothing = list(dict.fromkeys(found.search.without_effect()))
    assert f"no effect here {', '.join(nothing)}" in said
    assert "spacing" in nothing
    assert "told" not in nothing
    assert "told=truncated (" in said


def test_where_to_read(gate):
    """The adapter's own file and line, the spec's, and the original's are named."""
    said = explained(gate, f"{EULER}@rounded:schedule:karras-20")[1]
    assert "read tests/mistaken/ports.py:" in said
    assert f"spec references/{EULER}.py:{reference(EULER).line}" in said
    assert f"original sample_euler in {reference(EULER).origin['link']} " in said


@pytest.mark.parametrize(
    ("name", "knob", "words"),
    [
        (EULER, "interpolation", "between the tabulated levels"),
        (EULER, "churn", "When the extra noise is added."),
        ("compvis/ddim", "last_noise", "left_out: guided-diffusion masks the noise of the last step"),
        ("generative_models/euler_edm", "spacing", "leading: diffusers as Stable Diffusion XL was released for it"),
        (EULER, "no_such_knob", ""),
    ],
)
def test_knobs_are_explained_in_the_words_of_their_own_file(name, knob, words):
    """The comment beside a knob, or above it, is what a reader is told of it."""
    said = knob_words(reference(name), knob)
    assert (words in said) if words else not said


@pytest.mark.parametrize(
    ("where", "outcome", "knobs"),
    [
        (f"{EULER}@rounded_and_unit:trajectory:karras-20", "explained", {"told": "rounded", "start": "unit"}),
        (f"{MULTISTEP}@sign:update:karras-20", "unexplained", None),
        (f"{EULER}@rounded_and_unit:update:karras-20", "nothing to explain", None),
    ],
)
def test_explanation_as_data(gate, where, outcome, knobs):
    """The same as data: the outcome, and every set with the figure after it; any JSON reader takes it."""
    found, _ = explained(gate, where)
    data = json.loads(json.dumps(explanation_record(found), allow_nan=False))
    assert outcome == data["outcome"]
    assert where == f"{data['cell']['claim']}:{data['cell']['layer']}:{data['cell']['case']}"
    assert knobs == (data["variants"][0]["knobs"] if data["variants"] else None)
    assert all(one["ratio"] < data["search"]["base"]["ratio"] for one in data["variants"])


def test_terms_and_orders_as_data(gate):
    """A step whose sign is turned: the coefficients of both sides, and the orders with which they converge."""
    data = explanation_record(explained(gate, f"{MULTISTEP}@sign:update:karras-20")[0])
    earlier = data["terms"]["terms"][1]
    assert "the network's answer one call before" == earlier["name"]
    assert "-1.000000000" == f"{earlier['got'] / earlier['wanted']:.9f}"
    orders = [round(data["convergence"][side]["order"]) for side in ("original", "candidate")]
    assert [2, 1] == orders
