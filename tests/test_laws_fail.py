"""Each law is seen to fail on a port that breaks it, and to hold for one that does not; laws without anything to say fail."""

import pytest
from support import HOSTILE, lines, trueto

from trueto.running.laws import LAWS

PORT = str(HOSTILE / "lawless.py")
OF_GENERATORS = str(HOSTILE / "one_generator.py"), {"generators": "one_generator", "lawful": "each_generator"}
CASES = {
    "repeat": "law=repeat,steps=4,grid=model",
    "batch": "law=batch,steps=4,grid=model",
    "generators": "law=generators,steps=4,grid=model,generator=list",
    "split": "law=split,steps=4,grid=model,parted=half",
    "clipping": "law=clipping,steps=4,grid=model,clip=wide",
    "forms": "law=forms,steps=4,grid=model",
    "order": "law=order,steps=64,grid=karras",
    "steps": "law=steps,steps=14,grid=model",
}
SAID = {
    "repeat": "the same seed twice gives other bits in: sample",
    "batch": "picture 1 of a batch is another one than alone",
    "generators": "picture 1 of a list is another one than alone",
    "split": "continued by a new object it gives another picture",
    "clipping": "with a clip out of reach it gives another picture",
    "forms": "another picture with prediction of v than of eps",
    "order": "claimed is 1",
    "steps": "with 13 steps",
}


def gate(tmp_path, claim, law):
    """One law of one claim of the port, as a user asks for it."""
    port, names = OF_GENERATORS if law == "generators" else (PORT, {})
    record = tmp_path / f"{claim}.jsonl"
    chosen = ("--claim", f"k_diffusion/euler@{names.get(claim, claim)}", "--case", CASES[law], "--record", str(record))
    done = trueto("gate", port, *chosen, cwd=tmp_path)
    return done.returncode, [event for event in lines(record) if event["event"] == "cell"]


def test_every_law_has_a_port_that_breaks_it():
    """No law is without a fault that it catches here."""
    assert set(CASES) == set(LAWS) == set(SAID)


@pytest.mark.slow
@pytest.mark.parametrize("law", CASES)
def test_a_law_can_fail_and_hold(law, tmp_path):
    """The port that breaks the law is caught by it, in the law's words; the same port without the fault is not."""
    code, (broken,) = gate(tmp_path, law, law)
    assert 1 == code, broken
    assert SAID[law] in broken["reason"]
    code, (held,) = gate(tmp_path, "lawful", law)
    assert (0, True) == (code, held["verdict"] in ("identical", "faithful")), held


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["dev", "ci"])
def test_each_fault_is_found_by_what_the_profiles_draw(profile, tmp_path):
    """Nobody names an X: of the claims that break a law each is red by that law, and the one that keeps them all is green."""
    record = tmp_path / "r.jsonl"
    done = trueto("gate", PORT, "--laws", profile, "--record", str(record), cwd=tmp_path)
    assert 1 == done.returncode, done.stdout + done.stderr
    bad = {(event["claim"].partition("@")[2], event["evidence"].get("law")) for event in lines(record) if event.get("verdict") == "drifted"}
    assert {(law, law) for law in CASES if law not in ("generators", "steps")} <= bad
    assert not [law for claim, law in bad if claim == "lawful"]
