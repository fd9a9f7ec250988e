"""Halls: where the library takes long to build what a case needs, it builds once for all cases that are configured alike.

Some schedulers take ten times as long to build as to run. A hall is a fork of the worker that builds, behind the same walls and limits
as a run, and does nothing else; the rooms of cases (trueto.workers.rooms) are forks of it, so that each begins with what was
built and none sees another. Only for adapters that say what building depends on (`alike`), and only for claims that were seen to be slow.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import time
from collections.abc import Mapping
from typing import Any

from trueto.candidates import Adapter
from trueto.model import Case
from trueto.workers.protocol import claim_from_json
from trueto.workers.rooms import Rooms, confine, line_from, used_memory
from trueto.workers.walls import Walls

__all__ = ["Halls"]

SLOW = 0.1  # seconds of CPU that building may take before a hall is cheaper than building again
BUILD_SECONDS = 5.0  # what takes longer, or ends otherwise, is left to the room of each case, whose verdict says so
GRACE = 2.0  # seconds that a hall has to say that its room did not answer in time, or to end
MOST = 2  # halls at a time, each with a room some 60 MB; the next case most often needs the last one
READY = b"ready\n"


class Halls:
    """Sends each run to the room of its case: straight from here, or by way of a hall that has built already."""

    def __init__(self, adapter: Adapter, *ours: int) -> None:
        self._adapter = adapter
        self._rooms = Rooms(adapter, *ours)
        self._walls = Walls()
        self._slow: set[str] = set()
        self._given_up: set[str] = set()
        self._open: dict[str, _Hall] = {}

    def run(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a run request; {"died": why} when there is no answer."""
        hall = self._hall(request)
        answer = None if hall is None else hall.run(request)
        if hall is not None and answer is None:
            self._give_up(hall)
        answer = self._rooms.run(request) if answer is None else answer
        if float(answer.pop("built", 0.0)) > SLOW:
            self._slow.add(request["claim"]["id"])
        return answer

    def close(self) -> None:
        """Leave everything that is open."""
        self._rooms.close()
        for hall in list(self._open.values()):
            self._leave(hall)

    def _hall(self, request: Mapping[str, Any]) -> _Hall | None:
        """The hall for a request, opened now if there is none; None where a room can do without."""
        alike = getattr(self._adapter, "alike", None)
        if alike is None or request["op"] != "run" or request.get("fault") is not None or request["claim"]["id"] not in self._slow:
            return None
        claim, case = claim_from_json(request["claim"]), Case.from_json(request["case"])
        key = json.dumps([request["claim"], request["profile"], request["twin"], alike(claim, case)], sort_keys=True)
        if key in self._given_up or (key not in self._open and self._rooms.fits(request)):
            return None
        if (hall := self._open.pop(key, None)) is None:
            hall = self._new(key, request)
        self._open[key] = hall  # the last one used is the last one left
        if hall.ready:
            return hall
        self._give_up(hall)
        return None

    def _new(self, key: str, request: Mapping[str, Any]) -> _Hall:
        """A hall more, from which neither the requests of this process nor those of other halls can be reached."""
        self._rooms.close()
        if len(self._open) >= MOST:
            self._leave(next(iter(self._open.values())))
        hall = _Hall(self._adapter, key, request, self._walls, self._rooms.ours)
        self._rooms.ours |= hall.pipes
        return hall

    def _give_up(self, hall: _Hall) -> None:
        self._given_up.add(hall.key)
        self._leave(hall)

    def _leave(self, hall: _Hall) -> None:
        hall.close()
        self._rooms.ours -= hall.pipes
        del self._open[hall.key]


class _Hall:
    """One fork in which the library has built what the cases of one configuration need, in one precision."""

    def __init__(self, adapter: Adapter, key: str, request: Mapping[str, Any], walls: Walls, ours: set[int]) -> None:
        self.key = key
        ask_end, self._ask = os.pipe()
        self._reply, reply_end = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            os.close(self._ask)
            os.close(self._reply)
            confine(ours, walls)
            _serve(adapter, request, ask_end, reply_end)
        os.close(ask_end)
        os.close(reply_end)
        self.ready = line_from(self._reply, time.monotonic() + BUILD_SECONDS) == READY

    @property
    def pipes(self) -> set[int]:
        """What this process has of it."""
        return {self._ask, self._reply}

    def run(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """Its answer; None when it gave none that can be used."""
        with contextlib.suppress(BrokenPipeError):  # said by the end of its replies
            os.write(self._ask, (json.dumps(request) + "\n").encode())
        said = line_from(self._reply, time.monotonic() + float(request["limits"]["seconds"]) + GRACE)
        try:
            answer = json.loads(said or b"")
            return answer["said"] if answer["id"] == request["id"] else None
        except (ValueError, TypeError, KeyError):
            return None

    def close(self) -> None:
        """Let it leave its room, and end it."""
        for pipe in self.pipes:
            os.close(pipe)
        deadline = time.monotonic() + GRACE
        while time.monotonic() < deadline:
            if os.waitpid(self._child, os.WNOHANG)[0]:
                return
            time.sleep(0.001)
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)


def _serve(adapter: Adapter, first: Mapping[str, Any], ask: int, reply: int) -> None:
    """The hall itself: build, then open a room for each case that is asked for. Never returns."""
    from trueto.workers.run import Room

    try:
        most = used_memory() + int(first["limits"]["bytes"])
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))  # rooms set their own
        room = Room(adapter)
        room.enter(first, twin=bool(first["twin"]))
        rooms = Rooms(adapter, ask, reply, prepared=room)
        os.write(reply, READY)
        with os.fdopen(ask) as requests:
            for line in requests:
                request = json.loads(line)
                os.write(reply, (json.dumps({"id": request["id"], "said": rooms.run(request)}) + "\n").encode())
        rooms.close()
    finally:
        os._exit(0)
