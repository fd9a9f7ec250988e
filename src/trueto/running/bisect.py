"""Which release, or which commit, first changed Y of a claim: the records that are there first, then as few runs as are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from trueto.errors import DataError, TruetoError, UnknownName, UsageError
from trueto.history import Change, Release, changes_between, comparable, read_history, read_release, release_file
from trueto.model import Verdict
from trueto.running.sweep import judge_release, recorded

__all__ = ["Bisection", "Found", "bisect", "line_of_releases"]


@dataclass(frozen=True, slots=True)
class Found:
    """The release that first changed Y, the one before it, and the changes; of those `between` nothing is known."""

    before: str
    after: str
    changes: tuple[Change, ...]
    judged: tuple[str, ...]
    between: tuple[str, ...] = ()


@dataclass(slots=True)
class Bisection:
    """A search in progress: where records are, and where those of single claims are kept."""

    name: str
    claim: str
    history: Path
    own: Path
    options: Mapping[str, Any]
    say: Callable[[str], None]
    source: Path | None = None  # a repository, where versions are commits of it
    known: dict[str, Release] = field(default_factory=dict)
    judged: list[str] = field(default_factory=list)
    failed: dict[str, TruetoError] = field(default_factory=dict)
    start: Release | None = None  # the release that the others are held against, once it is known

    def begin(self, version: str) -> Release:
        """Take a release as the one that the others are held against; of what is known, what says nothing of it is known no more."""
        self.start = self.end(version, "--good")
        self.known = {name: release for name, release in self.known.items() if self._says(release)}
        return self.start

    def _says(self, release: Release) -> bool:
        """Whether a release was judged: it has a cell of the claim that could be, there and at the beginning."""
        return comparable(self.start or release, release, [self.claim])

    def read(self) -> None:
        """Take what sweeps and earlier searches have recorded of the claim."""
        for folder in (self.own, self.history):
            for release in read_history(folder):
                if self._says(release):
                    self.known[release.version] = release

    @property
    def known_before(self) -> int:
        """How many answers were there without a run."""
        return len(self.known) - len(self.judged)

    def release(self, version: str) -> Release | None:
        """What a release computed, judged now if nobody did; None, with the reason in `failed`, where that is not to be had."""
        if version not in self.known and version not in self.failed:
            try:
                self._judge(version)
            except TruetoError as error:
                self.failed[version] = error
        return self.known.get(version)

    def _judge(self, version: str) -> None:
        self.say(f"judging {self.name} {version}")
        options = {**self.options, "claim": (self.claim,)}
        if not recorded(self.own, version, options):
            judge_release(f"{self.name}=={version}", self.own, options, self.say, source=self.source)
        found = read_release(release_file(self.own, version))
        if not self._says(found):
            unknown = (str(cell["reason"]) for cell in found.cells if Verdict(cell["verdict"]).unknown)
            why = found.unjudged or next(unknown, "nothing in it was judged at the beginning too")
            again = (
                f"trueto gate {self.name}=={version} --claim {self.claim} --quick" if found.cells else f"trueto env {self.name}=={version}"
            )
            raise DataError(f"{self.name} {version} could not be judged: {why}", again)
        self.judged.append(version)
        self.known[version] = found

    def end(self, version: str, flag: str) -> Release:
        """One of the two ends, which must be known; UsageError or DataError with the reason."""
        found = self.release(version)
        if found is not None:
            return found
        why = self.failed[version]
        kind = UsageError if isinstance(why, UsageError) else DataError
        raise kind(f"{flag} {version}: {why.message}", why.hint or f"trueto gate {self.name}=={version} --claim {self.claim} --quick")


def _ordered(good: str, bad: str) -> None:
    try:
        if Version(good) < Version(bad):
            return
    except InvalidVersion as error:
        raise UsageError(f"{error}, expected a version as 0.25.1", "--good 0.25.1 --bad 0.26.3") from error
    raise UsageError(f"--good {good} is not older than --bad {bad}", f"--good {bad} --bad {good}")


def line_of_releases(search: Bisection, good: str, bad: str, versions: Sequence[str]) -> list[str]:
    """The releases from good to bad, oldest first; UsageError where they are in the wrong order, UnknownName where there is none such."""
    _ordered(good, bad)
    search.read()
    for flag, version in (("release given as --good", good), ("release given as --bad", bad)):
        if version not in {*versions, *search.known}:
            raise UnknownName(flag, version, versions, f"trueto sweep {search.name} --list")
    return _between({*versions, *search.known}, good, bad)


def bisect(search: Bisection, line: Sequence[str]) -> Found:
    """The first of `line`, oldest first, at which the claim's Y is another than at its beginning.

    A release that could not be judged is neither alike nor another: it is passed over, and stands in `between`. UsageError where both
    ends are alike; DataError where the two releases that are found say nothing of each other.
    """
    search.read()
    good, bad = line[0], line[-1]
    start = search.begin(good)
    end = search.end(bad, "--bad")
    if not changes_between(start, end, [search.claim]):
        raise UsageError(
            f"{search.claim} computes the same at {good} and at {bad}, as far as its quick cases show", f"trueto history {search.name}"
        )
    low, high = _narrowed(search, start, line)
    while len(left := [v for v in line[low + 1 : high] if v not in search.failed]) > 0:
        middle = left[len(left) // 2]
        release = search.release(middle)
        if release is None:
            continue
        if changes_between(start, release, [search.claim]):
            high = line.index(middle)
        else:
            low = line.index(middle)
    before, after = search.known[line[low]], search.known[line[high]]
    found = tuple(changes_between(before, after, [search.claim]))
    if not found:
        raise DataError(
            f"{search.claim} is another at {after.version} than at {good}, and what changed could not be judged at {before.version}",
            f"trueto gate {search.name}=={before.version} --claim {search.claim} --quick",
        )
    return Found(before.version, after.version, found, tuple(search.judged), tuple(line[low + 1 : high]))


def _between(versions: Iterable[str], good: str, bad: str) -> list[str]:
    """The releases from good to bad, both included, oldest first."""
    return sorted((v for v in versions if Version(good) <= Version(v) <= Version(bad)), key=Version)


def _narrowed(search: Bisection, start: Release, line: Sequence[str]) -> tuple[int, int]:
    """The narrowest pair of places in `line` that records alone give: the first known to differ, and the last known before it."""
    low = 0
    for place, version in enumerate(line):
        if version not in search.known:
            continue
        if changes_between(start, search.known[version], [search.claim]):
            return low, place
        low = place
    return low, len(line) - 1
