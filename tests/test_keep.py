"""`trueto keep`: what a law found is judged by every later gate; what cannot be kept says why, and changes nothing."""

import shutil
import tomllib

import pytest
from support import HOSTILE, lines, trueto

from trueto.candidates.diffusers.claims import CLAIMS
from trueto.errors import UsageError
from trueto.running.kept import judgeable, load_kept

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


@pytest.mark.parametrize(
    ("case", "words", "typed"),
    [
        ("steps=11,grid=nonsense", f"unknown grid of claim {CLAIM} 'nonsense'", "steps=11,grid="),
        ("steps=11,grid=karas", "did you mean 'karras'?", "steps=11,grid=karras"),
        ("steps=11,schedule=nix,shape=9x9x9x9", f"unknown schedule of claim {CLAIM} 'nix'", "steps=11,grid=model,"),
        ("steps=11,shape=9x9x9x9", "shape 9x9x9x9 is not within the recorded noise, 1x1x1x1 to 2x4x4x4", "shape=2x4x4x4"),
        ("steps=11,shape=2x0x4x3", "shape 2x0x4x3 is not within", "shape=2x1x4x3"),
        ("steps=11,parameterization=w", "unknown parameterization", "steps=11,grid=model"),
        ("steps=11,network=mixtur", "did you mean 'mixture'?", "steps=11,grid=model"),
        ("steps=11,seed=77", "unknown seed", "steps=11,grid=model,seed=1"),
        ("steps=0", "asks for 0 steps", "steps=1,grid=model"),
        ("law=bach,steps=11", "did you mean 'batch'?", "docs/laws.md"),
        ("law=clipping,steps=11", f"law clipping says nothing of claim {CLAIM}", "steps=11,grid=model"),
    ],
)
def test_what_cannot_be_judged_is_not_kept(port, tmp_path, case, words, typed):
    """The error says what the claim cannot express and the nearest X that it can; no file is written."""
    seen = trueto("keep", port, case, "--claim", CLAIM, cwd=tmp_path)
    tried = seen.stderr.partition("try: ")[2]
    assert (4, True, True) == (seen.returncode, words in seen.stderr, typed in tried), seen.stderr
    assert not (tmp_path / "kept.toml").exists()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("s_churn", "much", "s_churn of claim k_diffusion/euler is a number; saw 'much'"),
        ("s_noise", "1.003", ""),
        ("schedule", "edm", "unknown schedule of claim k_diffusion/euler 'edm'"),  # a formula, and this claim was recorded on tables
        ("schedule", "linear", ""),
    ],
)
def test_a_claim_says_what_kind_of_value_it_takes(name, value, words):
    """An option is of the kind that was recorded; any table of training times goes with a claim that was recorded on one."""
    claim = next(one for one in CLAIMS if one.id == "k_diffusion/euler")
    if not words:
        assert f"{name}={value}" in judgeable("diffusers", CLAIMS, claim.id, f"steps=5,{name}={value}").id
        return
    with pytest.raises(UsageError, match=words):
        judgeable("diffusers", CLAIMS, claim.id, f"steps=5,{name}={value}")


@pytest.mark.parametrize(
    ("claim", "case", "words"),
    [
        (CLAIM, "steps=11,grid=nonsense", "unknown grid"),
        ("k_diffusion/eular", CASE, f"did you mean '{CLAIM}'?"),
        (CLAIM, "steps=11,order=2", "unknown part of a drawn case"),
    ],
)
def test_a_kept_case_that_no_longer_fits_ends_the_gate(port, tmp_path, claim, case, words):
    """Never silent: exit 4 with the file, the entry and what to do, whatever else is asked for. With --quick none is judged, nor read."""
    (tmp_path / "kept.toml").write_text(
        f'[[case]]\nclaim = "{CLAIM}"\ncase = "steps=12,grid=model"\n[[case]]\nclaim = "{claim}"\ncase = "{case}"\n'
    )
    seen = trueto("gate", port, "--layer", "start", "--record", "run.jsonl", cwd=tmp_path)
    assert (4, True) == (seen.returncode, words in seen.stderr), seen.stdout + seen.stderr
    assert f"{tmp_path / 'kept.toml'}, case 2: '{case}' of claim {claim} cannot be judged" in seen.stderr
    assert "or delete that [[case]]" in seen.stderr
    quick = trueto("gate", port, "--layer", "start", "--quick", "--record", "quick.jsonl", cwd=tmp_path)
    assert 0 == quick.returncode, quick.stdout + quick.stderr
    assert not [event for event in lines(tmp_path / "quick.jsonl") if "steps=" in event.get("case", "")]


def test_a_kept_case_that_is_quick_is_judged_with_quick_too(port, tmp_path):
    """`quick = true` beside it; what stands there instead of true or false is told."""
    kept = tmp_path / "kept.toml"
    text = '[[case]]\nclaim = "k_diffusion/euler@eleven"\ncase = "steps=4,grid=model"\n'
    kept.write_text(text + "quick = true\n" + text.replace("=4", "=5"))
    done = trueto("gate", port, "--layer", "start", "--quick", "--record", "quick.jsonl", cwd=tmp_path)
    assert 0 == done.returncode, done.stdout + done.stderr
    assert ["steps=4,grid=model"] == [event["case"] for event in lines(tmp_path / "quick.jsonl") if "steps=" in event.get("case", "")]
    assert (True, False) == tuple(one.quick for one in load_kept(kept))
    kept.write_text(text + 'quick = "yes"\n')
    done = trueto("gate", port, "--layer", "start", "--quick", cwd=tmp_path)
    assert 4 == done.returncode
    assert "quick is true or false" in done.stderr


def test_a_gate_asked_for_an_x_that_no_claim_can_express_says_so(port, tmp_path):
    """Beside another X too: it is an error and no cell less."""
    seen = trueto("gate", port, "--case", CASE, "--case", "steps=11,grid=nonsense", "--layer", "start", cwd=tmp_path)
    assert (4, True) == (seen.returncode, "unknown grid" in seen.stderr), seen.stdout + seen.stderr


def test_keep_says_which_gates_judge_it(port, tmp_path):
    """Those without --quick; of another file than the adapter's none, which is said."""
    own = trueto("keep", port, CASE, "--claim", CLAIM, cwd=tmp_path)
    assert "judged from now on by `trueto gate" in own.stdout
    assert "but not with --quick" in own.stdout
    other = trueto("keep", port, CASE, "--claim", CLAIM, "--file", "mine.toml", cwd=tmp_path)
    assert "1 of 1 added to mine.toml; a gate reads " in other.stdout
    assert f"{tmp_path / 'kept.toml'} alone" in other.stdout
