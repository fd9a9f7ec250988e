"""A few workers of one candidate, fed from one queue; whoever already waits is served first.

Networks are another matter than samplers: a run of one takes seconds, most of them to import what only networks need. Of several workers
the first sees to them from the start and the others to samplers, so that nobody waits for networks at the end, nor each worker imports.
"""

from __future__ import annotations

import heapq
import itertools
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from trueto.model import Case, Claim
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
    limits: Limits


class _Queue:
    """What is asked for: taken by urgency, then by what a worker prefers, then in the order in which it was asked."""

    def __init__(self) -> None:
        self._waiting: dict[bool, list[tuple[bool, int, list[_Task]]]] = {False: [], True: []}  # of networks, or not
        self._number = itertools.count()
        self._changed = threading.Condition()
        self._open = True

    def put(self, tasks: list[_Task], *, urgent: bool) -> None:
        """Runs that are to be made one after the other."""
        with self._changed:
            heapq.heappush(self._waiting[tasks[0].case.of_outputs], (not urgent, next(self._number), tasks))
            self._changed.notify()

    def take(self, networks: bool | None) -> list[_Task] | None:  # noqa: FBT001 - which of them a worker prefers; None: as they were asked
        """The next ones, once there are any; None when the queue is closed."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open or any(self._waiting.values()))
            if not self._open:
                return None
            kind = min((kind for kind, tasks in self._waiting.items() if tasks), key=lambda kind: self._rank(kind, networks))
            return heapq.heappop(self._waiting[kind])[-1]

    def _rank(self, kind: bool, preferred: bool | None) -> tuple[bool, bool, int]:  # noqa: FBT001 - as above
        later, number, _ = self._waiting[kind][0]
        return later, preferred is not None and kind is not preferred, number

    def close(self) -> None:
        """Drop what was not taken."""
        with self._changed:
            self._open = False
            self._changed.notify_all()


class Pool:
    """A few workers of one candidate under one profile, fed from one queue; results come as futures."""

    def __init__(self, first: Worker, size: int) -> None:
        """So many workers, of which `first` is one: it begins to load at once, and the others are forks of it. All end with the pool."""
        self._tasks = _Queue()
        self._switch = sys.getswitchinterval()
        sys.setswitchinterval(min(SWITCH, self._switch))
        self._workers: list[Worker] = []
        self._threads: list[threading.Thread] = []
        self._open, self._lock = True, threading.Lock()
        self._start(first, None if size == 1 else True, size - 1)

    def submit(
        self, claim: Claim, case: Case, runs: Sequence[tuple[str, bool]], limits: Limits, *, urgent: bool = False
    ) -> list[Future[Outcome]]:
        """Ask for runs of one case, each (network, twin); one worker takes them all, so that what they share is built once.

        What is `urgent`, because somebody waits for it now, goes before what was asked for in advance.
        """
        tasks = [_Task(Future(), claim, case, net, twin, limits) for net, twin in runs]
        self._tasks.put(tasks, urgent=urgent)
        return [task.future for task in tasks]

    def _start(self, worker: Worker, networks: bool | None, more: int = 0) -> None:  # noqa: FBT001 - as `_Queue.take` has it
        """A thread that serves a worker; unless the pool was closed meanwhile."""
        with self._lock:
            if not self._open:
                worker.close()
                return
            self._workers.append(worker)
            self._threads.append(threading.Thread(target=self._serve, args=(worker, networks, more), daemon=True))
            self._threads[-1].start()

    def _serve(self, worker: Worker, networks: bool | None, more: int) -> None:  # noqa: FBT001 - as `_Queue.take` has it
        """Let the worker load and fork so many more, so that the library is imported once; then hand it what is asked for."""
        failure: Exception | None = None
        try:
            for _ in range(more):
                self._start(worker.fork(), networks=False)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits; nobody does where the pool was closed meanwhile
            failure = error
        while (tasks := self._tasks.take(networks)) is not None:
            for task in tasks:
                if failure is not None:
                    task.future.set_exception(failure)
                    continue
                try:
                    task.future.set_result(worker.run(task.claim, task.case, task.net, task.limits, twin=task.twin))
                except Exception as error:  # noqa: BLE001 - handed to whoever waits
                    task.future.set_exception(error)

    def close(self) -> None:
        """Stop the workers; runs that were not started are dropped. Pools are closed in the reverse order in which they were made."""
        with self._lock:
            self._open = False
        self._tasks.close()
        for worker in self._workers:
            worker.close()
        for thread in self._threads:
            thread.join(timeout=5)
        sys.setswitchinterval(self._switch)
