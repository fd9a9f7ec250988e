"""A declaration: what explain found becomes an entry of the ledger, and the cell's verdict becomes `declared`."""

import json
import os
import pty
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support import HOSTILE, lines, trueto

from trueto.ledger import load_ledger

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
START = "k_diffusion/euler@unit_start:start:karras-20"
BOTH = "k_diffusion/euler@rounded_and_unit:trajectory:karras-20"
WHOLE = "k_diffusion/dpmpp_2m@whole:update:karras-20"
SAID = ("--reason", 'starts from "one"', "--owner", "ports")


@pytest.fixture
def home(tmp_path):
    """A folder with the mistaken ports, where a ledger may be written beside them."""
    for name in ("hostile", "mistaken"):
        shutil.copytree(HERE / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def declare(home, where, *more):
    """`trueto declare` of a cell of the mistaken ports."""
    return trueto("declare", "mistaken/ports.py", where, *more, cwd=home)


def gate(home, where):
    """The verdict of `trueto gate` on one cell, and its exit code."""
    claim, layer, case = where.split(":")
    arguments = ("--claim", claim, "--layer", layer, "--case", case, "--record", "run.jsonl", "--jobs", "1")
    done = trueto("gate", "mistaken/ports.py", *arguments, cwd=home)
    return next(event for event in lines(home / "run.jsonl") if event["event"] == "cell")["verdict"], done.returncode


def test_declared_cell_becomes_declared(home):
    """The entry names variant, claim, layer and case, and nothing more; the gate then says `declared`, and no other cell changes."""
    assert ("drifted", 1) == gate(home, START)
    done = declare(home, START, *SAID)
    assert 0 == done.returncode, done.stderr
    assert f"{START}: declared" in done.stdout
    written = tomllib.loads((home / "mistaken/deviations.toml").read_text())
    assert {"candidate": "ports", "deviation": written["deviation"]} == written
    assert [
        {
            "reference": "k_diffusion/euler", "claims": ["k_diffusion/euler@unit_start"], "layers": ["start"], "cases": ["karras-20"],
            "variant": "start=unit", "reason": 'starts from "one"', "owner": "ports", "since": "1.0",
        }
    ] == written["deviation"]  # fmt: skip
    assert ("declared", 0) == gate(home, START)
    assert ("drifted", 1) == gate(home, START.replace("start:karras", "trajectory:karras"))


def test_the_candidate_of_the_project_needs_no_name(home):
    """In a folder with [tool.trueto] the cell alone is enough, to explain as to declare."""
    (home / "pyproject.toml").write_text('[tool.trueto]\ncandidate = "mistaken/ports.py"\n')
    assert "start=unit" in trueto("explain", START, cwd=home).stdout
    done = trueto("declare", START, *SAID, cwd=home)
    assert (0, True) == (done.returncode, f"{START}: declared" in done.stdout), done.stderr


def test_drawn_cell_can_be_declared(home):
    """The gate says what explains a drawn X and what declares it; the entry names that X by its whole id, and no other X is declared."""
    drawn = START.replace("karras-20", "steps=11,grid=karras")
    assert ("drifted", 1) == gate(home, drawn)
    (seen,) = (event["evidence"] for event in lines(home / "run.jsonl") if event["event"] == "cell")
    assert (True, f"trueto explain mistaken/ports.py {drawn}") == (seen["drawn"], seen["explain"])
    done = declare(home, drawn.replace("steps=11,grid=karras", "grid=karras,steps=11"), *SAID)
    assert 0 == done.returncode, done.stderr
    (entry,) = load_ledger(home / "mistaken/deviations.toml", "ports").entries
    assert (("steps=11,grid=karras",), "start=unit") == (entry.cases, entry.variant)
    assert ("declared", 0) == gate(home, drawn)
    assert ("drifted", 1) == gate(home, drawn.replace("steps=11", "steps=12"))


def test_nothing_that_is_there_is_rewritten(home):
    """A second declaration leaves every byte of the first, and of comments, as it was."""
    ledger = home / "mistaken/deviations.toml"
    ledger.write_text('# ours\ncandidate = "ports"  # the file is ports.py')
    for where, count in ((START, 1), (BOTH, 2)):
        before = ledger.read_bytes()
        done = declare(home, where, *SAID)
        assert 0 == done.returncode, done.stderr
        assert ledger.read_bytes().startswith(before)
        assert count == len(load_ledger(ledger, "ports").entries)
    assert "told=rounded,start=unit" == load_ledger(ledger, "ports").entries[1].variant
    assert ("declared", 0) == gate(home, BOTH)


def test_only_what_is_missing_is_added(home):
    """Where an entry already declares a part for this cell, the new one declares the rest."""
    declare(home, BOTH.replace("trajectory", "schedule"), *SAID)
    ledger = home / "mistaken/deviations.toml"
    ledger.write_text(ledger.read_text().replace('layers = ["schedule"]', 'layers = ["schedule", "trajectory"]'))
    done = declare(home, BOTH, *SAID)
    assert 0 == done.returncode, done.stderr
    assert ["told=rounded", "start=unit"] == [entry.variant for entry in load_ledger(ledger, "ports").entries]
    assert ("declared", 0) == gate(home, BOTH)


def test_duplicate_is_refused(home):
    """What is declared already is not declared again; the ledger stays as it is."""
    declare(home, START, *SAID)
    before = (home / "mistaken/deviations.toml").read_bytes()
    done = declare(home, START, *SAID)
    assert 4 == done.returncode
    assert "is declared already, by start=unit" in done.stderr
    assert before == (home / "mistaken/deviations.toml").read_bytes()


@pytest.mark.parametrize(
    ("claims", "code", "words"), [("*", 4, "the ledger declares another value for this cell"), ("*@rounded", 0, "")], ids=["ours", "others"]
)
def test_another_entry_about_the_cell_is_not_overruled(home, claims, code, words):
    """Where the ledger says something else of the cell, nothing is written, and the user is told so; entries about others do not matter."""
    ledger = home / "mistaken/deviations.toml"
    entry = {"reference": "k_diffusion/euler", "claims": [claims], "layers": ["start"], "variant": "start=sigma_max"}
    written = {**entry, "reason": "r", "owner": "o", "since": "1"}
    ledger.write_text('candidate = "ports"\n[[deviation]]\n' + "".join(f"{k} = {json.dumps(v)}\n" for k, v in written.items()))
    before = ledger.read_bytes()
    done = declare(home, START, *SAID)
    assert code == done.returncode, done.stderr
    assert words in done.stderr
    assert (code == 4) == (before == ledger.read_bytes())


@pytest.mark.parametrize(
    ("where", "more", "code", "words"),
    [
        (START, (), 4, "needs --reason and --owner, and there is no terminal to ask on"),
        (START, ("--reason", " ", "--owner", "me"), 4, "needs --reason,"),
        (WHOLE, SAID, 1, "no variant of k_diffusion/dpmpp_2m restores agreement"),
        ("k_diffusion/euler@none:start:karras-20", SAID, 4, "there is nothing to declare"),
        ("k_diffusion/euler@raises:update:model-7", (*SAID, "--band"), 4, "no ratio that a band could be put around"),
    ],
)
def test_what_cannot_be_declared_is_not_written(home, where, more, code, words):
    """Without a reason, an explanation or a difference nothing is written, and the message says why."""
    done = declare(home, where, *more)
    assert (code, "") == (done.returncode, done.stdout), done.stderr
    assert words in " ".join(done.stderr.split())
    assert not (home / "mistaken/deviations.toml").exists()


def test_reason_is_asked_for_on_a_terminal(home):
    """On a terminal the variant is shown, reason and owner are asked for, and what was typed is in the ledger."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "trueto", "declare", "mistaken/ports.py", START],
        cwd=home, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        os.write(ours, b"our own start\nports\n")
        out, asked = process.communicate(timeout=120)
    for end in (ours, theirs):
        os.close(end)
    assert 0 == process.returncode, asked
    assert f"{START}: start=unit" in asked
    assert f"{START}: declared (our own start)" in out
    (entry,) = load_ledger(home / "mistaken/deviations.toml", "ports").entries
    assert ("our own start", "ports") == (entry.reason, entry.owner)


def test_band_only_when_asked_for(home):
    """With --band what nothing explains becomes `declared, unexplained`: from half to twice the measured ratio, and not beyond."""
    done = declare(home, WHOLE, *SAID, "--band")
    assert 0 == done.returncode, done.stderr
    (entry,) = load_ledger(home / "mistaken/deviations.toml", "ports").entries
    low, high = entry.band
    assert 3.9 < high / low < 4.1
    assert ("declared, unexplained", 0) == gate(home, WHOLE)


def test_failure_screen_ends_in_what_to_type_next(tmp_path):
    """The screen of an undeclared difference names the commands that explain and declare it, and the first of them works."""
    done = trueto("gate", str(HOSTILE / "drifts.py"), "--case", "model-2", "--layer", "trajectory", "--jobs", "1", cwd=tmp_path)
    cell = "k_diffusion/euler@drifts:trajectory:model-2"
    why = next(line for line in done.stdout.splitlines() if line.startswith("why "))
    assert f"trueto explain {HOSTILE / 'drifts.py'} {cell}" in why
    assert f"declare       trueto declare {HOSTILE / 'drifts.py'} {cell}" in done.stdout
    again = trueto(*why.split()[2:], cwd=tmp_path)
    assert 1 == again.returncode, again.stderr
    assert "restores agreement" in again.stdout


def test_what_one_cause_explains_is_told_once_with_why(tmp_path):
    """Two whole runs that differ by one cause have one screen, which ends in the command that explains it and counts the other."""
    done = trueto(
        "gate", str(HOSTILE / "drifts.py"), "--case", "model-2", "--case", "model-7", "--layer", "trajectory", "--jobs", "1", cwd=tmp_path
    )
    assert 1 == done.stdout.count("trueto explain ")
    assert "besides       the same in 1 more: trajectory 1" in done.stdout
