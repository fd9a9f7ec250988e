"""With nothing declared, trueto explain finds for diffusers the very variants that its ledger declares."""

import pytest

from trueto.candidates import ledger_path
from trueto.ledger import Ledger, load_ledger
from trueto.model import Verdict
from trueto.references import reference
from trueto.running.explain import explain, explanation_text, subject_of
from trueto.running.explain.convergence import convergence
from trueto.running.gate import Gate
from trueto.running.plan import Selection

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

CELLS = (
    "k_diffusion/dpmpp_2m:start:karras-20",
    "k_diffusion/dpmpp_2m:schedule:model-20",
    "k_diffusion/dpmpp_2m:schedule:karras-20",
    "k_diffusion/dpmpp_2m:schedule:exponential-10",
    "k_diffusion/dpmpp_2m:trajectory:karras-20",
    "k_diffusion/euler:trajectory:churn-20",
    "k_diffusion/euler:update:churn-20",
    "k_diffusion/lms:schedule:model-7",
    "k_diffusion/dpmpp_sde@singlestep:trajectory:model-7",
    "k_diffusion/euler:noise:churn-range-12",
    "k_diffusion/euler@edm:trajectory:edm-exponential-1",
    "compvis/plms:update:uniform-1",
    "compvis/ddim:trajectory:uniform-7",
    "compvis/plms:trajectory:uniform-1000",
    "pndm/pndm:trajectory:uniform-30",
    "pndm/pndm:trajectory:uniform-3",
    "ermongroup/ddim:update:uniform-20",
    "ermongroup/ddpm@defaults:trajectory:uniform-50",
    "generative_models/euler_edm:trajectory:churn-v-10",
    "lcm/lcm:trajectory:uniform-4",
    "tcd/tcd@lora:schedule:known-30-7",
    "sa_solver/few_steps:trajectory:karras-10",
    "sa_solver/few_steps:update:threshold-9",
    "edm/ablation:trajectory:ve-20",
    "k_diffusion/dpmpp_2m:schedule:steps=9,grid=model,rescale_betas_zero_snr=true",
    "k_diffusion/dpmpp_2m:start:steps=9,grid=karras",
)
# Cells that need less than the ledger says of them: of what it declares for several cases, this one needs only a part.
FEWER = ("k_diffusion/heun:trajectory:model-1",)


@pytest.fixture(scope="module")
def gate():
    """diffusers, met once, with nothing declared."""
    met = Gate("diffusers", Selection(), Ledger("", "diffusers", ()), jobs=1)
    met.meet()
    yield met
    met.close()


def found_and_declared(gate, where):
    """The sets of knobs that explain finds for a cell, and what the ledger declares of it, both without knobs about rounding."""
    pytest.importorskip("diffusers")
    subject = subject_of(gate, where)
    found = explain(subject, lambda _: None)
    precise = reference(subject.claim.reference).precision_knobs
    declared: dict[str, str] = {}
    for entry in load_ledger(ledger_path("diffusers"), "diffusers").covering(subject.cell(found.layer)):
        declared |= entry.knobs
    sets = [trial.knobs for trial in found.search.found]
    return [{knob: one[knob] for knob in one if knob not in precise} for one in [*sets, declared]]


@pytest.mark.parametrize("where", CELLS)
def test_explain_finds_what_the_ledger_declares(gate, where):
    """The smallest set of knobs is what the ledger declares of the cell; entries about rounding, which one cell may not need, aside."""
    *sets, declared = found_and_declared(gate, where)
    assert declared
    assert declared in sets


@pytest.mark.parametrize("where", FEWER)
def test_explain_finds_less_where_less_is_enough(gate, where):
    """Where a cell needs only a part of what the ledger declares for several, explain finds that part."""
    *sets, declared = found_and_declared(gate, where)
    assert any(one.items() < declared.items() for one in sets), (sets, declared)


def test_levels_of_a_library_s_own_explain_two_declared_knobs_in_one(gate):
    """On Karras levels SA-Solver's ledger says where the last level and the rounded times come from; `levels=karras` says both at once."""
    *sets, declared = found_and_declared(gate, "sa_solver/few_steps:noise:karras-10")
    assert {"draws": "sequential", "tau_from": "start", "levels": "karras"} in sets
    assert {"draws": "sequential", "tau_from": "start", "last_level": "repeated", "told": "rounded"} == declared


@pytest.mark.parametrize(
    ("where", "order"),
    [
        ("edm/euler:edm-18", 1.01),
        ("k_diffusion/euler@edm:edm-karras-20", 1.01),
        ("k_diffusion/dpmpp_2m@edm:edm-karras-20", 2.15),
        ("sd3/euler:shift-3-15", 1.0),
        ("flux/denoise@schnell:schnell-20", 0.96),
    ],
)
def test_exact_solution_is_taken_as_the_network_is_fed(gate, where, order):
    """EDM's networks and flow matching are fed states of another size than one; original and library converge there all the same."""
    pytest.importorskip("diffusers")
    found = convergence(subject_of(gate, where))
    assert "" == found.why
    assert [True, True] == [abs(found.order(seen) - order) < 0.02 for seen in (found.original, found.candidate)]


def test_explain_says_with_which_order_an_edm_sampler_converges(gate):
    """What explain prints of a start that is scaled otherwise: the update rule is of first order on both sides."""
    pytest.importorskip("diffusers")
    said = " ".join(explanation_text(explain(subject_of(gate, "edm/euler:trajectory:edm-18"), lambda _: None)).split())
    assert "independent check exact solution, 18, 36, 72 steps: the original converges with order 1.0 (" in said
    assert "the candidate with order 1.0 (" in said


def test_a_setting_that_no_original_has_is_no_cause(gate):
    """What a composed setting amounts to is a part of X: the library that does just that has nothing to explain."""
    pytest.importorskip("diffusers")
    found = explain(subject_of(gate, "sd3/euler:schedule:steps=9,listed=from_one"), lambda _: None)
    assert (Verdict.CONSISTENT, 0) == (found.judgement.verdict, found.exit_code)
    assert "there is nothing to explain" in " ".join(explanation_text(found).split())
