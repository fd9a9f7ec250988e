"""What the domains of diffusers' claims need: options that are always there, lists in names, rules on options of a frame, composed axes."""

import dataclasses
import inspect

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import cell, judged, runs_of_spec

from trueto.candidates.diffusers.claims import CLAIMS
from trueto.errors import LedgerError, UsageError
from trueto.ledger.rules import Rule
from trueto.model import Case, Layer, Verdict
from trueto.references import reference
from trueto.running.arms import Bench
from trueto.running.domain import Domain, drawn_case, knobs_of, read_case
from trueto.running.draws import cases
from trueto.running.profiles import profile
from trueto.running.search import sampled

BY_ID = {claim.id: claim for claim in CLAIMS}
FLOW = "grid=released,schedule=flow1000,parameterization=flow"
NEEDY = [claim for claim in CLAIMS if "domain" in claim.settings and Domain.of(claim).given]


@pytest.mark.parametrize("claim", NEEDY, ids=lambda claim: claim.id)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_an_option_that_is_always_there_is_in_every_case(claim, data):
    """No case is drawn without an option marked `always`, and the law about step counts has it too."""
    given = Domain.of(claim).given
    assert set(given) <= set(data.draw(cases(claim)).options)
    assert given == data.draw(sampled("steps", claim)).options


def test_an_option_that_is_not_always_there_is_left_out_now_and_then():
    """Where nothing is marked, a domain needs nothing."""
    assert {} == Domain.of(BY_ID["sd3/euler"]).given
    assert {"shift": False, "image_seq_len": 256} == Domain.of(BY_ID["flux/denoise@schnell"]).given


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_laws_about_two_runs_stay_on_the_schedules_of_the_domain(data):
    """A scheduler that knows the cosine schedule only is never asked to repeat a run, or to split a batch, on another one."""
    for law in ("repeat", "batch"):
        assert "cosine" == data.draw(sampled(law, BY_ID["glide/ddpm@unclip"])).schedule


def test_lists_in_names_are_read_back():
    """A list of whole numbers is written with plus signs, as commas part the options; a text stays a text."""
    claim = BY_ID["consistency_models/multistep"]
    case = drawn_case(steps=2, grid="karras", schedule="edm1000", parameterization="edm", options={"ts": [0, 22, 39]})
    assert case.id.endswith("ts=0+22+39")
    assert case == read_case(claim, case.id)


@pytest.mark.parametrize(
    ("options", "holds"), [({}, False), ({"original_inference_steps": 25}, True), ({"original_inference_steps": 5}, False)]
)
def test_rules_know_the_options_of_a_frame(options, holds):
    """An option that the update rule does not take is None where a case does not give it; one that no case has stays unknown."""
    text = "original_inference_steps != None and steps <= original_inference_steps"
    assert holds == Rule(text, [reference("tcd/tcd")], "here").holds(Case("a", 7, options=options))
    with pytest.raises(LedgerError, match="speaks of 'jump_length'"):
        Rule("jump_length > 1", [reference("tcd/tcd")], "here")


@pytest.mark.parametrize(
    ("claim", "typed", "missing", "whole"),
    [
        ("sd3/euler@heun", "steps=5,grid=released,shift=2.0", "order", f"steps=5,{FLOW},shift=2.0,order=heun"),
        ("sa_solver/few_steps", "law=batch,steps=5,grid=time,tau=1", "corrector_order, predictor_order",
         "law=batch,steps=5,grid=time,corrector_order=2,predictor_order=2,tau=1"),
        ("unipc/bh2", "steps=5,grid=uniform,flow_sigmas=3", "schedule=flow1000, parameterization=flow",
         "steps=5,grid=uniform,schedule=flow1000,parameterization=flow,flow_sigmas=3"),
        ("unipc/bh2", "steps=5,grid=uniform,schedule=flow1000,parameterization=flow", "flow_sigmas",
         "steps=5,grid=uniform,schedule=flow1000,parameterization=flow,flow_sigmas=1"),
    ],
)  # fmt: skip
def test_a_typed_case_gives_what_is_always_given(claim, typed, missing, whole):
    """Without such a setting candidate and spec are asked for different things, which is no drift; the error has the case to type."""
    with pytest.raises(UsageError) as seen:
        read_case(BY_ID[claim], typed)
    assert f"'{typed}' lacks {missing}, without which claim {claim} says nothing" == seen.value.message
    assert f"--case '{whole}'" == seen.value.hint
    assert whole == read_case(BY_ID[claim], whole).id


def flow_cell(layer, text):
    """A cell of the claim of Stable Diffusion 3 on a drawn case."""
    claim = BY_ID["sd3/euler"]
    return dataclasses.replace(cell("sd3/euler", "shift-3-7", layer), claim=claim, case=read_case(claim, text))


@pytest.mark.parametrize(
    ("setting", "layer", "wrong"),
    [
        ("use_dynamic_shifting=exponential", Layer.SCHEDULE, {"shift": "mu", "clean_end": "shifted_once"}),
        ("use_dynamic_shifting=linear", Layer.SCHEDULE, {"shift": "mu"}),
        ("sigmas=karras", Layer.SCHEDULE, {"ramp": "exponential"}),
        ("sigmas=exponential", Layer.SCHEDULE, {"ramp": "karras"}),
        ("stochastic_sampling=true", Layer.TRAJECTORY, {"step": "euler"}),
    ],
)
def test_composed_settings_of_flow_matching_can_fail(setting, layer, wrong):
    """What a setting amounts to is consistent with it, and its neighbour is a drift."""
    chosen = flow_cell(layer, f"steps=5,{FLOW},{setting}")
    knobs = knobs_of(chosen.claim, chosen.case)
    assert Verdict.CONSISTENT == judged(chosen, runs_of_spec(chosen, **knobs)).verdict
    assert Verdict.DRIFTED == judged(chosen, runs_of_spec(chosen, **wrong)).verdict


@pytest.mark.parametrize(("ramp", "even"), [("karras", lambda level: level ** (1 / 7)), ("exponential", np.log)])
def test_ramps_are_even(ramp, even):
    """Levels of a ramp begin and end where those that they are made of do, and are evenly spaced in the root or the logarithm."""
    case = read_case(BY_ID["sd3/euler"], f"steps=6,{FLOW}")
    plain, ramped = (
        Bench(reference("sd3/euler"), case, Layer.SCHEDULE, profile("default"), knobs).original("closed", "float32").exact.levels[:-1]
        for knobs in ({}, {"ramp": ramp})
    )
    assert np.max(np.abs(plain[[0, -1]] - ramped[[0, -1]])) < 1e-12  # of levels below 1, in float64
    assert np.ptp(np.diff(even(ramped))) < 1e-12 < np.ptp(np.diff(even(plain)))


@pytest.mark.parametrize("claim", [c for c in CLAIMS if c.settings.get("domain", {}).get("composed")], ids=lambda claim: claim.id)
def test_a_composed_setting_is_one_that_the_scheduler_has(claim):
    """Diffusers drops settings that a scheduler does not know, so that a claim about one of them would say nothing."""
    schedulers = pytest.importorskip("diffusers.schedulers")
    known = set(inspect.signature(getattr(schedulers, claim.implementation).__init__).parameters)
    for axis in claim.settings["domain"]["composed"].values():
        for value in axis["values"].values():
            assert set(value["settings"]) <= known


def test_a_typed_case_is_on_the_grid_that_the_claim_has():
    """Who types steps and shift of a flow matching claim need not know that it has neither the usual grid nor schedule."""
    assert read_case(BY_ID["sd3/euler"], "steps=4,shift=1.58") == read_case(BY_ID["sd3/euler"], f"steps=4,{FLOW},shift=1.58")
    assert read_case(BY_ID["k_diffusion/euler"], "steps=4").grid == "model"


@pytest.mark.parametrize(("moved", "same"), [(-2, True), (1, True), (-40, False)])
def test_pure_noise_in_flow_matching_is_a_level_that_is_computed(moved, same):
    """Shift / (1 + (shift - 1)) is 1 in one order and two units below in another; what is farther off than rounding is seen."""
    chosen = flow_cell(Layer.SCHEDULE, f"steps=4,{FLOW},shift=1.58")
    runs = runs_of_spec(chosen)
    seen = runs.native.observation
    levels = seen.levels.copy()
    levels[0] += levels.dtype.type(moved * np.spacing(np.float32(0.75)))
    native = dataclasses.replace(runs.native, observation=dataclasses.replace(seen, levels=levels))
    found = judged(chosen, dataclasses.replace(runs, native=native))
    assert found.verdict.same is same, found.reason
