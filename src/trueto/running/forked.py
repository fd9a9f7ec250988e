"""A worker that is a fork of another one: what the library imports is imported once, and lies in memory once, for all of a pool.

It is no child of the harness: a socket stands for the pipes of one, and the system does not tell how it ended.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["Forked", "fork_of"]

GRACE = 10.0  # seconds to connect, and to end once it is killed


class Forked:
    """What a `subprocess.Popen` with pipes is for a worker that was started; `close` it."""

    def __init__(self, pid: int, link: socket.socket) -> None:
        self.pid = pid
        self._closing = threading.Lock()
        self._handle = os.pidfd_open(pid)  # its number may be another process's one day, this handle never
        self.stdin, self.stdout = link.makefile("wb"), link.makefile("rb", buffering=0)
        link.close()  # once both files are closed too

    def wait(self) -> None:
        """Return when it has ended; nothing is known of how. Another thread may close it meanwhile."""
        with self._closing:
            handle = os.dup(self._handle) if self._handle >= 0 else -1
        if handle >= 0:
            select.select([handle], [], [], GRACE)
            os.close(handle)

    def close(self) -> None:
        """End it; what it started ends with it. It may be closed twice, by two threads at once."""
        with self._closing:
            handle, self._handle = self._handle, -1
        if handle < 0:
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        select.select([handle], [], [], GRACE)
        os.close(handle)
        for stream in (self.stdin, self.stdout):
            with contextlib.suppress(OSError):
                stream.close()


def fork_of(ask: Callable[[Mapping[str, Any]], Mapping[str, Any]], folder: Path) -> Forked | None:
    """A fork of the worker that `ask` speaks to, with `folder` for its own files; None where it does not fork."""
    place = folder / "socket"
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        listening.listen(1)
        listening.settimeout(GRACE)
        pid = ask({"op": "fork", "folder": str(folder), "socket": str(place)}).get("forked")
        if isinstance(pid, int):
            link = listening.accept()[0]
            place.unlink()
            return Forked(pid, link)
    return None
