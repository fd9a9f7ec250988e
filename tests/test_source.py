"""The source of an original: only the pinned commit, clean and whole, or the pinned package, is run."""

import os
import shlex
import shutil
import subprocess
import zipfile

import pytest
import support
import toy_codebase
from toy_codebase import git

from trueto.errors import SourceError
from trueto.recording.lines import defined_at
from trueto.recording.source import open_source
from trueto.references import codebase
from trueto.store import file_digest


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A toy original in a repository, and a data root that pins it: (source, root)."""
    source = tmp_path / "source"
    root = toy_codebase.write_root(tmp_path / "root", toy_codebase.write_original(source))
    monkeypatch.setenv("TRUETO_ROOT", str(root))
    support.forget()
    yield source, root
    monkeypatch.undo()
    support.forget()


def refusal(source):
    """What is said about a source that is not taken: the sentence and what to type."""
    with pytest.raises(SourceError) as caught, open_source(codebase("toy"), str(source)):
        pass
    assert 4 == caught.value.exit_code
    return caught.value.message, caught.value.hint


def follow(hint, source, cwd):
    """Type what is suggested, where git finds the original's repository at `source`; the folder of the checkout that it ends in."""
    served = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{source}.insteadOf", "GIT_CONFIG_VALUE_0": "https://example.com/toy"}
    done = subprocess.run(["bash", "-c", hint], cwd=cwd, env={**os.environ, **served}, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, f"{hint}\n{done.stderr}"
    return cwd / shlex.split(hint)[-3]


def accepted(folder):
    """Whether the checkout is taken."""
    with open_source(codebase("toy"), str(folder)) as (taken, _):
        return taken == folder


def test_pinned_and_clean_checkout_is_accepted(toy):
    """A clean checkout at the pinned commit is taken, and its provenance is the commit; files beside the original do no harm."""
    source, _ = toy
    (source / "notes.txt").write_text("mine")
    with open_source(codebase("toy"), str(source)) as (folder, provenance):
        assert (source, f"git {codebase('toy').commit}") == (folder, provenance)


def test_folder_that_is_not_there(toy, tmp_path):
    """A folder that does not exist, or is empty: the error has the git command that makes it, and that command works."""
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder, words in ((tmp_path / "a folder", "does not exist"), (empty, "is not the top of a git checkout")):
        message, hint = refusal(folder)
        assert words in message
        assert folder == follow(hint, toy[0], tmp_path)
        assert accepted(folder)


def test_folder_that_is_no_checkout(toy, tmp_path, monkeypatch):
    """A folder without git, or inside of another repository, is refused: nobody knows which commit it is. The clone has a new name."""
    plain = tmp_path / "plain"
    shutil.copytree(toy[0], plain, ignore=shutil.ignore_patterns(".git"))
    inside = toy[0] / "inside"
    inside.mkdir()
    (inside / "notes.txt").write_text("mine")
    for folder, new in ((plain, tmp_path / "toy"), (plain, tmp_path / "toy-2"), (inside, toy[0] / "toy")):
        message, hint = refusal(folder)
        assert "is not the top of a git checkout" in message
        assert new == follow(hint, toy[0], tmp_path)
        assert accepted(new)
    monkeypatch.setattr("os.access", lambda *_: False)
    assert str(plain / "toy") in refusal(plain)[1]  # beside it nothing may be written


def test_file_in_place_of_a_folder(toy, tmp_path):
    """A file is no source; the clone goes beside it."""
    file = tmp_path / "original.zip"
    file.write_bytes(b"")
    message, hint = refusal(file)
    assert "is no folder" in message
    assert accepted(follow(hint, toy[0], tmp_path))


def test_checkout_of_another_repository(toy, tmp_path):
    """A checkout that cannot have the pinned commit: not `checkout`, which would fail, but a clone beside it."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.txt").write_text("a")
    git(other, "init", "--quiet")
    git(other, "add", "a.txt")
    git(other, "commit", "--quiet", "-m", "another repository")
    git(other, "remote", "add", "origin", "https://example.com/not-toy")
    message, hint = refusal(other)
    assert "of https://example.com/toy" in message
    new = follow(hint, toy[0], tmp_path)
    assert tmp_path / "toy" == new
    assert accepted(new)


@pytest.mark.parametrize("address", ["https://example.com/toy", "https://example.com/toy.git"])
def test_clone_that_lacks_the_pinned_commit(toy, tmp_path, address):
    """A shallow clone of the original itself: the pinned commit is fetched from its remote, whatever that is called."""
    source, _ = toy
    (source / "toy.py").write_text(toy_codebase.ORIGINAL + "\n# newer\n")
    git(source, "commit", "--quiet", "-am", "newer")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth", "1", "--origin", "theirs", f"file://{source}", str(shallow))
    git(shallow, "remote", "set-url", "theirs", address)
    hint = refusal(shallow)[1]
    assert hint.startswith(f"git -C {shallow} fetch theirs {codebase('toy').commit} && git -C {shallow} checkout ")
    if address == codebase("toy").repository:
        assert shallow == follow(hint, source, tmp_path)
        assert accepted(shallow)


def test_another_commit(toy):
    """A checkout of another commit that has the pinned one: the error has both commits and the git command."""
    source, _ = toy
    (source / "toy.py").write_text(toy_codebase.ORIGINAL + "\n# newer\n")
    git(source, "commit", "--quiet", "-am", "newer")
    message, hint = refusal(source)
    assert git(source, "rev-parse", "HEAD")[:12] in message
    assert f"git -C {source} checkout {codebase('toy').commit}" == hint


@pytest.mark.parametrize("staged", [False, True])
def test_dirty_checkout(toy, staged):
    """A changed file, staged or not, is refused with its name."""
    source, _ = toy
    (source / "toy.py").write_text(toy_codebase.ORIGINAL.replace("0.1", "0.2"))
    if staged:
        git(source, "add", "toy.py")
    message, hint = refusal(source)
    assert "is not clean" in message
    assert "toy.py" in message
    assert f"git -C {source} stash --include-untracked" == hint


def test_missing_file(toy):
    """A file of the original that git was told to leave out is missed."""
    source, _ = toy
    git(source, "update-index", "--skip-worktree", "toy.py")
    (source / "toy.py").unlink()
    message, hint = refusal(source)
    assert f"{source} lacks toy.py" == message
    assert hint.endswith("-- toy.py")


def test_changed_file_that_git_was_told_not_to_look_at(toy):
    """A file that differs from the pinned commit is refused even where git was told to overlook it."""
    source, _ = toy
    git(source, "update-index", "--assume-unchanged", "toy.py")
    (source / "toy.py").write_text(toy_codebase.ORIGINAL.replace("0.1", "0.2"))
    assert "toy.py" in refusal(source)[0]


def test_package(toy, tmp_path, monkeypatch):
    """A published package is taken only in the pinned version and with the pinned digest; without one there is none to take."""
    _, root = toy
    assert "is not published as a package" in refusal("pypi:toy==1.0")[0]
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    wheel = shelf / "toy_original-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("toy.py", toy_codebase.ORIGINAL)
        archive.writestr("toy_original-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy-original\nVersion: 1.0\n")
        archive.writestr(
            "toy_original-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: toy\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("toy_original-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    toml = root / "references/toy/codebase.toml"
    plain = toml.read_text()

    def pin(digest, version="1.0"):
        toml.write_text(plain + f'[pypi]\nname = "toy-original"\nversion = "{version}"\nsha256 = "{digest}"\n')
        support.forget()

    pin(file_digest(wheel))
    assert "is pinned to toy-original==1.0; saw toy-original==2.0" in refusal("pypi:toy-original==2.0")[0]
    with open_source(codebase("toy"), "pypi:toy-original==1.0") as (folder, provenance):
        assert (toy_codebase.ORIGINAL, "pypi:toy-original==1.0") == ((folder / "toy.py").read_text(), provenance)
    pin("0" * 64)
    assert "pinned is 000000000000…" in refusal("pypi:toy-original==1.0")[0]
    pin("0" * 64, "3.0")
    assert "toy-original==3.0 could not be downloaded" in refusal("pypi:toy-original==3.0")[0]


def test_where_a_function_is_defined():
    """A function, a method and a name defined twice are found by their line; what is not there has none."""
    text = "class A:\n    @property\n    def f(self): ...\n\ndef f(): ...\nif 1:\n    def hidden(): ...\ndef f(): ...\n"
    assert ([1], [3], [5, 8], [], []) == tuple(defined_at(text, name) for name in ("A", "A.f", "f", "A.g", "B.f"))
