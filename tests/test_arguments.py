"""Faults in what users pass, of kinds that users have suffered: each is caught by the cell that docs/arguments.md names for it."""

import sys
from pathlib import Path

import pytest
from support import lines, trueto

pytest.importorskip("diffusers")
sys.path.insert(0, str(Path(__file__).parent / "mistaken"))

from arguments import FAULTS

pytestmark = pytest.mark.slow
PORT = str(Path(__file__).parent / "mistaken" / "arguments.py")
DOC = Path(__file__).parents[1] / "docs" / "arguments.md"


def verdicts(claim, case, folder):
    """The exit code of the gate and the verdicts of one drawn case."""
    done = trueto("gate", PORT, "--claim", claim, "--case", case, "--jobs", "1", "--record", "r.jsonl", cwd=folder)
    return done.returncode, {event["verdict"] for event in lines(folder / "r.jsonl") if event["event"] == "cell"}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_in_what_users_pass_is_caught(fault, tmp_path):
    """With the fault some layer of the case drifts; the same scheduler without it is consistent with the original, or the same."""
    of, _, case = FAULTS[fault]
    code, seen = verdicts(f"{of}@{fault}", case, tmp_path)
    assert (1, True) == (code, "drifted" in seen), seen
    code, seen = verdicts(f"{of}@sound", case, tmp_path)
    assert 0 == code
    assert seen <= {"consistent with", "faithful", "identical"}


def test_every_fault_is_in_the_document():
    """docs/arguments.md names the case that catches each fault."""
    text = DOC.read_text()
    assert [] == [fault for fault, (_, _, case) in FAULTS.items() if fault not in text or case not in text]
