"""Releases of a library beside the installed one: a folder for each package, put first on a worker's path over the shared torch.

What a release needs stands in its candidate's releases.toml. Folders are made by `pip install --no-deps --target` in a temporary place
and renamed, so that one that is there is whole. Nothing is fetched but by `build` and `published`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from trueto.candidates import check_spec, parted, releases_path
from trueto.errors import DataError, UnknownName, UsageError
from trueto.running.commits import is_commit, unpacked
from trueto.settings import environments_dir

__all__ = ["build", "built", "missing", "published", "release_folders", "release_of", "released_on", "selected", "without", "written_for"]

PIP = ("--disable-pip-version-check", "--retries", "1", "--timeout", "15")
HELP = "docs/history.md"
TABLE = ("distribution", "written_for", "release", "released")
KEYS = ("versions", "with", "without")


@cache
def _table(spec: str) -> Mapping[str, Any]:
    """A candidate's releases.toml, checked."""
    check_spec(spec)
    path = releases_path(spec)
    if path is None:
        raise UsageError(f"candidate {parted(spec)[0]} has no releases.toml, so what a release of it needs is not known", HELP)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}", HELP) from error
    if not isinstance(data.get("distribution"), str):
        raise UsageError(f'{path}: distribution is {data.get("distribution")!r}, expected a name, as distribution = "diffusers"', HELP)
    _check_keys(path, data, TABLE)
    for version, day in data.get("released", {}).items():
        if type(day) is not date:
            raise UsageError(f"{path}: {version} was released on {day!r}, expected a day, as 2024-02-13 without quotes", HELP)
    for entry in data.get("release", []):
        _check_keys(path, entry, KEYS)
        selected([], str(entry.get("versions", "")))
    return data


def _check_keys(path: Path, given: Iterable[str], known: Sequence[str]) -> None:
    for key in given:
        if key not in known:
            raise UnknownName(f"key in {path}", key, known, HELP)


def _entry(spec: str) -> Mapping[str, Any]:
    """What the table says of the release in `diffusers==0.25.1`."""
    name, release = parted(spec)
    table = _table(name)
    try:
        wanted = Version(release_of(spec))
    except InvalidVersion as error:
        raise UsageError(f"{release!r} is no version, expected one as in {name}==1.2.3", f"trueto env {name}==VERSION") from error
    for entry in table.get("release", []):
        if SpecifierSet(entry.get("versions", "")).contains(wanted, prereleases=True):
            return entry
    return {}


def _of_commit(distribution: str, release: str) -> str:
    """The version that a commit's own package says it is; 0 where it is not built yet."""
    for path in (environments_dir() / f"{distribution}=={release}").glob(f"{distribution.replace('-', '_')}-*.dist-info"):
        return path.name.removesuffix(".dist-info").rpartition("-")[2]
    return "0"


def release_of(spec: str) -> str:
    """The release that is asked for, as ledgers speak of it: of a commit the version that its package says; empty for the installed one."""
    name, release = parted(spec)
    return _of_commit(_table(name)["distribution"], release) if is_commit(release) else release


def _requirements(spec: str) -> list[str]:
    """The release itself, then what it is to be run with."""
    return [f"{_table(parted(spec)[0])['distribution']}=={parted(spec)[1]}", *_entry(spec).get("with", [])]


def written_for(spec: str) -> list[str]:
    """Releases that the candidate's claims and ledger were written for, where that is not the installed one; oldest first."""
    return [] if releases_path(spec) is None else list(_table(parted(spec)[0]).get("written_for", []))


def release_folders(spec: str) -> list[Path]:
    """The folders that come first on the path of a release's worker, none for the installed one; UsageError where one is not made yet."""
    if not parted(spec)[1]:
        return []
    folders = [environments_dir() / name for name in _requirements(spec)]
    if absent := [folder.name for folder in folders if not folder.is_dir()]:
        raise UsageError(f"{spec} has no environment here: {', '.join(absent)} missing in {environments_dir()}", f"trueto env {spec}")
    return [folder.resolve() for folder in folders]


def released_on(spec: str) -> str:
    """The day of a release as 2024-02-13, where the candidate's releases.toml has it; else empty."""
    return str(_table(parted(spec)[0]).get("released", {}).get(parted(spec)[1], ""))


def missing(spec: str) -> list[str]:
    """What of a release's environment is not there yet."""
    return [name for name in _requirements(spec) if not (environments_dir() / name).is_dir()]


def without(spec: str) -> list[str]:
    """Installed modules that a release must not find."""
    return list(_entry(spec).get("without", []))


def built(spec: str) -> list[str]:
    """Releases of a candidate that have a folder here, oldest first."""
    start = f"{_table(parted(spec)[0])['distribution']}=="
    return sorted((path.name.removeprefix(start) for path in environments_dir().glob(f"{start}*")), key=Version)


def build(spec: str, *, again: bool = False, source: Path | None = None, say: Callable[[str], None] = print) -> list[Path]:
    """Make what is missing of a release's environment, of a commit from the repository `source`.

    UnknownName for a release that does not exist, DataError without a network.
    """
    root = environments_dir()
    place = 0
    while place < len(names := _requirements(spec)):  # what a commit needs beside it is known once it is there
        name, place = names[place], place + 1
        target = root / name
        if target.is_dir() and again:
            shutil.rmtree(target)
        if target.is_dir():
            continue
        say(f"installing {name}")
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".building-", dir=root) as folder:
            _install(spec, name, Path(folder) / "target", source)
            if not target.is_dir():  # another process may have been faster
                (Path(folder) / "target").rename(target)
    return release_folders(spec)


def _install(spec: str, name: str, folder: Path, source: Path | None) -> None:
    version = name.partition("==")[2]
    if not is_commit(version):
        return _install_from(name, spec, name, folder)
    if source is None:
        raise DataError(f"{name} is a commit, and is built from a repository", f"trueto env {parted(spec)[0]}==REVISION --source DIR")
    with tempfile.TemporaryDirectory(prefix="trueto-commit-") as tree:
        unpacked(source, version, Path(tree))
        return _install_from(tree, spec, name, folder)


def _install_from(what: str, spec: str, name: str, folder: Path) -> None:
    """Let pip put a release, or the package in a folder, into another folder."""
    done = _pip("install", "--quiet", "--no-deps", "--no-compile", "--target", str(folder), what)
    if done.returncode == 0 and folder.is_dir():
        return
    listed = re.search(r"\(from versions: (.*?)\)", done.stderr) if what == name else None
    known = [] if listed is None or listed.group(1) == "none" else listed.group(1).split(", ")
    package, _, version = name.partition("==")
    if known:
        raise UnknownName(f"release of {package}", version, known, f"trueto sweep {parted(spec)[0]} --versions '>=0' --list")
    if listed is not None:
        said = "the package index cannot be reached, or has nothing of that name"
        raise DataError(f"{name} could not be fetched: {said}", f"trueto env {spec}")
    last = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
    raise DataError(f"{name} could not be installed: {last[:200]}", f"trueto env {spec}")


def _pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", arguments[0], *PIP, *arguments[1:]]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def published(spec: str) -> list[str]:
    """Final releases of a candidate's library that the package index has, oldest first; empty where it cannot be reached."""
    done = _pip("index", "versions", str(_table(parted(spec)[0])["distribution"]))
    found = re.search(r"^Available versions: (.+)$", done.stdout, re.MULTILINE)
    names = found.group(1).split(", ") if found else []
    return sorted((name for name in names if not Version(name).is_prerelease), key=Version)


def selected(versions: Sequence[str], wanted: str) -> list[str]:
    """Those that a specifier as `>=0.20,<0.30` allows, oldest first; UsageError for what is no specifier."""
    try:
        allowed = SpecifierSet(wanted)
    except InvalidSpecifier as error:
        raise UsageError(f"{wanted!r} does not say which versions, expected as in '>=0.20,<0.30'", HELP) from error
    return [version for version in versions if allowed.contains(version)]
