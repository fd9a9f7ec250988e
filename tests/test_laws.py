"""Laws: X is drawn from a claim's domain, named so that it can be typed again, and what breaks a law is found and made small."""

import dataclasses
import shlex

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase, InMemoryExampleDatabase
from support import HOSTILE, cell, judged, lines, runs_of_spec, trueto

from trueto.candidates.diffusers.claims import CLAIMS
from trueto.errors import UnknownName, UsageError
from trueto.events import RunRecord
from trueto.ledger import load_ledger
from trueto.model import Layer, Verdict
from trueto.references import observe_spec, reference
from trueto.running import laws
from trueto.running.client import Outcome
from trueto.running.domain import Domain, drawn_case, law_of, read_case
from trueto.running.draws import cases
from trueto.running.exact import distance_from_exact
from trueto.running.kept import Kept, from_record, keep, load_kept
from trueto.running.plan import Selection, covers, plan
from trueto.running.profiles import profile
from trueto.running.search import Search, applies, database, prepared, sampled

STATING = [claim for claim in CLAIMS if "domain" in claim.settings]
EULER = next(claim for claim in CLAIMS if claim.id == "k_diffusion/euler")


@pytest.mark.parametrize("claim", STATING, ids=lambda claim: claim.id)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_drawn_case_can_be_typed_again(claim, data):
    """Reading the id of any drawn case gives that case, the claim can express it, and the original knows its options."""
    case = data.draw(cases(claim))
    assert case == read_case(claim, case.id)
    assert covers(claim, case)
    assert case.drawn
    assert set(case.options) <= set(claim.settings["options"])


def test_claims_without_a_domain_are_named_in_the_record():
    """Laws that skip a claim say so in a note with its name; claims that state a domain are not in it."""
    bare = dataclasses.replace(EULER, id="k_diffusion/euler@bare", settings={k: v for k, v in EULER.settings.items() if k != "domain"})
    search = prepared("ci", [EULER, bare], Selection())
    assert search is not None
    assert ["laws say nothing of 1 claims, no domain stated: k_diffusion/euler@bare"] == search.notes
    assert {"k_diffusion/euler"} == {claim.id for _, claim in search.asked}


def test_settings_that_do_not_go_together_are_not_drawn_together():
    """A list of times is not drawn with a spacing, a part of the way only where some steps are left, generators for their law alone."""

    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases(EULER))
    def drawn(case):
        assert not {"given", "timestep_spacing"} <= set(case.composed)
        assert "strength" not in case.composed or case.steps >= 4
        assert "generator" not in case.composed

    drawn()


def test_ids_are_readable():
    """An id says steps and grid, then only what is unlike any other case; a law about several runs comes first."""
    assert "steps=11,grid=model" == drawn_case(steps=11).id
    assert "steps=3,grid=karras,shape=1x1x2x4,eta=0.5" == drawn_case(steps=3, grid="karras", shape=(1, 1, 2, 4), options={"eta": 0.5}).id
    assert "batch" == law_of(read_case(EULER, "law=batch,steps=2,grid=model"))


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("steps=2,order=3", UnknownName, "part of a drawn case"),
        ("steps=x", UsageError, "steps=x in 'steps=x' cannot be read"),
        ("steps=2,karras", UsageError, "'karras' in 'steps=2,karras' is not written as name=value"),
        ("steps=2,timestep_spacing=odd", UnknownName, "value of timestep_spacing"),
    ],
)
def test_a_case_that_cannot_be_read_says_why(text, error, words):
    """A misspelt drawn case is an error with the part that is wrong."""
    with pytest.raises(error, match=words):
        read_case(EULER, text)


def test_unknown_words_of_a_domain_are_refused():
    """A domain with a word that nobody reads is an error: what it should narrow would not be narrowed."""
    wrong = dataclasses.replace(EULER, settings={**EULER.settings, "domain": {"stepz": [1, 2]}})
    with pytest.raises(UsageError, match="unknown keys: stepz"):
        Domain.of(wrong)


def narrowed(claim, **more):
    """A claim with more in its domain."""
    return dataclasses.replace(claim, settings={**claim.settings, "domain": {**claim.settings["domain"], **more}})


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_a_domain_leaves_out_is_never_drawn(data):
    """X for which a rule of `unless` is true is not drawn; the rule may speak of composed settings too."""
    claim = narrowed(EULER, unless={"timestep_spacing and steps > 9": "because", "s_churn > 0": "because"})
    case = data.draw(cases(claim))
    assert not ("timestep_spacing" in case.composed and case.steps > 9)
    assert not case.options.get("s_churn")


def test_a_rule_of_a_domain_that_cannot_be_read_is_an_error():
    """A rule of `unless` that speaks of something unknown would leave nothing out; it is refused with the claim's name."""
    with pytest.raises(UsageError, match=r"the domain of claim k_diffusion/euler: the rule .* speaks of 'churn'"):
        Domain.of(narrowed(EULER, unless={"churn > 0": "because"}))


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_an_option_that_is_always_given_is_in_every_case(data):
    """An original that has no default of an option gets it in every drawn case, and in those that laws choose by themselves."""
    claim = narrowed(EULER, options={"s_noise": {"choices": [1.0, 0.9], "always": True}})
    assert "s_noise" in data.draw(cases(claim)).options
    assert {"s_noise": 1.0} == data.draw(sampled("steps", claim)).options


@pytest.mark.parametrize("law", ["agreement", "repeat", "batch", "steps"])
def test_a_setting_without_which_a_claim_says_nothing_is_in_every_case_of_every_law(law):
    """A composed axis with `always` is never left out; FlowMatchHeunDiscreteScheduler is no Euler in any X."""
    claim = next(claim for claim in CLAIMS if claim.id == "sd3/euler@heun")
    drawn = Search("ci", [], ()).expected(law, claim)
    assert {"heun"} == {case.composed.get("order") for case in drawn}


def test_a_law_that_the_original_breaks_too_is_left_out_by_name():
    """`without` names a law and the reason; the others are looked at all the same."""
    claim = narrowed(EULER, without={"batch": "a mean over the batch"})
    assert (False, True) == (applies("batch", claim), applies("repeat", claim))


def test_step_counts_begin_where_the_domain_does(monkeypatch):
    """The law about every step count asks for none below the domain's smallest, where an original may not be defined."""
    asked = []
    chosen = dataclasses.replace(drawn_cell(Layer.TRAJECTORY), claim=narrowed(EULER, steps=[3, 6]))
    chosen = dataclasses.replace(chosen, case=drawn_case("steps", steps=6))

    def run(case, net):
        asked.append((case.steps, net))
        return Outcome(None)

    court = laws.Court(chosen, "1", reference("k_diffusion/euler"), profile("default"), load_ledger(None, "toy"), run, run)
    monkeypatch.setattr(laws, "judge_cell", lambda *_: court.said(Verdict.FAITHFUL, "", "fine"))
    assert "every step count from 3 to 6: fine" == laws.judge_law(court).reason
    assert [(n, "closed") for n in (3, 4, 5, 6)] == asked


def test_a_spec_whose_corrector_divides_by_a_norm_is_asked_for_its_grid():
    """What a spec tells the network is seen without a real network too, where a corrector's step size divides by the answer's norm."""
    case = drawn_case(steps=5, grid="sde", schedule="ve", parameterization="score")
    assert 10 == len(observe_spec(reference("score_sde/ve_reverse_diffusion"), case, "idle").exact.told)


DRAWN = "steps=11,grid=model"


def drawn_cell(layer, text=DRAWN):
    """A cell of DPM++ 2M on a drawn case."""
    claim = next(claim for claim in CLAIMS if claim.id == "k_diffusion/dpmpp_2m")
    found = cell("k_diffusion/dpmpp_2m", "model-2", layer)
    return dataclasses.replace(found, claim=claim, case=read_case(claim, text))


@pytest.mark.parametrize("layer", [Layer.SCHEDULE, Layer.START, Layer.UPDATE, Layer.TRAJECTORY])
def test_a_drawn_case_is_judged_by_the_spec(layer):
    """The spec is the original on X that was never recorded; with another algorithm or grid it is not."""
    chosen = drawn_cell(layer)
    assert judged(chosen, runs_of_spec(chosen)).verdict.same
    knobs = {Layer.SCHEDULE: {"spacing": "drop_last"}, Layer.START: {"start": "unit"}}.get(layer, {"midpoint": "plain"})
    assert Verdict.DRIFTED == judged(chosen, runs_of_spec(chosen, **knobs)).verdict


def test_a_setting_that_the_original_lacks_is_never_the_same():
    """With a composed setting agreement reads 'consistent with', and the sentence names the parts; another setting is a drift."""
    chosen = drawn_cell(Layer.SCHEDULE, "steps=11,grid=model,final_sigmas_type=sigma_min")
    seen = judged(chosen, runs_of_spec(chosen, final_sigma="sigma_min"))
    assert Verdict.CONSISTENT == seen.verdict
    assert "it has no final_sigmas_type=sigma_min, but its certified spec has final_sigma=sigma_min" in seen.reason
    assert "same" not in seen.reason
    assert Verdict.DRIFTED == judged(chosen, runs_of_spec(chosen)).verdict


def test_low_precision_is_not_judged_on_drawn_cases():
    """Nothing was recorded in 16 bits for a drawn X, so that it cannot be judged there."""
    from trueto.running.arms import Bench

    chosen = drawn_cell(Layer.TRAJECTORY)
    bench = Bench(reference("k_diffusion/dpmpp_2m"), chosen.case, chosen.layer, profile("float16"))
    assert "this X was drawn" in bench.cannot_judge()


def test_nothing_is_drawn_where_cases_are_named():
    """Laws run in a gate of everything, by the claims' domains; a named case, a seed or --quick switches them off."""
    everything = prepared("ci", CLAIMS, Selection())
    assert {claim.id for _, claim in everything.asked} == {claim.id for claim in STATING}
    assert all(applies(law, claim) for law, claim in everything.asked)
    for selection in (Selection(cases=("model-2",)), Selection(seeds=(0,)), Selection(quick=True), Selection(profiles=("bfloat16",))):
        assert prepared("ci", CLAIMS, selection) is None
    assert prepared("none", CLAIMS, Selection()) is None


def test_ci_draws_the_same_every_time():
    """Two searches without a salt draw the same X, with a salt others."""
    first, second = (Search("ci", [], ()).expected("agreement", EULER) for _ in range(2))
    assert first == second
    assert len(first) > 3
    assert first != Search("ci", [], (), salt=1).expected("agreement", EULER)


def test_examples_that_cannot_be_stored_are_remembered_in_memory(tmp_path):
    """Where Hypothesis cannot write, it works without, and says so."""
    (tmp_path / "file").write_text("")
    remembered, note = database(tmp_path / "file" / "examples")
    assert isinstance(remembered, InMemoryExampleDatabase)
    assert "cannot be written" in note
    assert isinstance(database(tmp_path / "examples")[0], DirectoryBasedExampleDatabase)


def test_kept_cases_are_stored_once_and_planned(tmp_path):
    """What failed in a record is kept once, read back, and becomes cells like any other case; a broken file says so."""
    failed = {"claim": EULER.id, "case": "steps=11,grid=model", "verdict": "drifted", "layer": "trajectory", "reason": 'a "reason"'}
    fine = {**failed, "case": "steps=12,grid=model", "verdict": "faithful"}
    recorded = {**failed, "case": "model-20"}
    found = from_record(RunRecord(tmp_path, {}, [failed, failed, fine, recorded], [], []))
    path = tmp_path / "kept.toml"
    assert (1, 0) == (keep(path, found), keep(path, found))
    assert (Kept(EULER.id, "steps=11,grid=model", 'trajectory: a "reason"'),) == load_kept(path)
    cells = plan("diffusers", [EULER], Selection(), [(one.claim, one.case) for one in load_kept(path)])
    assert ["schedule", "start", "update", "trajectory"] == [str(c.layer) for c in cells if c.case.id == "steps=11,grid=model"]
    path.write_text("[[case]]\nclaim = 1\nwhere = 2\n")
    with pytest.raises(UsageError, match="kept"):
        load_kept(path)


@pytest.mark.slow
def test_a_fault_that_no_recorded_case_shows_is_found_and_made_small(tmp_path):
    """Wrong only for steps that eleven divides: all recorded cases pass, the laws find it, shrink it to 11, and say how to repeat it."""
    port = str(HOSTILE / "eleven.py")
    recorded = trueto("gate", port, "--layer", "trajectory", "--laws", "none", cwd=tmp_path)
    assert 0 == recorded.returncode, recorded.stdout
    done = trueto("gate", port, "--layer", "trajectory", "--laws", "nightly", "--record", "r.jsonl", cwd=tmp_path)
    assert 1 == done.returncode, done.stdout + done.stderr
    bad = [event for event in lines(tmp_path / "r.jsonl") if event["event"] == "cell" and event["verdict"] == "drifted"]
    assert ["steps=11,grid=model"] == [event["case"] for event in bad]
    assert "--case steps=11,grid=model" in done.stdout
    command = shlex.split(bad[0]["evidence"]["command"])[1:]
    assert 1 == trueto(*command, cwd=tmp_path).returncode


@pytest.mark.slow
@pytest.mark.parametrize(("port", "code"), [("one_generator", 1), ("each_generator", 0)])
def test_a_list_of_generators_of_which_only_the_first_is_heeded(tmp_path, port, code):
    """Every recorded cell passes, and so does a port that heeds each; one that takes the first for all is found by the law."""
    where = (str(HOSTILE / "one_generator.py"), "--claim", f"k_diffusion/euler@{port}", "--jobs", "1")
    assert 0 == trueto("gate", *where, "--case", "model-2", cwd=tmp_path).returncode
    done = trueto("gate", *where, "--case", "law=generators,steps=3,grid=model,generator=list", cwd=tmp_path)
    assert code == done.returncode, done.stdout + done.stderr
    assert ("picture 1 of a list is another one than alone" in done.stdout) == bool(code)


@pytest.mark.slow
def test_a_domain_with_nothing_in_it_fails(tmp_path):
    """A claim whose domain is empty is not silently green."""
    done = trueto("gate", str(HOSTILE / "no_domain.py"), "--layer", "start", "--laws", "dev", cwd=tmp_path)
    assert 4 == done.returncode, done.stdout + done.stderr
    assert "the laws have nothing to draw for claim k_diffusion/euler@no_domain: its domain has no schedules" in done.stderr


@pytest.mark.parametrize(
    ("name", "schedule", "form", "grid"), [("k_diffusion/euler", "edm", "edm", "karras"), ("sd3/euler", "flow1000", "flow", "released")]
)
def test_the_exact_solution_is_looked_at_as_the_network_is_fed(name, schedule, form, grid):
    """EDM's networks and flow matching are fed states of another size than one: only so does half the step length halve the distance."""
    made = [drawn_case("order", steps=n, grid=grid, schedule=schedule, parameterization=form) for n in (64, 128)]
    errors = [distance_from_exact(case, observe_spec(reference(name), case, "closed").exact) for case in made]
    assert 1.9 < errors[0] / errors[1] < 2.1
