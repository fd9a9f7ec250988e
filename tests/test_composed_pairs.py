"""Settings that meet: composed settings whose parts only differ where another setting or a step count is as it is, each seen to fail."""

import dataclasses

import numpy as np
import pytest
from support import cell, judged, runs_of_spec

from trueto.candidates.diffusers.claims import CLAIMS
from trueto.model import Layer, Verdict
from trueto.references import observe_spec, reference
from trueto.running.domain import Domain, drawn_case, knobs_of, read_case

FLOW = "grid=released,schedule=flow1000,parameterization=flow"
BY_ID = {claim.id: claim for claim in CLAIMS}


def meeting(claim_id, recorded, layer, text):
    """A cell of a claim on a drawn case."""
    claim = BY_ID[claim_id]
    return dataclasses.replace(cell(claim.reference, recorded, layer), claim=claim, case=read_case(claim, text))


@pytest.mark.parametrize(
    ("claim", "recorded", "layer", "text", "wrong"),
    [
        ("compvis/plms", "uniform-50", Layer.TRAJECTORY, "steps=8,grid=uniform,timestep_spacing=linspace", {"corrected": "trial_step"}),
        ("k_diffusion/dpmpp_2m", "model-2", Layer.UPDATE, "steps=16,grid=model,final_sigmas_type=euler", {"final_step": "first_order"}),
        ("k_diffusion/dpmpp_2m", "model-2", Layer.SCHEDULE, "steps=9,grid=model,rescale_betas_zero_snr=true", {"terminal": "own"}),
        ("sd3/euler", "shift-3-7", Layer.SCHEDULE, f"steps=5,{FLOW},listed=from_one", {"spacing": "to_smallest"}),
    ],
)
def test_what_a_setting_amounts_to_where_it_meets_another_can_fail(claim, recorded, layer, text, wrong):
    """With its knobs a setting is consistent with the original's parts, with one of them left out it is a drift."""
    chosen = meeting(claim, recorded, layer, text)
    knobs = knobs_of(chosen.claim, chosen.case)
    if layer is Layer.UPDATE:  # on levels whose last step has a length, as diffusers walks them
        knobs["spacing"] = "drop_last"
    assert Verdict.CONSISTENT == judged(chosen, runs_of_spec(chosen, **knobs)).verdict
    assert Verdict.DRIFTED == judged(chosen, runs_of_spec(chosen, **{**knobs, **wrong})).verdict


@pytest.mark.parametrize(("steps", "same"), [(8, True), (7, False)])
def test_the_corrected_step_of_plms_is_the_same_where_the_count_divides_the_times(steps, same):
    """Trailing times are a stride apart where the step count divides 1000; only elsewhere it matters where the corrected step begins."""
    case = drawn_case(steps=steps, grid="uniform")
    first, second = (
        observe_spec(
            reference("compvis/plms"), case, "closed", {"spacing": "trailing", "previous": "stride", "corrected": word}
        ).exact.sample
        for word in ("trial_step", "stride_to_call")
    )
    assert same == (float(np.max(np.abs(first - second))) < 1e-12)


@pytest.mark.parametrize(("low", "noise"), [(0.002, 6.7e-7), (0.1, 3.1e-5)])
def test_the_last_draw_of_consistency_models_is_left_over_by_rounding(low, noise):
    """The squares of float32 sigma_min and of the number itself round apart: that much of the last draw is added, in float32 alone."""
    options = {"ts": [0, 22, 39], "sigma_min": low}
    case = drawn_case(steps=2, grid="karras", schedule="edm1000", parameterization="edm", options=options)
    plain, left = (
        observe_spec(
            reference("consistency_models/multistep"), case, "closed", {"last_level": "sigma_min", "size_of_last": size}
        ).native.sample
        for size in ("native", "float32")
    )
    assert 0.2 * noise < float(np.max(np.abs(plain - left))) < 5 * noise


def test_x_that_an_original_refuses_for_an_offset_are_left_out():
    """Three steps of ermongroup are four, the first at time 999, which an offset moves out of the table."""
    domain = Domain.of(BY_ID["ermongroup/ddim"])
    kept = {n: domain.holds(drawn_case(steps=n, grid="uniform", composed={"steps_offset": "one"})) for n in (3, 4, 9, 10, 37)}
    assert {3: False, 4: True, 9: False, 10: True, 37: False} == kept
    assert domain.holds(drawn_case(steps=3, grid="uniform"))
