"""`trueto keep`: what a law found is judged by every later gate; what cannot be kept says why, and changes nothing."""

import shutil
import tomllib

import pytest
from support import HOSTILE, lines, trueto

CASE = "steps=11,grid=model"
CLAIM = "k_diffusion/euler@eleven"


@pytest.fixture
def port(tmp_path):
    """A copy of the port that is wrong where eleven divides the step count, in a folder that may be written to."""
    for name in ("base.py", "eleven.py"):
        shutil.copy(HOSTILE / name, tmp_path / name)
    return str(tmp_path / "eleven.py")


def test_a_counterexample_is_judged_by_every_later_gate(port, tmp_path):
    """A gate that is asked for one drawn X fails on it; kept from its record, it fails a gate that nobody tells of it."""
    found = trueto("gate", port, "--case", CASE, "--layer", "trajectory", "--record", "found.jsonl", cwd=tmp_path)
    assert 1 == found.returncode, found.stdout + found.stderr
    kept = trueto("keep", port, "found.jsonl", cwd=tmp_path)
    assert (0, True) == (kept.returncode, "1 of 1 added" in kept.stdout), kept.stderr
    (one,) = tomllib.loads((tmp_path / "kept.toml").read_text())["case"]
    assert (CLAIM, CASE) == (one["claim"], one["case"])
    later = trueto("gate", port, "--layer", "trajectory", "--record", "later.jsonl", cwd=tmp_path)
    bad = [event["case"] for event in lines(tmp_path / "later.jsonl") if event["event"] == "cell" and event["verdict"] == "drifted"]
    assert (1, [CASE]) == (later.returncode, bad), later.stdout
    again = trueto("keep", port, "found.jsonl", cwd=tmp_path)
    assert (0, True) == (again.returncode, "0 of 1 added" in again.stdout)


def test_a_case_can_be_kept_by_its_name(port, tmp_path):
    """With --claim a name is enough; without it, or with a wrong one, the error says what to type."""
    assert 0 == trueto("keep", port, CASE, "--claim", CLAIM, "--file", "mine.toml", cwd=tmp_path).returncode
    assert CASE in (tmp_path / "mine.toml").read_text()
    bare = trueto("keep", port, CASE, cwd=tmp_path)
    assert (4, True) == (bare.returncode, "--claim NAME" in bare.stderr)
    wrong = trueto("keep", port, CASE, "--claim", "k_diffusion/eular", cwd=tmp_path)
    assert (4, True) == (wrong.returncode, CLAIM in wrong.stderr), wrong.stderr
    misspelt = trueto("keep", port, "steps=x,grid=model", "--claim", CLAIM, cwd=tmp_path)
    assert (4, True) == (misspelt.returncode, "steps=x" in misspelt.stderr)
    assert not (tmp_path / "kept.toml").exists()


def test_a_run_that_is_not_there_is_told(port, tmp_path):
    """A record that does not exist, or is none, is an error with its name and no file is made."""
    missing = trueto("keep", port, "no-such-run.jsonl", cwd=tmp_path)
    assert missing.returncode not in (0, 1, 3)
    assert "no-such-run.jsonl" in missing.stderr
    (tmp_path / "notes.txt").write_text("hello\n")
    foreign = trueto("keep", port, "notes.txt", cwd=tmp_path)
    assert foreign.returncode not in (0, 1, 3)
    assert "notes.txt" in foreign.stderr
    assert not (tmp_path / "kept.toml").exists()


def test_nothing_to_keep_is_said_and_nothing_is_written(port, tmp_path):
    """A run in which every drawn X was fine leaves no file behind."""
    fine = trueto("gate", port, "--case", "steps=12,grid=model", "--layer", "start", "--record", "fine.jsonl", cwd=tmp_path)
    assert 0 == fine.returncode, fine.stdout + fine.stderr
    kept = trueto("keep", port, "fine.jsonl", cwd=tmp_path)
    assert (0, True) == (kept.returncode, "nothing to keep" in kept.stdout)
    assert not (tmp_path / "kept.toml").exists()


def test_a_place_that_cannot_be_written_is_told(port, tmp_path):
    """The error names the file and the option for another one."""
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" / "kept.toml"
    seen = trueto("keep", port, CASE, "--claim", CLAIM, "--file", str(place), cwd=tmp_path)
    assert (4, True, True) == (seen.returncode, f"{place} cannot be written" in seen.stderr, "--file FILE" in seen.stderr), seen.stderr
