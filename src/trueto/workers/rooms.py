"""Rooms: a fork in which a library's object was built once for one case, and from which each run of that case is forked.

Building some schedulers takes longer than running them. What is built is the candidate's own, for that configuration alone;
each run still has a fork of its own, so that no run sees what another did.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Rooms"]

GRACE = 5.0
KEYS = ("claim", "case", "profile", "twin")

Build = Callable[[Mapping[str, Any]], Any]
Answer = Callable[[Mapping[str, Any], Any], dict[str, Any]]


class Rooms:
    """The one room that is open, if any; a request for another case closes it."""

    def __init__(self, build: Build, answer: Answer) -> None:
        self._build, self._answer = build, answer
        self._key = ""
        self._child = 0
        self._ask, self._reply = -1, -1

    def run(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a run request in the room of its case."""
        key = json.dumps([request[name] for name in KEYS], sort_keys=True)
        if key != self._key:
            self.close()
            self._open(key)
        os.write(self._ask, (json.dumps(request) + "\n").encode())
        line = self._line(float(request["limits"]["seconds"]) + GRACE)
        if line is None:
            self.close()
            return {"died": "time-out"}
        if not line:
            ended = self.close()
            return {"died": f"died by {signal.Signals(ended).name}" if ended else "ended without an answer"}
        return json.loads(line)

    def close(self) -> int:
        """Leave the room; the signal that ended it, or 0."""
        if not self._child:
            return 0
        for pipe in (self._ask, self._reply):
            os.close(pipe)
        ended, status = os.waitpid(self._child, os.WNOHANG)
        if not ended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
        self._key, self._child = "", 0
        return os.WTERMSIG(status) if ended and os.WIFSIGNALED(status) else 0

    def _open(self, key: str) -> None:
        ask_end, self._ask = os.pipe()
        self._reply, reply_end = os.pipe()
        self._key, self._child = key, os.fork()
        if self._child == 0:
            os.close(self._ask)
            os.close(self._reply)
            self._serve(ask_end, reply_end)
        os.close(ask_end)
        os.close(reply_end)

    def _serve(self, ask: int, reply: int) -> None:
        """The room: build, then answer until the worker leaves; never returns."""
        built: Any = None
        with os.fdopen(ask) as requests, os.fdopen(reply, "w") as replies:
            for number, line in enumerate(requests):
                request = json.loads(line)
                built = self._build(request) if number == 0 else built
                replies.write(json.dumps(self._answer(request, built)) + "\n")
                replies.flush()
        os._exit(0)

    def _line(self, seconds: float) -> bytes | None:
        """One reply; None when the time is over, empty when the room is gone."""
        found, deadline = b"", time.monotonic() + seconds
        while not found.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._reply], [], [], left)[0]:
                return None
            chunk = os.read(self._reply, 1 << 16)
            if not chunk:
                return b""
            found += chunk
        return found
