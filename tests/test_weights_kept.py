"""Recordings on a checkpoint of the user's beside earlier ones: none is dropped unsaid, and none is made of memory that ran out."""

import shlex
import sys

import pytest
import support
import toy_weighed

from trueto.checkpoints import open_checkpoint
from trueto.errors import DataError
from trueto.recording.recorder import Original
from trueto.recording.weighed import Asked, record_on
from trueto.references import codebase
from trueto.store import Manifest, read_header, read_tensors, write_tensors

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """The toy recorded on one case."""
    made = toy_weighed.Toy(tmp_path_factory.mktemp("kept"))
    assert 0 == made.record("--case", "first").returncode
    return made


def rewritten(golden, **header):
    """A golden with something else in its header, as another machine would have recorded it."""
    write_tensors(golden, read_tensors(golden), {**read_header(golden), **header})
    Manifest(golden.parent / "manifest.json").write(golden.parent, only=[golden.name])


@pytest.fixture
def again(toy):
    """The toy's golden, put back afterwards."""
    kept = {file: file.read_bytes() for file in toy.golden.parent.iterdir()}
    yield toy.golden
    for file, content in kept.items():
        file.write_bytes(content)


def test_an_earlier_recording_is_never_dropped(toy, again):
    """Made on another processor it cannot stay beside new cases: what differs is said before anything runs, and what records all."""
    here = read_header(again)["cpu"]
    rewritten(again, cpu="x86_64 AVX9", torch="1.0.0")
    before = again.read_bytes()
    done = toy.record("--case", "second")
    assert (2, before) == (done.returncode, again.read_bytes()), done.stdout + done.stderr
    assert f"{again} has first, recorded otherwise (cpu was x86_64 AVX9 and is {here}; torch was 1.0.0 and is " in done.stderr
    assert "recorded 1/" not in done.stderr
    typed = shlex.split(done.stderr.partition("try: ")[2])
    every = ["--reference", "toy/net", "--case", "first", "--case", "second"]
    assert ["trueto", "record", "toy", "--source", str(toy.source), "--weights", str(toy.file), *every] == typed
    assert 0 == toy.typed(*typed[1:]).returncode
    assert {"first", "second"} == {key.partition("/")[0] for key in read_tensors(again)}
    assert here == read_header(again)["cpu"]


def test_a_damaged_earlier_recording_is_not_kept_as_a_good_one(toy, again):
    """One bit makes it another than its manifest says: new cases are not put beside it, and what is there stays."""
    spoiled = bytearray(again.read_bytes())
    spoiled[-1] ^= 1
    again.write_bytes(spoiled)
    done = toy.record("--case", "second")
    assert (2, bytes(spoiled)) == (done.returncode, again.read_bytes())
    assert "the cases that were recorded before cannot be kept" in done.stderr
    assert f"try: rm {again}, then the same again" in done.stderr


MEMORY = """
from trueto.recording.process import main
import sys
import torch

exec(compile("def none(*_, **__): raise " + {raised!r}, "toy.py", "exec"))  # as if it were the original's own line
torch.nn.functional.linear = none
sys.exit(main(sys.argv[1]))
"""


@pytest.mark.parametrize("raised", ["MemoryError", 'RuntimeError("DefaultCPUAllocator: can\'t allocate memory: you tried 9 bytes\\n...")'])
def test_memory_that_runs_out_is_said_and_never_recorded(toy, tmp_path, monkeypatch, raised):
    """Where the original's own line asks for too much this is no refusal of the original, and ends without a traceback."""
    command = [sys.executable, "-c", MEMORY.format(raised=raised)]
    monkeypatch.setattr("trueto.recording.recorder.recording_command", lambda *given: [*command, str(given[-1])])
    expect_no_memory(toy, tmp_path, monkeypatch, rf"memory ran out while the original ran \({raised.partition('(')[0]}")


def test_a_process_that_the_system_kills_is_said(toy, tmp_path, monkeypatch):
    """Linux ends the largest process when there is no memory left."""
    command = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"]
    monkeypatch.setattr("trueto.recording.recorder.recording_command", lambda *_: command)
    expect_no_memory(toy, tmp_path, monkeypatch, r"memory ran out while the original ran \(the system killed its process\)")


def expect_no_memory(toy, tmp_path, monkeypatch, said):
    """Recording the toy ends so, and keeps nothing."""
    monkeypatch.setenv("TRUETO_ROOT", str(toy.root))
    monkeypatch.setenv("TRUETO_GOLDENS", str(tmp_path / "kept"))
    support.forget()
    wanted = Asked(open_checkpoint(toy.file), {"toy/net": ("first",)})
    with pytest.raises(DataError, match=said) as refused:
        record_on(codebase("toy"), wanted, Original(toy.source, "git"), print)
    assert "docs/weights.md" in refused.value.hint
    assert "Traceback" not in refused.value.message
    assert not (tmp_path / "kept").exists()
    support.forget()
