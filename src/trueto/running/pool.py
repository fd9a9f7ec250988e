"""A few workers of one candidate, fed from one queue; whoever already waits is served first."""

from __future__ import annotations

import contextlib
import itertools
import queue
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from trueto.model import Case, Claim, Profile
from trueto.running.client import Limits, Outcome, Worker

__all__ = ["Pool"]


# Seconds after which a thread that computes lets another one go on. A worker does nothing while the thread that hands it runs waits for
# the judge, several times a run: with Python's own 5 ms that is longer than most runs take.
SWITCH = 0.0005


@dataclass(frozen=True, slots=True)
class _Task:
    """One run that somebody waits for."""

    future: Future[Outcome]
    claim: Claim
    case: Case
    net: str
    twin: bool


class Pool:
    """A few workers of one candidate under one profile, fed from one queue; results come as futures."""

    def __init__(self, spec: str, profile: Profile, size: int, limits: Limits) -> None:
        self.limits = limits
        self._tasks: queue.PriorityQueue[tuple[int, int, list[_Task] | None]] = queue.PriorityQueue()
        self._number = itertools.count()
        self._switch = sys.getswitchinterval()
        sys.setswitchinterval(min(SWITCH, self._switch))
        self._workers: list[Worker] = []
        self._threads: list[threading.Thread] = []
        self._open, self._lock = True, threading.Lock()
        self._start(Worker(spec, profile), size - 1)

    def submit(self, claim: Claim, case: Case, runs: Sequence[tuple[str, bool]], *, urgent: bool = False) -> list[Future[Outcome]]:
        """Ask for runs of one case, each (network, twin); one worker takes them all, so that what they share is built once.

        What is `urgent`, because somebody waits for it now, goes before what was asked for in advance.
        """
        tasks = [_Task(Future(), claim, case, net, twin) for net, twin in runs]
        self._tasks.put((not urgent, next(self._number), tasks))
        return [task.future for task in tasks]

    def _start(self, worker: Worker, more: int) -> None:
        """A thread that serves a worker; unless the pool was closed meanwhile."""
        with self._lock:
            if not self._open:
                worker.close()
                return
            self._workers.append(worker)
            self._threads.append(threading.Thread(target=self._serve, args=(worker, more), daemon=True))
            self._threads[-1].start()

    def _serve(self, worker: Worker, more: int) -> None:
        """Let the worker load and fork so many more, so that the library is imported once; then hand it what is asked for."""
        for _ in range(more):
            self._start(worker.fork(), 0)
        while (tasks := self._tasks.get()[-1]) is not None:
            for task in tasks:
                try:
                    task.future.set_result(worker.run(task.claim, task.case, task.net, self.limits, twin=task.twin))
                except Exception as error:  # noqa: BLE001 - handed to whoever waits
                    task.future.set_exception(error)

    def close(self) -> None:
        """Stop the workers; runs that were not started are dropped. Pools are closed in the reverse order in which they were made."""
        with self._lock:
            self._open = False
        with contextlib.suppress(queue.Empty):
            while True:
                self._tasks.get_nowait()
        for _ in self._workers:
            self._tasks.put((True, next(self._number), None))
        for worker in self._workers:
            worker.close()
        for thread in self._threads:
            thread.join(timeout=5)
        sys.setswitchinterval(self._switch)
