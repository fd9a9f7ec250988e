"""An original that needs an interpreter of its own is recorded in it; a wrong one is refused with the command that makes a right one."""

import sys
from importlib.metadata import version

import pytest
import toy_codebase
from support import trueto

from trueto.store import read_header, read_tensors

pytest.importorskip("torch")
OWN = f'[interpreter]\nsafetensors = "{version("safetensors")}"\n'


def stub(folder, body):
    """A program that stands in for an interpreter."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def recorded(folder, needs, *more):
    """`trueto record toy` in a new folder, where the toy's codebase.toml ends with `needs`."""
    root = toy_codebase.write_root(folder / "root", toy_codebase.write_original(folder / "source"), needs)
    done = trueto("record", "toy", "--source", str(folder / "source"), *more, cwd=folder, TRUETO_ROOT=str(root))
    return done, root / "references/toy/goldens/step.safetensors"


def test_the_original_runs_in_the_interpreter_given(tmp_path):
    """The interpreter named is the one that runs, borrows torch and trueto, and gives the bits of trueto's own; its packages are told."""
    mark = tmp_path / "ran"
    own = stub(tmp_path, f'echo once >> {mark}\nexec {sys.executable} "$@"')
    done, golden = recorded(tmp_path / "foreign", OWN, "--python", own)
    assert 0 == done.returncode, done.stdout + done.stderr
    assert ["once", "once"] == mark.read_text().split()  # asked what it has, then run
    assert version("safetensors") == read_header(golden)["safetensors"]
    plain, usual = recorded(tmp_path / "plain", "")
    assert 0 == plain.returncode, plain.stdout + plain.stderr
    assert {k: v.tobytes() for k, v in read_tensors(usual).items()} == {k: v.tobytes() for k, v in read_tensors(golden).items()}


@pytest.mark.parametrize(
    ("needs", "body", "said"),
    [
        (OWN, None, "saw no --python"),
        (OWN, "exit 1", "cannot be run as a Python interpreter"),
        (OWN, """echo '{"python": [3, 1], "found": {}}'""", "is Python 3.1; expected"),
        (OWN, f"""echo '{{"python": [{sys.version_info[0]}, {sys.version_info[1]}], "found": {{}}}}'""", "safetensors missing"),
        ('[interpreter]\nsafetensors = "0.0.1"\n', f'exec {sys.executable} "$@"', f"has safetensors {version('safetensors')}"),
        ("", "exit 0", "the same without --python"),
    ],
)
def test_a_wrong_interpreter_is_refused(tmp_path, needs, body, said):
    """None, one that does not run, of another version, without the package, with another, or one too many: each is an error of its own."""
    done, golden = recorded(tmp_path / "toy", needs, *(() if body is None else ("--python", stub(tmp_path, body))))
    assert 4 == done.returncode, done.stdout + done.stderr
    assert said in done.stdout + done.stderr
    assert not golden.exists()
    if needs:
        assert "-m venv ENV && ENV/bin/pip install safetensors==" in done.stdout + done.stderr


def test_an_interpreter_that_is_not_there_is_refused(tmp_path):
    """A path where nothing is, is told apart from a failing recording."""
    done, _ = recorded(tmp_path, OWN, "--python", str(tmp_path / "nowhere"))
    assert 4 == done.returncode
    assert "cannot be run as a Python interpreter (FileNotFoundError)" in done.stdout + done.stderr
