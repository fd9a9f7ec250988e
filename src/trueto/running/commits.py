"""Commits of a library's own repository as releases of it: what `trueto bisect --source` goes through, and `trueto env --source` builds.

A commit is asked for like a release, by a version that no release has: `diffusers==0+g1a2b3c4d5e6f`. Its package is built by pip from
the files that git has for it; the checkout that the user names is only read.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trueto.errors import DataError, UsageError

__all__ = ["Commit", "commit_at", "commits_between", "is_commit", "unpacked"]

DIGITS = 12
FORM = re.compile(rf"0\+g([0-9a-f]{{{DIGITS}}})")


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit: its full name, its day and the first line of its message."""

    sha: str
    day: str
    subject: str

    @property
    def version(self) -> str:
        """What stands after `==` in the name of a candidate that is this commit."""
        return f"0+g{self.sha[:DIGITS]}"

    def __str__(self) -> str:
        """For the terminal."""
        return f"{self.sha[:DIGITS]} of {self.day}, “{self.subject}”"


def is_commit(version: str) -> bool:
    """Whether what stands after `==` is a commit, and not a release."""
    return FORM.fullmatch(version) is not None


def _git(source: Path, *arguments: str) -> str:
    """What git says; UsageError with its complaint."""
    try:
        done = subprocess.run(["git", "-C", str(source), *arguments], capture_output=True, text=True, check=False)
    except OSError as error:
        raise UsageError(f"git cannot be run: {error.strerror}", "apt-get install git") from error
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["git said nothing"])[-1]
        raise UsageError(f"--source {source}: {said[:200]}", f"git -C {source} log --oneline")
    return done.stdout


def _log(source: Path, *arguments: str) -> list[Commit]:
    lines = _git(source, "log", "--format=%H%x00%cs%x00%s", *arguments).splitlines()
    return [Commit(*line.split("\0", 2)) for line in lines]


def commit_at(source: Path, revision: str) -> Commit:
    """The commit that a name, a tag or a number stands for in a repository; UsageError where there is none."""
    if revision.startswith("-"):
        raise UsageError(f"{revision!r} is no revision", f"git -C {source} log --oneline")
    return _log(source, "-1", revision, "--")[0]


def commits_between(source: Path, good: str, bad: str, touching: Sequence[str] = ()) -> list[Commit]:
    """From good to bad, both included, oldest first, along first parents; of those between only ones that touch one of the paths, if any.

    Where good is on a branch of its own, as releases are, it begins where that branch left. UsageError where good does not come before bad.
    """
    first, last = commit_at(source, good), commit_at(source, bad)
    first = commit_at(source, _git(source, "merge-base", first.sha, last.sha).strip())
    between = _log(source, "--first-parent", "--reverse", f"{first.sha}..{last.sha}", "--", *touching)
    if first.sha == last.sha:
        raise UsageError(f"--good {good} does not come before --bad {bad} in {source}", f"git -C {source} log --oneline {good}")
    return [first, *(commit for commit in between if commit.sha != last.sha), last]


def unpacked(source: Path, version: str, folder: Path) -> None:
    """Write the files of a commit into a folder; DataError where git does not have them all."""
    found = FORM.fullmatch(version)
    assert found is not None
    with tempfile.TemporaryFile() as archive:
        made = subprocess.run(
            ["git", "-C", str(source), "archive", found.group(1)], stdout=archive, stderr=subprocess.PIPE, text=True, check=False
        )
        archive.seek(0)
        if made.returncode != 0 or subprocess.run(["tar", "-x", "-C", str(folder)], stdin=archive, check=False).returncode != 0:
            said = (made.stderr.strip().splitlines() or ["its files are not all there"])[-1]
            raise DataError(f"commit {found.group(1)} of {source} cannot be read: {said[:200]}", f"git -C {source} fetch --unshallow")
