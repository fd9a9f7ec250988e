"""The order of convergence of diffusers' multistep schedulers, each as its claim states it, and each seen to fail one order lower."""

import pytest
from support import lines, trueto

from trueto.candidates.diffusers.claims import CLAIMS
from trueto.model import Layer
from trueto.running.domain import drawn_case, fields_of
from trueto.running.search import Search, applies

pytest.importorskip("diffusers")

# The claim, the option that is its order, the order that the law says with it, and one with which it converges with another order.
MULTISTEP = {
    "dpm_solver/multistep": ("order", 2, 1),
    "dpm_solver/multistep@released": ("order", 2, 1),
    "dpm_solver/singlestep": ("order", 3, 2),
    "dpm_solver/singlestep@default_orders": ("order", 3, 2),
    "dpm_solver/singlestep@released": ("order", 3, 2),
    "dpm_solver/singlestep_fixed": ("order", 3, 2),
    "unipc/bh2": ("solver_order", 2, 1),
    "unipc/bh2@nearest": ("solver_order", 2, 1),
    "unipc/bh2@sdxl": ("solver_order", 2, 1),
    "unipc/bh1@nearest": ("solver_order", 2, 1),
    "deis/t_ab": ("solver_order", 2, 1),
    "sa_solver/few_steps": ("corrector_order", 2, 1),
    "k_diffusion/lms": ("order", 3, 2),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MULTISTEP)
def test_a_multistep_scheduler_has_its_order(name, tmp_path):
    """With the stated order the law holds; with one less, as a fault in its weights would leave it, it says which order it is."""
    option, stated, lower = MULTISTEP[name]
    claim = next(claim for claim in CLAIMS if claim.id == name)
    assert applies("order", claim)
    (held,) = Search("ci", [("order", claim)], (Layer.TRAJECTORY,)).expected("order", claim)
    assert stated == held.options[option]
    less = drawn_case("order", **fields_of(held, options={**held.options, option: lower}))
    record = tmp_path / "run.jsonl"
    done = trueto("gate", "diffusers", "--claim", name, "--case", held.id, "--case", less.id, "--record", str(record), cwd=tmp_path)
    assert 1 == done.returncode, done.stdout + done.stderr
    seen = {event["case"]: event for event in lines(record) if event["event"] == "cell"}
    assert {held.id: "faithful", less.id: "drifted"} == {case: event["verdict"] for case, event in seen.items()}
    claimed = claim.settings["domain"]["order"]["claimed"]
    assert abs(seen[held.id]["evidence"]["convergence"]["orders"][-1] - claimed) < 0.1
    assert f"claimed is {claimed}" in seen[less.id]["reason"]
