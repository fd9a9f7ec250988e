"""A program in any language on the other end of two pipes: one JSON object a line, never waited for beyond a deadline."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from trueto.workers.walls import Walls

__all__ = ["Conversation", "Ended", "TooMuchMemory"]

SLICE = 0.05  # seconds between two looks at the program's memory
TAIL = 300  # of what it wrote to standard error, for the reader of a crash
CHUNK = 1 << 16
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


class Ended(Exception):
    """The conversation is over before its answer: `why` is what the verdict says."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class TooMuchMemory(Exception):
    """The program took more memory than its limit."""


class Conversation:
    """One process of a program. It has a session of its own, and is ended together with whatever it started."""

    def __init__(self, command: Sequence[str], folder: Path, walls: Walls | None = None) -> None:
        """Start it, behind `walls`; OSError when it cannot be started."""
        self._process = subprocess.Popen(  # noqa: S603 - what the user names is what is judged
            command,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=partial(_tied, walls),  # noqa: PLW1509 - the worker has one thread
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._ask, self._reply, self._complaint = (
            pipe.fileno() for pipe in (self._process.stdin, self._process.stdout, self._process.stderr)
        )
        for descriptor in (self._ask, self._reply, self._complaint):
            os.set_blocking(descriptor, False)
        self._said, self._complained = b"", b""
        self._complaining = True  # until it closes its standard error, which would be ready for ever
        self._before = 0

    def settle(self) -> None:
        """Take the memory that the program uses now as that of the program itself, beyond which a limit counts."""
        self._before = self._memory()

    def say(self, message: Mapping[str, Any]) -> bytes:
        """A message as it travels."""
        return (json.dumps(message, allow_nan=False) + "\n").encode()

    def exchange(self, message: Mapping[str, Any], deadline: float, longest: int, most: float = float("inf")) -> dict[str, Any]:
        """Send a message and wait for the next line, at most `longest` bytes, until `deadline` (monotonic), within `most` bytes of memory.

        Ended when there is no such line, or it is no JSON object; TooMuchMemory beyond the limit.
        """
        left = self.say(message)
        while left or b"\n" not in self._said:
            if time.monotonic() > deadline:
                raise Ended("time-out")
            if self._memory() - self._before > most:
                raise TooMuchMemory
            reading = [*([self._reply] if len(self._said) <= longest else []), *([self._complaint] if self._complaining else [])]
            ready, writable, _ = select.select(reading, [self._ask] if left else [], [], SLICE)
            if writable:
                left = self._write(left)
            if self._complaint in ready:
                chunk = _read(self._complaint)
                self._complaining = chunk is not None
                self._complained = (self._complained + (chunk or b""))[-TAIL:]
            if self._reply in ready:
                self._listen()
            if len(self._said) > longest and b"\n" not in self._said[: longest + 1]:
                raise Ended(f"garbage: it says more than {longest} bytes in one line")
        line, _, self._said = self._said.partition(b"\n")
        return _object(line)

    def _write(self, left: bytes) -> bytes:
        try:
            return left[os.write(self._ask, left) :]
        except BrokenPipeError:
            raise Ended(self._end()) from None

    def _listen(self) -> None:
        chunk = _read(self._reply)
        if chunk is None:
            raise Ended(self._end())
        self._said += chunk

    def _memory(self) -> int:
        """Bytes of resident memory; 0 where the system does not tell."""
        with contextlib.suppress(OSError, IndexError):
            return int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]) * resource.getpagesize()
        return 0

    def _end(self) -> str:
        """How it ended, and what it complained of last."""
        try:
            status = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return "garbage: it closed its output without an answer"
        while chunk := _read(self._complaint):
            self._complained = (self._complained + chunk)[-TAIL:]
        last = self._complained.decode(errors="replace").strip().splitlines()
        said = f": {_telling(last)}" if last else ""
        return (f"died by {signal.Signals(-status).name}" if status < 0 else f"exited with status {status}") + said

    def close(self) -> None:
        """End the program and whatever it started in its session."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(OSError):
                pipe.close() if pipe is not None else None


def _telling(lines: Sequence[str]) -> str:
    """The line of a complaint that says most: the last that speaks of an error, else the last."""
    return next((line.strip() for line in reversed(lines) if "rror" in line), lines[-1].strip())


def _tied(walls: Walls | None) -> None:
    """In the new process: end it when the worker ends, leave no core file, and go behind the walls."""
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if walls is not None:
        walls.enter()


def _read(descriptor: int) -> bytes | None:
    """What there is to read now; None at the end."""
    try:
        return os.read(descriptor, CHUNK) or None
    except BlockingIOError:
        return b""


def _object(line: bytes) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except ValueError:
        raise Ended(f"garbage: its answer is not JSON: {line[:60].decode(errors='replace')!r}") from None
    if not isinstance(said, dict):
        raise Ended("garbage: its answer is not a JSON object")
    return said
