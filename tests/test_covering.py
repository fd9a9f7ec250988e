"""Which X of a law are judged: those that put the most settings together, at step counts at which something begins or ends."""

import dataclasses
from collections import Counter
from types import SimpleNamespace

import pytest
from support import cell, judged, runs_of_spec

from trueto.candidates.diffusers.claims import CLAIMS
from trueto.ledger import Ledger, Rule
from trueto.model import Layer, Verdict
from trueto.references import reference
from trueto.running.covering import chosen, pairs_of
from trueto.running.domain import Domain, drawn_case
from trueto.running.gate import Gate, exit_code
from trueto.running.plan import Selection
from trueto.running.search import Search

DEIS, EULER = (next(claim for claim in CLAIMS if claim.id == name) for name in ("deis/t_ab", "k_diffusion/euler"))
TWO = cell("k_diffusion/euler", "model-2", Layer.UPDATE)


def test_drawn_cases_put_settings_together():
    """What is judged has more pairs of settings together than the first that are drawn, and step counts where orders are lowered."""
    domain, drawn = Domain.of(DEIS), Search("ci", [], ()).drawn("agreement", DEIS)
    some = chosen(domain, drawn, 6)
    first, covered = (set().union(*(pairs_of(domain, case) for case in many)) for many in (drawn[:6], some))
    assert 6 == len({case.id for case in some})
    assert len(covered) > 1.3 * len(first)
    assert (1, 2, 3, 4, 14, 15, 16, 30, 31, 32, 49, 50) == domain.edges


def test_every_case_is_chosen_once():
    """Asked for more than there are, it returns every case once, though all pairs are covered long before."""
    drawn = Search("ci", [], ()).drawn("agreement", EULER)
    assert sorted(case.id for case in drawn) == sorted(case.id for case in chosen(Domain.of(EULER), drawn, 1000))


def test_more_than_the_pairs_need_go_through_each_step_count():
    """Most step counts are of one kind; once all pairs of kinds are there, further X have other counts, so that one wrong at 11 shows."""
    domain = Domain.of(EULER)
    every = [drawn_case(steps=n, grid=grid, schedule=one) for n in range(1, 51) for grid in domain.grids for one in domain.schedules]
    few, many = ({case.steps for case in chosen(domain, every, count)} for count in (20, 100))
    assert set(domain.edges) <= few
    assert set(range(1, 51)) == many


def said(claim, case, layer, **more):
    """A judgement on a case, faithful unless said otherwise."""
    made = judged(TWO, runs_of_spec(TWO))
    return dataclasses.replace(made, cell=dataclasses.replace(made.cell, claim=claim, case=case, layer=layer), **more)


def test_what_breaks_where_two_settings_meet_ends_in_the_two_alone():
    """A fault that needs a third order and a spacing, from a border on, is found by night, and shrunk to the smallest X that has them."""

    def judge(case, layer):
        bad = case.steps >= 14 and case.options["solver_order"] == 3 and "timestep_spacing" in case.composed
        return said(DEIS, case, layer, verdict=Verdict.DRIFTED if bad else Verdict.FAITHFUL)

    broken = Search("nightly", [], (Layer.UPDATE,)).look("agreement", DEIS, judge)[1]
    assert broken is not None
    assert "steps=14,grid=uniform,solver_order=3,timestep_spacing=leading" == broken.cell.case.id


def test_an_x_that_a_law_says_nothing_of_is_replaced():
    """Where X that were chosen are outside of the law, as many others that were drawn are judged in their place."""
    asked = []

    def judge(case, layer):
        asked.append(case.id)
        outside = {"verdict": Verdict.UNJUDGED, "cause": "ill-conditioned"} if len(asked) <= 2 else {}
        return said(EULER, case, layer, **outside)

    found, broken, late = Search("ci", [], (Layer.UPDATE,)).look("agreement", EULER, judge)
    assert (None, 6, 8, []) == (broken, len(found), len(set(asked)), late)


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set."""
    found = SimpleNamespace(now=0.0)
    monkeypatch.setattr("trueto.running.search.time", SimpleNamespace(monotonic=lambda: found.now))
    return found


@pytest.mark.parametrize("first", [{}, {"verdict": Verdict.UNJUDGED, "cause": "ill-conditioned"}])
def test_a_law_that_runs_out_of_time_could_not_be_judged(monkeypatch, clock, first):
    """The X that were not judged are a cell in the record, and the gate ends with 2; also where the law says nothing of the first."""
    gate = Gate("toy", Selection(), Ledger("", "toy", ()), name="toy", version="1")
    gate.search = Search("ci", [("agreement", EULER)], (Layer.UPDATE,))

    def judge(_, cell):
        clock.now = 601.0
        return said(EULER, cell.case, cell.layer, **first)

    monkeypatch.setattr(Gate, "judge", judge)
    found, late = gate.hold("agreement", EULER)
    assert late is not None
    assert (0 if first else 1, "unjudged", "time") == (len(found), late.verdict, late.cause)
    assert f"ran out of its 600 seconds: {6 if first else 5} X were not judged" in late.reason
    assert "agreement" == late.evidence["law"]
    assert f"--case {late.cell.case.id}" in late.evidence["command"]
    assert 2 == exit_code(Counter(one.verdict for one in (*found, late)), "undeclared")


def test_what_broke_is_told_where_no_time_is_left_to_make_it_smaller(clock):
    """The X on which the law broke stays broken when it is looked at once more."""

    def judge(case, layer):
        clock.now = 3601.0
        return said(EULER, case, layer, verdict=Verdict.DRIFTED)

    found, broken, late = Search("nightly", [], (Layer.UPDATE,)).look("agreement", EULER, judge)
    assert broken is not None
    assert ([], Verdict.DRIFTED) == (found, broken.verdict)
    assert broken.cell.case not in late


@pytest.mark.parametrize(
    ("rule", "counts"),
    [("sigmas and steps > 31", {31}), ("5 <= steps < 9", {5, 9}), ("1000 % steps == 3", set()), ("order == 2", set())],
)
def test_rules_name_step_counts(rule, counts):
    """A count with which a rule compares the steps is one at which something changes; a remainder or an order is none."""
    assert counts == Rule(rule, [reference("unipc/bh2")], "here", {"sigmas": "", "order": 0}).counts
