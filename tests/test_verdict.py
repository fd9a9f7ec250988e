"""From what was seen to a verdict: both arbiters, and no answer of a candidate that the judge cannot take."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import cell, judged, runs_of_spec

from trueto.errors import DataError
from trueto.ledger import Ledger
from trueto.model import SAMPLER_LAYERS, Layer, Verdict
from trueto.observe import StepError
from trueto.references import load_golden, reference
from trueto.running.client import Outcome
from trueto.running.profiles import profile
from trueto.running.verdict import Runs, judge_cell
from trueto.workers.protocol import check_form

NAME = "k_diffusion/euler"
MULTISTEP = "k_diffusion/dpmpp_2m"
CASE = "model-2"
SHAPES = {
    "told": [(0,), (1,), (2,), (3,)], "step": [(0,), (1,), (2,), (3,)], "levels": [(1,), (2,), (3,), (4,)],
    "start": [(2, 4, 4, 3), (2, 4, 4, 2), (1, 1, 1, 1)], "sample": [(2, 4, 4, 3), (2, 4, 4, 2), (0, 4, 4, 3)],
    "states": [(0, 2, 4, 4, 3), (1, 2, 4, 4, 3), (2, 2, 4, 4, 3), (2, 2, 4, 4, 2), (3, 2, 4, 4, 3)],
    "noise": [(0,), (0, 2, 4, 4, 3), (1, 2, 4, 4, 3), (2, 1, 1, 1, 1)],
}  # fmt: skip
FILLS = [0.0, 1.0, -1.0, np.nan, np.inf]


def golden(net="closed", dtype="float32"):
    """What the original did."""
    return load_golden(NAME).observation(CASE, net, dtype)


def with_sample(seen, by):
    """The same run with another sample."""
    return dataclasses.replace(seen, sample=seen.sample + seen.sample.dtype.type(by))


def trajectory(native, twin, **more):
    """The verdict on the final sample when the two arbiters saw these."""
    return judged(cell(NAME, CASE, Layer.TRAJECTORY), Runs(Outcome(native, **more), None if twin is None else twin, Outcome(native)))


@pytest.mark.parametrize(
    ("native", "twin", "verdict", "cause"),
    [
        (0, 0, Verdict.IDENTICAL, ""),
        (1e-7, 1e-16, Verdict.FAITHFUL, ""),
        (1e-3, 1e-3, Verdict.DRIFTED, "algorithm"),
        (1e-3, 0, Verdict.DRIFTED, "precision"),
        (0, 1e-9, Verdict.DRIFTED, "algorithm (hidden by float32 rounding)"),
        (0, 1e-11, Verdict.DRIFTED, "algorithm (hidden by float32 rounding)"),
        (0, 2e-13, Verdict.IDENTICAL, ""),  # no more than another order of the same operations
    ],
)
def test_two_arbiters(native, twin, verdict, cause):
    """Faithful needs both; which of the two differs tells precision from algorithm, and what float32 hides is seen by the twin."""
    exact = Outcome(with_sample(golden(dtype="float64"), twin))
    seen = trajectory(with_sample(golden(), native), exact)
    assert (verdict, cause) == (seen.verdict, seen.cause), seen.reason


@pytest.mark.parametrize(
    ("twin", "why"),
    [
        (Outcome(None, died="time-out"), "time-out"),
        (Outcome(golden(dtype="float64"), meta={"below": "linspace"}), "linspace still returns less than float64"),
        (Outcome(golden()), "its sample is float32"),
    ],
)
def test_twin_that_is_not_valid_does_not_judge(twin, why):
    """A twin that died, or in which something stayed below float64, has no say; the record has the reason."""
    seen = trajectory(golden(), twin)
    assert Verdict.IDENTICAL == seen.verdict
    assert not seen.evidence["twin"]["valid"]
    assert why in seen.evidence["twin"]["why"]
    assert "not told apart: no float64 twin" == trajectory(with_sample(golden(), 1e-3), twin).cause


def test_size_is_told_in_grey_levels():
    """A drift of 0.1 in one picture of [-1, 1] is 12.75 grey levels, which is visible."""
    seen = trajectory(with_sample(golden(), 0.1), None)
    assert "visible" == seen.size
    assert 12.7 < seen.grey_levels < 12.8


def test_same_as_the_original_has_no_size():
    """What is the same has size 'none' and no grey levels."""
    seen = trajectory(golden(), None)
    assert ("none", None) == (seen.size, seen.grey_levels)


@pytest.mark.parametrize("layer", [layer for layer in SAMPLER_LAYERS if layer is not Layer.NOISE])
def test_spec_is_faithful_and_a_turned_knob_is_not(layer):
    """Judged as a candidate, the spec is the original in every layer; with another algorithm or grid it is not."""
    chosen = cell("k_diffusion/dpmpp_2m", "karras-20", layer)
    assert judged(chosen, runs_of_spec(chosen)).verdict.same
    knobs = {Layer.SCHEDULE: {"told": "rounded"}, Layer.START: {"start": "unit"}}.get(layer, {"midpoint": "plain"})
    assert Verdict.DRIFTED == judged(chosen, runs_of_spec(chosen, **knobs)).verdict


RAISING = ("compvis/plms", "uniform-3")


@pytest.mark.parametrize(
    ("outcome", "verdict", "words"),
    [
        (
            Outcome(None, raised=StepError("IndexError", "index 1000", "scheduler.py:1", own=True, at_call=0)),
            Verdict.FAITHFUL,
            "raises IndexError after 0 network calls",
        ),
        (
            Outcome(None, raised=StepError("ValueError", "no", "scheduler.py:1", own=True, at_call=0)),
            Verdict.FAITHFUL,
            "raises ValueError after 0 network calls",
        ),
        (
            Outcome(None, raised=StepError("IndexError", "index 1000", "adapter.py:1", own=False, at_call=0)),
            Verdict.BROKEN,
            "raises IndexError",
        ),
        (
            Outcome(None, raised=StepError("IndexError", "index 1000", "scheduler.py:1", own=True, at_call=2)),
            Verdict.BROKEN,
            "raises IndexError after 2 network calls (scheduler.py:1), the original",
        ),
        (Outcome(None, died="died by SIGSEGV"), Verdict.BROKEN, "SIGSEGV"),
        (Outcome(None, failed="cannot be imported: no", meta={"import": True}), Verdict.UNJUDGED, "cannot be imported"),
    ],
)
def test_where_the_original_raises(outcome, verdict, words):
    """Raising too agrees only if the exception starts in the candidate's own frames at the same call; dying never does."""
    seen = judged(cell(*RAISING, Layer.TRAJECTORY), Runs(outcome, None))
    assert verdict == seen.verdict
    assert words in seen.reason


@pytest.mark.parametrize(
    ("binding", "own", "verdict"), [(False, False, Verdict.UNJUDGED), (True, False, Verdict.BROKEN), (False, True, Verdict.BROKEN)]
)
@pytest.mark.parametrize("reference_case", [("k_diffusion/euler", "karras-20"), RAISING])
def test_an_adapter_that_another_release_does_not_suit_says_nothing_of_it(reference_case, binding, own, verdict):
    """What an adapter asks in vain of a release that it was not written for is no fault of the release; what its own code raises is."""
    raised = StepError("AttributeError", "no attribute 'sigmas'", "loops.py:1", own=own, at_call=2)
    asked = cell(*reference_case, Layer.TRAJECTORY)
    ledger = Ledger("", asked.candidate, (), binding=binding)
    seen = judge_cell(asked, "1.0", reference(asked.claim.reference), profile("default"), Runs(Outcome(None, raised=raised), None), ledger)
    assert verdict == seen.verdict, seen.reason
    assert ("the adapter cannot run this release so" in seen.reason) == (verdict is Verdict.UNJUDGED)


def test_returning_where_the_original_raises_is_beyond():
    """A sample where the original raises is beyond it: listed, not a failure."""
    seen = judged(
        cell(*RAISING, Layer.TRAJECTORY), Runs(Outcome(load_golden("compvis/plms").observation("uniform-2", "closed", "float32")), None)
    )
    assert (Verdict.BEYOND, "returns a sample where the original raises IndexError") == (seen.verdict, seen.reason)


DTYPES = st.sampled_from(["float16", "float32", "float64"])
CHANGES = st.fixed_dictionaries(
    {}, optional={name: st.tuples(st.sampled_from(shapes), st.sampled_from(FILLS), DTYPES) for name, shapes in SHAPES.items()}
)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"level_kind": "snr"}, "level_kind is 'snr'"),
        ({"told": np.zeros(())}, "told has shape"),
        ({"states": np.zeros((2, 3))}, "states has shape"),
        ({"levels": np.zeros(0)}, "levels is empty"),
        ({"levels": np.zeros(3, complex)}, "levels has dtype complex128"),
        ({"step": np.zeros(2)}, "step has dtype float64"),
        ({"told": np.zeros(3)}, "speak of \\[2, 3\\] network calls"),
    ],
)
def test_answer_of_another_form_is_garbage(changes, words):
    """An answer that is not made as the protocol says is refused before it is judged; a good one is accepted."""
    check_form(golden())
    with pytest.raises(DataError, match=words):
        check_form(dataclasses.replace(golden(), **changes))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(list(SAMPLER_LAYERS)), CHANGES)
def test_no_answer_of_a_candidate_breaks_the_judge(layer, changes):
    """Whatever shapes, dtypes and values an answer has, it gets a verdict, and NaN never gets a good one."""
    net = {"update": "open", "noise": "seeded"}.get(layer, "closed")
    arrays = {name: np.full(shape, fill, dtype) for name, (shape, fill, dtype) in changes.items() if name != "step"}
    if "told" in arrays:  # so that the number of calls is another one, and not only of one tensor
        arrays["step"] = np.zeros(len(arrays["told"]), np.int64)
        arrays["states"] = np.resize(arrays.get("states", golden("closed").states), (len(arrays["told"]), 2, 4, 4, 3))
    odd = dataclasses.replace(golden(net), **arrays)
    try:
        check_form(odd)
    except DataError:
        return  # the harness takes it for garbage
    seen = judged(cell(NAME, CASE, layer), Runs(Outcome(odd), Outcome(odd), Outcome(odd)))
    judged_by = {"schedule": ("told", "levels"), "start": ("start",), "noise": ("noise",)}.get(layer, ("sample", "states"))
    if any(name in arrays and arrays[name].size and not np.isfinite(arrays[name]).all() for name in judged_by):
        assert not seen.verdict.same


@pytest.mark.parametrize(
    ("case", "layer", "verdict"),
    [
        ("edm-karras-14", Layer.TRAJECTORY, Verdict.UNJUDGED),  # in float16 the original loses this sample itself
        ("edm-karras-14", Layer.START, Verdict.DRIFTED),  # a start that is not finite is no start, whatever becomes of the sample
        ("karras-20", Layer.TRAJECTORY, Verdict.BROKEN),  # here it has one
    ],
)
def test_a_sample_that_is_not_finite_where_the_original_has_none(case, layer, verdict):
    """In 16 bits NaN is held against a candidate only where the original's sample is known; nothing becomes green by it."""
    kept = load_golden(MULTISTEP).observation(case, "closed", "float32")
    lost = {name: np.full_like(getattr(kept, name), np.nan, dtype=np.float16) for name in ("sample", "start")}
    chosen = dataclasses.replace(cell(MULTISTEP, case, layer), profile="float16")
    seen = Outcome(dataclasses.replace(kept, **lost))
    found = judge_cell(chosen, "1.0", reference(MULTISTEP), profile("float16"), Runs(seen, None, seen), Ledger("", "toy", ()))
    assert verdict == found.verdict, found.reason


def edm_sample(sample, call=None, layer=Layer.TRAJECTORY, case="edm-40"):
    """The verdict in float16 on edm/euler, whose network answers over 65504 in the last two of 40 calls; `call`: the first lost state."""
    name = "edm/euler"
    kept = load_golden(name).observation(case, "open" if layer == Layer.UPDATE else "closed", "float32")
    states = kept.states.copy()
    if call is not None:
        states[call:] = np.nan
    seen = Outcome(dataclasses.replace(kept, states=states, sample=np.full_like(kept.sample, sample, dtype=np.float16)))
    chosen = dataclasses.replace(cell(name, case, layer), profile="float16")
    return judge_cell(chosen, "1.0", reference(name), profile("float16"), Runs(seen, None, seen), Ledger("", "toy", ()))


@pytest.mark.parametrize(
    ("seen", "verdict", "cause"),
    [
        ({"sample": np.nan}, Verdict.UNJUDGED, "precision too narrow"),  # the network's answer to the original itself has no float16
        ({"sample": np.nan, "call": 39}, Verdict.UNJUDGED, "precision too narrow"),
        ({"sample": np.nan, "call": 20}, Verdict.BROKEN, "not finite"),  # lost long before the network's answers are too large
        ({"sample": np.nan, "layer": Layer.UPDATE}, Verdict.BROKEN, "not finite"),  # the open network's answers are all small
        ({"sample": np.nan, "case": "edm-7"}, Verdict.BROKEN, "not finite"),  # with fewer steps the original's answers fit
        ({"sample": 0.0}, Verdict.DRIFTED, "not told apart: no float64 twin"),  # a finite sample is judged as any other
    ],
)
def test_a_network_that_leaves_the_range_of_16_bits(seen, verdict, cause):
    """What no float16 network can answer is not held against a candidate; what the original has finite is."""
    found = edm_sample(**seen)
    assert (verdict, cause) == (found.verdict, found.cause), found.reason


@pytest.mark.parametrize("layer", [Layer.SCHEDULE, Layer.START])
def test_the_grid_is_judged_where_the_sample_is_out_of_range(layer):
    """A network whose answers do not fit says nothing of levels, times and start: these are judged as ever."""
    assert edm_sample(np.nan, layer=layer).verdict in (Verdict.IDENTICAL, Verdict.FAITHFUL)


def test_a_profile_without_effect_is_not_green():
    """A run that says it compiled nothing is no evidence about compiling, however equal its sample is."""
    kept = golden()
    chosen = dataclasses.replace(cell(NAME, CASE, Layer.TRAJECTORY), profile="compile")
    for meta, verdict in (({"ineffective": "nothing was compiled"}, Verdict.UNJUDGED), ({}, Verdict.IDENTICAL)):
        seen = Outcome(kept, meta=meta)
        found = judge_cell(chosen, "1.0", reference(NAME), profile("compile"), Runs(seen, None, seen), Ledger("", "toy", ()))
        assert verdict == found.verdict
        assert ("took no effect: nothing was compiled" in found.reason) == bool(meta)
