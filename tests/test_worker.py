"""Candidates that misbehave: each becomes the right verdict with the right cause, and never reaches the next cell."""

import contextlib
import os
import subprocess
import time
from pathlib import Path

import pytest
from support import HOSTILE

from trueto.errors import WorkerError
from trueto.events import RunWriter
from trueto.ledger import Ledger
from trueto.model import Claim, Verdict
from trueto.references import reference
from trueto.running import client
from trueto.running.client import Limits, Worker
from trueto.running.gate import Gate, run_all
from trueto.running.plan import Selection
from trueto.running.profiles import profile
from trueto.workers.protocol import claim_from_json
from trueto.workers.walls import Walls

QUICK = Limits(seconds=8.0, bytes=1 << 28)
BROKEN, DRIFTED = Verdict.BROKEN, Verdict.DRIFTED

# What each file of tests/hostile becomes: verdict, cause, and words that its reason must have.
BECOMES = {
    "raises_midrun": (BROKEN, "exception", "ValueError: sigma must be positive"),
    "leaves": (BROKEN, "exception", "SystemExit: bye"),
    "returns_nan": (BROKEN, "not finite", "NaN or infinite"),
    "returns_infinity": (BROKEN, "not finite", "NaN or infinite"),
    "wrong_shape": (BROKEN, "wrong shape", "(2, 3, 4, 3) where (2, 4, 4, 3)"),
    "asks_smaller": (BROKEN, "wrong shape", "(2, 4, 4, 2)"),
    "wrong_dtype": (BROKEN, "wrong dtype", "returns float64"),
    "calls_nothing": (BROKEN, "no network call", "never calls the network"),
    "finishes_nothing": (BROKEN, "exception", "without run.finish"),
    "hangs": (BROKEN, "time-out", "time-out"),
    "dies": (BROKEN, "crash", "SIGSEGV"),
    "exits": (BROKEN, "crash", "without an answer"),
    "eats_memory": (BROKEN, "memory", "memory"),
    "eats_memory_in_torch": (BROKEN, "memory", "memory"),
    "babbles": (BROKEN, "garbage", "garbage"),
    "impersonates": (BROKEN, "garbage", "garbage"),
    "reads_goldens": (BROKEN, "exception", "PermissionError"),
    "writes_outside": (BROKEN, "exception", "PermissionError"),
    "patches_on_disk": (BROKEN, "exception", "PermissionError"),
    "drifts": (DRIFTED, "algorithm", "times the original's own rounding"),
}
HARMLESS = ("floods", "forks", "listens", "patches", "reseeds", "spoils_its_next_run")


def processes_of(words):
    """Command lines of running processes, started by this process or one that it started, that hold `words`."""
    name, found = "PYTEST_XDIST_WORKER", []
    own = f"{name}={os.environ.get(name, '')}".encode()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            said = (entry.parent / "environ").read_bytes().split(b"\0")
            if name not in os.environ or own in said:
                found.append(entry.read_bytes().replace(b"\0", b" ").decode())
    return [line for line in found if words in line]


def gate_of(file, tmp_path, layers=("trajectory",)):
    """Judge one hostile candidate; returns judgements by name of the claim, or by layer."""
    gate = Gate(str(HOSTILE / f"{file}.py"), Selection(layers=layers, cases=("model-2",)), Ledger("", file, ()), limits=QUICK)
    try:
        gate.open()
        with (tmp_path / "run.jsonl").open("w") as stream:
            found = run_all(gate, RunWriter(stream), "test", "undeclared")
    finally:
        gate.close()
    key = (lambda cell: cell.claim.id.partition("@")[2]) if len(layers) == 1 else (lambda cell: cell.layer)
    return {key(judgement.cell): judgement for judgement in found}


@pytest.fixture(scope="module")
def everyone(tmp_path_factory):
    """The judgements on all hostile candidates, run by the same two workers, each followed by a faithful one."""
    return gate_of("everyone", tmp_path_factory.mktemp("everyone"))


def test_every_hostile_candidate_has_its_expected_verdict():
    """No file of tests/hostile is left without an expectation."""
    files = {path.stem for path in HOSTILE.glob("*.py")} - {
        "base",
        "everyone",
        "not_installed",
        "raises_at_import",
        "raises_in_load",
        "no_adapter",
        "eleven",
        "no_domain",
        "lawless",  # tests/test_laws_fail.py
        "one_generator",
    }
    assert {*BECOMES, *HARMLESS, "calls_too_often"} == files


NEED_WALLS = ("reads_goldens", "writes_outside", "patches_on_disk")


@pytest.mark.parametrize("name", BECOMES)
def test_misbehaviour_becomes_its_verdict(everyone, name):
    """A candidate that misbehaves gets the verdict, the cause and the reason that say what it did."""
    if name in NEED_WALLS and not Walls().stand:
        pytest.skip("this kernel has no Landlock")
    verdict, cause, words = BECOMES[name]
    seen = everyone[name]
    assert (verdict, cause) == (seen.verdict, seen.cause), seen.reason
    assert any(word in seen.reason for word in words.split("|")), seen.reason


@pytest.mark.parametrize("name", HARMLESS)
def test_mess_without_a_wrong_answer_is_not_held_against_it(everyone, name):
    """Output, left-over children and changed globals change no verdict: only the answer is judged."""
    assert everyone[name].verdict.same, everyone[name].reason


@pytest.mark.parametrize("name", [*BECOMES, *HARMLESS])
def test_the_next_cell_is_judged_right(everyone, name):
    """Nothing that a candidate does to its process reaches the cell after it."""
    assert everyone[f"after_{name}"].verdict.same, everyone[f"after_{name}"].reason


def test_no_run_reaches_the_next_one_of_its_case(tmp_path):
    """Runs of one case share a process only as long as none leaves a trace: the other layers of a case are judged right too."""
    seen = gate_of("spoils_its_next_run", tmp_path, ("schedule", "update", "trajectory"))
    assert [] == [judgement.reason for judgement in seen.values() if not judgement.verdict.same]


def test_wrong_number_of_network_calls(tmp_path):
    """A network call too many is seen as such, although the picture is the original's."""
    seen = gate_of("calls_too_often", tmp_path, ("schedule", "update", "trajectory"))
    assert (DRIFTED, "time told to the network: 4 of them where the original has 2") == (seen["schedule"].verdict, seen["schedule"].reason)
    assert DRIFTED == seen["update"].verdict
    assert "calls the network 4 times on 2 steps" in seen["update"].reason
    assert seen["trajectory"].verdict.same


def test_children_that_a_run_leaves_behind_are_ended(everyone):
    """No process of a hostile run outlives its run."""
    deadline = time.monotonic() + 5
    while (alive := processes_of("hostile/everyone.py")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [] == alive


def test_library_that_is_not_installed(tmp_path):
    """A library that cannot be imported is unjudged, never green, and the reason names the import."""
    seen = gate_of("not_installed", tmp_path)["not_installed"]
    assert (Verdict.UNJUDGED, "import") == (seen.verdict, seen.cause)
    assert "No module named 'no_such_library'" in seen.reason


def test_library_that_raises_while_it_is_imported(tmp_path):
    """A library whose import raises anything else is unjudged too, with exit code 2 and the error's own words."""
    seen = gate_of("raises_in_load", tmp_path)["raises_in_load"]
    assert (Verdict.UNJUDGED, "import") == (seen.verdict, seen.cause)
    assert "RuntimeError: the compiled part was built for another version" in seen.reason
    assert '"exit_code": 2' in (tmp_path / "run.jsonl").read_text().splitlines()[-1]


@pytest.mark.parametrize(("file", "words"), [("raises_at_import", "RuntimeError: the adapter is broken"), ("no_adapter", "has no ADAPTER")])
def test_adapter_that_cannot_be_read(tmp_path, file, words):
    """An adapter that fails by itself ends the gate before any cell, with its own words."""
    with pytest.raises(WorkerError, match=words):
        gate_of(file, tmp_path)


def test_time_limit_is_kept(tmp_path):
    """A hanging run ends at its limit and not at the harness's own grace."""
    worker = Worker(str(HOSTILE / "hangs.py"), profile("default"))
    try:
        claim = claim_from_json(worker.describe()["claims"][0])
        worker.load()
        began = time.monotonic()
        outcome = worker.run(claim, reference("k_diffusion/euler").case("model-2"), "closed", Limits(seconds=0.5), twin=False)
    finally:
        worker.close()
    assert "time-out" == outcome.died
    assert time.monotonic() - began < 3


def fake_worker(tmp_path, monkeypatch, script):
    """A worker in another language: a shell script in the place of ours."""
    path = tmp_path / "worker.sh"
    path.write_text(script)

    def start(self):
        return subprocess.Popen(["sh", str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)

    monkeypatch.setattr(Worker, "_start", start)
    monkeypatch.setattr(client, "LOAD_SECONDS", 0.5)
    return Worker("anything", profile("default"))


@pytest.mark.parametrize(
    ("script", "died"),
    [
        ("read line; echo 'not JSON'", "garbage: its answer is not JSON"),
        ("read line; echo '[1, 2]'", "garbage: its answer belongs to another request"),
        ("""read line; echo '{"protocol": 1, "id": 99}'""", "garbage: its answer belongs to another request"),
        ("""read line; echo '{"protocol": 2, "id": 1}'""", "garbage: its answer belongs to another request"),
        ("read line; exit 3", "worker exited with status 3"),
        ("read line; kill -9 $$", "worker died by SIGKILL"),
        ("read line; exec sleep 60", "time-out"),
        ("read line; yes | tr -d '\\n'", "time-out|garbage"),
        ("exit 0", "worker exited with status 0"),
    ],
)
def test_worker_that_breaks_the_protocol(tmp_path, monkeypatch, script, died):
    """Whatever a worker says or leaves unsaid becomes a death with its reason, within the time limit."""
    worker = fake_worker(tmp_path, monkeypatch, script)
    try:
        seen = worker.load()
    finally:
        worker.close()
    assert any(word in seen["died"] for word in died.split("|")), seen


def test_worker_without_an_answer_file(tmp_path, monkeypatch):
    """A worker that says it is done but wrote no tensors is garbage, not a result."""
    script = """while read line; do i=$((i+1)); echo "{\\"protocol\\": 1, \\"id\\": $i, \\"below\\": \\"\\"}"; done"""
    worker = fake_worker(tmp_path, monkeypatch, script)
    try:
        case = reference("k_diffusion/euler").case("model-2")
        seen = worker.run(Claim("a", "k_diffusion/euler", "i", "s", "q"), case, "closed", QUICK, twin=False)
    finally:
        worker.close()
    assert seen.observation is None
    assert seen.died.startswith("garbage: ")
