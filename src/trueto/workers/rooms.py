"""Rooms: one fork for all runs of a case, left as soon as a run has changed anything in it that another run could see.

Forking a process with torch in it costs more than most runs, and building some schedulers takes longer than running them. Runs of one
case therefore share a fork and what the library built for that case, unless a run patches, reseeds or leaves anything behind
(trueto.workers.traces): then the next one gets a fork of its own. No two cases ever share one; where building takes long, their rooms
are forks of one process that did nothing but build (trueto.workers.halls).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import time
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from trueto.candidates import Adapter
from trueto.workers.walls import Walls

__all__ = ["TAIL", "Rooms", "confine", "line_from", "used_memory"]

KEYS = ("op", "claim", "case", "profile", "fault")
TAIL = 2000
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)
GARBAGE = "garbage: its answer is not what was agreed"


class Rooms:
    """The one room that is open, if any; a request for another case closes it."""

    def __init__(self, adapter: Adapter, *ours: int, prepared: Any = None) -> None:
        """Rooms of one adapter, in which the descriptors `ours` are out of reach.

        `prepared` is the Room (trueto.workers.run) that each is to begin as, of a process that is behind walls already.
        """
        self.adapter, self.ours, self.prepared = adapter, set(ours), prepared
        self._walls = Walls() if prepared is None else None
        self._key = ""
        self._child = 0
        self._twin = False
        self._ask, self._reply = -1, -1

    def fits(self, request: Mapping[str, Any]) -> bool:
        """Whether the open room is for this request: one promoted to float64 stays so; whoever speaks unasked is not waited for."""
        promoted = self._twin and not request["twin"]
        return _key(request) == self._key and not promoted and not select.select([self._reply], [], [], 0)[0]

    def run(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a run request in the room of its case; {"died": why} when there is no answer."""
        if not self.fits(request):
            self.close()
            self._open(_key(request))
        self._twin = bool(request["twin"])
        with contextlib.suppress(BrokenPipeError):  # said by the end of its replies
            os.write(self._ask, (json.dumps(request) + "\n").encode())
        said = self._said(float(request["limits"]["seconds"]))
        if said is None:
            self.close()
            return {"died": "time-out"}
        if not said:
            return {"died": self.close()}
        try:
            answer = json.loads(said)
            mine, spoiled = answer.pop("id") == request["id"], answer.pop("spoiled")
        except (ValueError, AttributeError, KeyError):
            self.close()
            return {"died": GARBAGE}
        if spoiled or not mine:
            self.close()
        return answer if mine else {"died": "garbage: it answered another request"}

    def close(self) -> str:
        """Leave the room and end whatever is left in it; how it ended, where it did so by itself."""
        if not self._child:
            return ""
        for pipe in (self._ask, self._reply):
            os.close(pipe)
        ended, status = os.waitpid(self._child, os.WNOHANG)
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if not ended or kill is os.killpg:
                    kill(self._child, signal.SIGKILL)
        if not ended:
            os.waitpid(self._child, 0)
        self._key, self._child, self._twin, self._reply = "", 0, False, -1
        return _end_of(status) if ended else "ended without an answer"

    def _open(self, key: str) -> None:
        ask_end, self._ask = os.pipe()
        self._reply, reply_end = os.pipe()
        self._key, self._child = key, os.fork()
        if self._child == 0:
            os.close(self._ask)
            os.close(self._reply)
            confine(self.ours, self._walls)
            serve(self.adapter if self.prepared is None else self.prepared, ask_end, reply_end)
        os.close(ask_end)
        os.close(reply_end)

    def _said(self, seconds: float) -> bytes | None:
        """What the room said: one line; None when the time is over, empty when the room is gone."""
        found = line_from(self._reply, time.monotonic() + seconds)
        if found is None or found.endswith(b"\n"):
            return found
        self._wait_for_end()
        return found and GARBAGE.encode()

    def _wait_for_end(self) -> None:
        """Let a room that closed its end of the pipe come to its own end, so that the signal it died by can be told."""
        with contextlib.suppress(ChildProcessError):
            for _ in range(100):
                if os.waitid(os.P_PID, self._child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                    return
                time.sleep(0.01)


def _key(request: Mapping[str, Any]) -> str:
    return json.dumps([request.get(name) for name in KEYS], sort_keys=True)


def line_from(pipe: int, deadline: float) -> bytes | None:
    """The next line that comes out of a pipe; without its end where the pipe was closed, None when the time (monotonic) is over."""
    found = b""
    while not found.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            return None
        chunk = os.read(pipe, 1 << 16)
        if not chunk:
            return found
        found += chunk
    return found


def confine(ours: Iterable[int], walls: Walls | None) -> None:
    """Put this fork into a session of its own and behind walls, without the harness's pipes; it ends with the process that made it."""
    os.setsid()
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, *ours):  # the harness's requests and replies are not a candidate's to read and write
        os.dup2(nothing, descriptor)
    if walls is not None:
        walls.enter()


def _end_of(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"died by {signal.Signals(os.WTERMSIG(status)).name}"
    code = os.waitstatus_to_exitcode(status)
    return f"exited with status {code}" if code else "ended without an answer"


def serve(begun: Any, ask: int, reply: int) -> None:
    """The room of an adapter, or one prepared for it: what may be used is limited; then it answers until it is left. Never returns."""
    from trueto.workers.run import Room

    room = begun if isinstance(begun, Room) else Room(begun)
    with os.fdopen(ask) as requests, os.fdopen(reply, "w") as replies:
        for number, line in enumerate(requests):
            request = json.loads(line)
            if number == 0:
                _limit(int(request["limits"]["bytes"]))
            answer, spoiled = _answer(room, request)
            replies.write(json.dumps({**answer, "id": request["id"], "spoiled": spoiled}) + "\n")
            replies.flush()
            if spoiled:
                break
    os._exit(0)


def used_memory() -> int:
    """Bytes of address space that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _limit(beyond: int) -> None:
    """Memory beyond what the loaded library uses, and no core files."""
    most = used_memory() + beyond
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(room: Any, request: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    try:
        return room.run(request)
    except MemoryError:
        return {"error": {"type": "MemoryError", "message": "went over its memory limit", "where": "", "own": True, "at_call": 0}}, True
    except BaseException as error:  # noqa: BLE001 - the harness itself failed: said as such, never as the candidate's fault
        return {"harness_error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()[-TAIL:]}, True
