"""`trueto power` on a port with known functions: known kills, hangs and crashes apart, equivalents, and a certificate that resumes."""

import dataclasses
import json
from pathlib import Path

import pytest
from support import trueto

from trueto.candidates import ledger_path
from trueto.errors import DataError
from trueto.ledger import Ledger, load_ledger
from trueto.power import Certificate, read_certificate, write_certificate
from trueto.power.certificate import counts_of, said_of
from trueto.power.fault import Fault, spliced
from trueto.running.client import Worker
from trueto.running.configurations import drawn_cases, lawful_cases
from trueto.running.power import judged
from trueto.running.profiles import profile
from trueto.running.seeded import Checks
from trueto.workers.protocol import claim_from_json

PORTED = Path(__file__).parent / "ported"
LIBRARY = PORTED / "ported_euler.py"
SOURCE = LIBRARY.read_text()


@pytest.fixture(scope="module")
def checks():
    """The checks of the port's one claim."""
    worker = Worker(str(PORTED / "port.py"), profile("default"))
    claim = claim_from_json(worker.describe()["claims"][0])
    found = Checks(worker, "port", "1.0", claim, Ledger("", "port", ()), 12, 0)
    found.open()
    yield found
    worker.close()


def fault(original, mutated):
    """A fault that replaces the first `original` of the library by `mutated`."""
    start = SOURCE.index(original)
    return spliced("ported_euler", SOURCE, start, start + len(original), mutated, "t")


def test_only_what_the_claim_executes_is_seeded(checks):
    """Every function that the claim calls gets faults, one that it never calls gets none; nor does a branch that no case takes."""
    names = {found.function for found in checks.faults}
    assert {"training_sigmas", "levels", "time_of", "euler_step"} == names
    branch = SOURCE[: SOURCE.index("x + denoised")].count("\n") + 1
    assert branch not in {found.first for found in checks.faults}
    assert branch in {found.first for found in checks.possible}


@pytest.mark.parametrize(
    ("original", "mutated", "outcome", "layer"),
    [
        ("(1 - alphas) / alphas", "(1 + alphas) / alphas", "killed", "schedule"),
        ("1 - weight) * low + weight", "1 - weight) * low - weight", "killed", "schedule"),
        ("x + slope * (sigma_next", "x - slope * (sigma_next", "killed", "update"),
        ("slope = (x - denoised) / sigma", "slope = (x - denoised) / nothing", "crash", "schedule"),
        ("slope = (x - denoised) / sigma", "import os; os.kill(os.getpid(), 9)", "crash", "schedule"),
    ],
)
def test_known_faults_have_known_ends(checks, original, mutated, outcome, layer):
    """A fault is killed in the first layer that can see it; an exception and a dead process are counted apart."""
    found = checks.judge(fault(original, mutated))
    assert (outcome, layer) == (found.outcome, found.layer)


def test_a_hang_is_counted_apart(checks, monkeypatch):
    """A fault that never returns is a time-out, and the next one is judged by the same worker."""
    from trueto.running import seeded
    from trueto.running.client import Limits

    monkeypatch.setattr(seeded, "FAULTY", Limits(seconds=3.0, bytes=1 << 29))
    hang = fault("slope = (x - denoised) / sigma", "slope = exec('while True: pass')")
    assert "time-out" == checks.judge(hang).outcome
    assert "killed" == checks.judge(fault("x + slope", "x - slope")).outcome


def test_a_fault_that_changes_nothing_is_equivalent(checks):
    """No cell sees it, and no drawn configuration differs, because it computes the same or is never executed."""
    same = judged(checks, fault("x + slope * (sigma_next - sigma)", "x + slope * -(sigma - sigma_next)"))
    assert "equivalent" == same["outcome"], same
    never = judged(checks, fault("x + denoised", "x - denoised"))
    assert "equivalent" == never["outcome"]
    assert "none of" in never["note"]


def test_a_fault_that_no_suite_sees_survives(checks):
    """A fault that acts only at a step count that no case has is a survivor, and the certificate says where it differs."""
    counts = {case.steps for case in checks.cases}
    drawn = next(case.steps for case in checks.drawn if case.steps not in counts and case.steps > 1)
    found = judged(
        checks, fault("low, high, weight = t.floor()", f"t = t * (0.9 if n == {drawn} else 1.0)\n    low, high, weight = t.floor()")
    )
    assert "survived" == found["outcome"], found
    assert f"{drawn} steps" in found["note"]


def test_a_fault_that_only_a_drawn_case_sees_is_killed(checks):
    """Where a claim states a domain, X that the law of agreement draws from it are cells too; what is compared later is none of them."""
    claim = dataclasses.replace(checks.claim, settings={**checks.claim.settings, "domain": {"shapes": [[1, 2, 2, 2]]}})
    lawful = lawful_cases(claim)
    assert lawful == lawful_cases(claim)
    counts = {case.steps for case in checks.cases}
    drawn = next(case.steps for case in lawful if case.steps not in counts and case.steps > 1)
    wide = Checks(checks.worker, "port", "1.0", claim, Ledger("", "port", ()), 12, 0)
    wide.open()
    found = wide.judge(fault("low, high, weight = t.floor()", f"t = t * (0.9 if n == {drawn} else 1.0)\n    low, high, weight = t.floor()"))
    assert ("killed", True) == (found.outcome, found.case.startswith(f"steps={drawn},")), found
    assert not {case.id for case in lawful} & {case.id for case in wide.drawn}
    assert any(case.drawn for case in wide.drawn)


def test_state_that_is_left_behind_is_seen_on_an_object_used_before():
    """A counter that is not set back shows in no first sample: the recorded cases do not see it, the same cases on a used object do."""
    pytest.importorskip("diffusers")
    worker = Worker("diffusers", profile("default"))
    try:
        claim = next(one for one in map(claim_from_json, worker.describe()["claims"]) if one.id == "k_diffusion/euler")
        found = Checks(worker, "diffusers", "", claim, load_ledger(ledger_path("diffusers"), "diffusers"), 0, 0, _lawful=[])
        found.open()
        pairs = [(case, seen) for case, seen in zip(found.cases, found._lines, strict=True) if case.quick]
        found.cases, found._lines = [case for case, _ in pairs], [seen for _, seen in pairs]
        kept = [one for one in found.possible if one.operator == "state" and one.function.endswith(".set_timesteps")]
        ends = [found.judge(one) for one in kept]
    finally:
        worker.close()
    assert any(end.case.endswith(" (reused)") for end in ends), ends
    assert {"killed", "crash", "survived"} >= {end.outcome for end in ends}


def test_the_library_is_not_touched(checks):
    """After all of these faults the library's file is what it was."""
    checks.judge(fault("x + slope", "x - slope"))
    assert SOURCE == LIBRARY.read_text()


def test_draws_are_new_and_repeatable(checks):
    """Drawn configurations are none of the suites', all different, and the same for the same seed."""
    again = drawn_cases(checks.claim, checks.cases, 12, 0)
    assert again == checks.drawn
    assert drawn_cases(checks.claim, checks.cases, 12, 1) != again
    taken = {(case.steps, case.network, case.seed) for case in checks.cases}
    assert not taken & {(case.steps, case.network, case.seed) for case in again}


def test_the_command_writes_a_certificate_and_resumes_it(tmp_path):
    """`trueto power` names what it saw, and a second call measures nothing twice; nothing of the library's code is in the file."""
    ask = ("power", str(PORTED / "port.py"), "--faults", "6", "--equivalence", "6", "--jobs", "1", "--output", "power.json")
    first = trueto(*ask, cwd=tmp_path)
    assert 0 == first.returncode, first.stderr
    assert "seeded faults are seen" in first.stdout
    path = tmp_path / "power.json"
    told = json.loads(path.read_text())
    entry = told["claims"]["k_diffusion/euler"]
    assert 6 == len(entry["faults"]) == told["total"]["real"] + told["total"]["equivalent"] + told["total"]["not made"]
    assert (0, 6, 6, "1.0") == (told["seed"], told["faults"], told["equivalence"], told["version"])
    assert "sigma_next" not in path.read_text()
    second = trueto(*ask, cwd=tmp_path)
    assert "6 faults are known" in second.stdout
    assert told == json.loads(path.read_text())
    other = trueto(*ask, "--faults", "7", cwd=tmp_path)
    assert (4, True) == (other.returncode, "a certificate of faults 6, not 7" in other.stderr), other.stderr
    assert told == json.loads(path.read_text())


def test_an_unknown_claim_is_told(tmp_path):
    """A name that no claim has ends with exit code 4 and the nearest one."""
    seen = trueto("power", str(PORTED / "port.py"), "--claim", "k_diffusion/eular", cwd=tmp_path)
    assert (4, True) == (seen.returncode, "k_diffusion/euler" in seen.stderr)


def test_counts_keep_what_was_seen_apart():
    """Killed, crash and time-out are seen; equivalent ones are no part of what could be seen."""
    ends = ("killed", "killed", "crash", "time-out", "survived", "equivalent")
    counts = counts_of([{"outcome": end, "layer": "update"} for end in ends])
    assert (4, 5, {"update": 4}) == (counts["seen"], counts["real"], counts["by_layer"])
    assert said_of(counts).startswith("4 of 5 seeded faults are seen (1 by a crash, 1 by a time-out)")


def test_a_foreign_file_is_no_certificate(tmp_path):
    """A file of another form is refused, with what was expected; what was written is read back as it was."""
    path = tmp_path / "power.json"
    path.write_text("{}")
    with pytest.raises(DataError, match="no certificate"):
        read_certificate(path)
    header = {"candidate": "a", "version": "1", "trueto": "1", "suite": "1", "seed": 0, "faults": 1, "equivalence": 1}
    kept = Certificate(header, {"c": {"faults": [{"id": "x", "outcome": "killed", "layer": "update", "cpu_seconds": 0.1}]}})
    write_certificate(path, kept)
    assert (header, ["x"]) == (read_certificate(path).header, list(read_certificate(path).known("c")))


def test_a_fault_travels_as_data():
    """A fault becomes JSON and is the same again; unknown fields are refused."""
    made = fault("x + slope", "x - slope")
    assert made == Fault.from_json(json.loads(json.dumps(made.to_json())))
    with pytest.raises(DataError, match="not a fault"):
        Fault.from_json({"module": "m", "nonsense": 1})
