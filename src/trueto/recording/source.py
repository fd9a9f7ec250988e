"""The source of an original: a clean checkout at the pinned commit, or a published package with the pinned digest."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Generator
from itertools import count
from pathlib import Path

from trueto.errors import SourceError
from trueto.references import Codebase
from trueto.store import file_digest

__all__ = ["open_source"]


@contextlib.contextmanager
def open_source(base: Codebase, source: str) -> Generator[tuple[Path, str]]:
    """The folder to import from and a line of provenance; SourceError says which command to type."""
    if source.startswith("pypi:"):
        with tempfile.TemporaryDirectory(prefix="trueto-source-") as folder:
            yield _published(base, source.removeprefix("pypi:"), Path(folder)), source
    else:
        yield _checkout(base, Path(source)), f"git {base.commit}"


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)


def _clone(base: Codebase, folder: Path) -> str:
    """What makes a checkout at the pinned commit: in that folder if git would take it, else in a new one beside it (or in it)."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        home = folder.resolve().parent
        name = Path(base.repository).stem
        beside = (home if os.access(home, os.W_OK) or not folder.is_dir() else folder.resolve()) / name
        named = (beside.with_name(f"{name}-{n}") for n in count(2))
        folder = beside if not beside.exists() else next(path for path in named if not path.exists())
    place = shlex.quote(str(folder))
    return f"git clone {base.repository} {place} && git -C {place} checkout {base.commit}"


def _pinned(base: Codebase, folder: Path) -> str:
    """What brings a checkout to the pinned commit: which it has, or can fetch, or which only another checkout can have."""
    place = shlex.quote(str(folder))
    checkout = f"git -C {place} checkout {base.commit}"
    if _git(folder, "cat-file", "-e", f"{base.commit}^{{commit}}").returncode == 0:
        return checkout
    of_original = base.repository.rpartition("//")[2].partition("/")[2]  # owner/name, however git is told to reach it
    for line in _git(folder, "remote", "--verbose").stdout.splitlines():
        remote, address, _ = line.split(maxsplit=2)
        if re.search(rf"[/:]{re.escape(of_original)}(\.git)?/?$", address, re.IGNORECASE):
            return f"git -C {place} fetch {remote} {base.commit} && {checkout}"
    return _clone(base, folder)


def _checkout(base: Codebase, folder: Path) -> Path:
    if not folder.is_dir():
        said = "is no folder" if folder.exists() else "does not exist"
        raise SourceError(f"{folder} {said}; {base.name} needs a checkout of {base.repository}", _clone(base, folder))
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top.returncode != 0 or Path(top.stdout.strip()).resolve() != folder.resolve():
        raise SourceError(f"{folder} is not the top of a git checkout of {base.repository}", _clone(base, folder))
    commit = _git(folder, "rev-parse", "HEAD").stdout.strip()
    if commit != base.commit:
        raise SourceError(
            f"{folder} is at commit {commit[:12] or 'none'}; {base.name} is pinned to {base.commit[:12]} of {base.repository}",
            _pinned(base, folder),
        )
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no").stdout.strip()
    stray = _git(folder, "status", "--porcelain", "--", *base.files).stdout.strip()
    if changed or stray:
        first = (changed or stray).splitlines()[0].strip()
        raise SourceError(f"{folder} is not clean ({first})", f"git -C {folder} stash --include-untracked")
    missing = [name for name in base.files if not (folder / name).is_file()]
    if missing:
        raise SourceError(f"{folder} lacks {', '.join(missing)}", f"git -C {folder} checkout {base.commit} -- {' '.join(missing)}")
    foreign = [name for name in base.files if _git(folder, "hash-object", name).stdout != _git(folder, "rev-parse", f"HEAD:{name}").stdout]
    if foreign:  # git can be told to overlook a file
        raise SourceError(f"{folder} is not clean ({', '.join(foreign)})", f"git -C {folder} update-index --really-refresh")
    return folder


def _published(base: Codebase, requirement: str, folder: Path) -> Path:
    if not base.pypi:
        raise SourceError(f"{base.name} is not published as a package; give a checkout", f"trueto record {base.name} --source DIR")
    wanted = f"{base.pypi['name']}=={base.pypi['version']}"
    if requirement != wanted:
        raise SourceError(f"{base.name} is pinned to {wanted}; saw {requirement}", f"trueto record {base.name} --source pypi:{wanted}")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(folder), wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        raise SourceError(
            f"{wanted} could not be downloaded: {done.stderr.strip().splitlines()[-1:] or 'no wheel'}", f"pip download {wanted}"
        )
    seen = file_digest(wheels[0])
    if seen != base.pypi["sha256"]:
        raise SourceError(
            f"{wheels[0].name} has SHA-256 {seen[:12]}…, pinned is {base.pypi['sha256'][:12]}…", f"trueto record {base.name} --source DIR"
        )
    with zipfile.ZipFile(wheels[0]) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"
