"""Walls around a run: goldens cannot be opened, and neither X nor trueto itself can be written, by the kernel's word (Landlock).

Landlock (Linux 5.13) lets a process give up access to files for good, for itself and whatever it starts, without any privilege. It
grants by folder, so everything beside the way to what is hidden is granted, and the way itself is not: nothing new can be made in
a folder that leads there. So a worker has a folder of its own for what is temporary. Where the kernel has no Landlock there are no walls,
and `trueto doctor` says so.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import trueto
from trueto.settings import data_root, goldens_dir

__all__ = ["Walls"]

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # numbers of the system calls, the same on every architecture
VERSION_FLAG, PATH_BENEATH, NO_NEW_PRIVILEGES = 1, 1, 38
WRITE_FILE, READ_FILE = 1 << 1, 1 << 2
REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_FILE, MAKE_LINK, TRUNCATE = 1 << 4, 1 << 5, 1 << 7, 1 << 8, 1 << 12, 1 << 14
TRUNCATE_SINCE = 3  # version of Landlock
ON_FILES = WRITE_FILE | READ_FILE | TRUNCATE  # the rest is about folders

READ = (READ_FILE,)
ALL = (READ_FILE, WRITE_FILE, REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_FILE, MAKE_LINK, TRUNCATE)


def _system() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


class Walls:
    """Made once in a worker; `enter` puts the process that calls it behind them, for good."""

    def __init__(self) -> None:
        self._rules = -1
        version = _system().syscall(CREATE_RULESET, None, 0, VERSION_FLAG)
        if version < 1:
            return
        handled = sum(ALL) if version >= TRUNCATE_SINCE else sum(ALL) - TRUNCATE
        asked = struct.pack("Q", handled)
        self._rules = _system().syscall(CREATE_RULESET, asked, len(asked), 0)
        for path, rights in _granted():
            self._grant(path, sum(rights) & handled)

    @property
    def stand(self) -> bool:
        """Whether the kernel has them."""
        return self._rules >= 0

    def _grant(self, path: Path, rights: int) -> None:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:  # gone, or not ours to see: then nobody in the run sees it either
            return
        try:
            rule = struct.pack("=Qi", rights if path.is_dir() else rights & ON_FILES, descriptor)
            _system().syscall(ADD_RULE, self._rules, PATH_BENEATH, rule, 0)
        finally:
            os.close(descriptor)

    def enter(self) -> None:
        """Give up access for this process and all that it starts; OSError where the kernel refuses."""
        if not self.stand:
            return
        system = _system()
        system.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        if system.syscall(RESTRICT_SELF, self._rules, 0) != 0:
            raise OSError(ctypes.get_errno(), "walls cannot be put up")


def _granted() -> Iterator[tuple[Path, tuple[int, ...]]]:
    """Every file and folder beside the way to what is hidden or must not be written, with what may be done in it."""
    root = data_root().resolve()
    hidden = {root / ".dvc", root / ".git", *(root / "references").glob("*/goldens")}
    if goldens_dir().is_dir():
        hidden.add(goldens_dir().resolve())
    kept = {Path(trueto.__file__).resolve().parent, *(root / name for name in ("references", "fixtures", "suites"))}
    on_the_way = {parent for path in (*hidden, *kept) for parent in path.parents}
    yield from _beside(Path("/"), hidden, kept, on_the_way, ALL)


def _beside(
    folder: Path, hidden: set[Path], kept: set[Path], on_the_way: set[Path], rights: tuple[int, ...]
) -> Iterator[tuple[Path, tuple[int, ...]]]:
    try:
        children = sorted(folder.iterdir())
    except OSError:
        return
    for child in children:
        if child in hidden or child.is_symlink():  # what a link leads to is granted, or not, where it lies
            continue
        here = READ if child in kept else rights
        if child in on_the_way:
            yield from _beside(child, hidden, kept, on_the_way, here)
        else:
            yield child, here
