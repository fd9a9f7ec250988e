"""A few workers of one candidate, fed from one list; whoever already waits is served first."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from trueto.model import Case, Claim, Profile
from trueto.running.client import Limits, Outcome, Worker

__all__ = ["Pool"]


@dataclass(frozen=True, slots=True)
class _Task:
    """Runs of one case, each (network, twin), that somebody waits for now if it is `urgent`."""

    claim: Claim
    case: Case
    runs: Sequence[tuple[str, bool]]
    futures: Sequence[Future[Outcome]]
    urgent: bool

    @property
    def group(self) -> tuple[str, ...]:
        """The same for cases for which a library builds the same thing, as far as can be told without asking it."""
        return self.claim.id, self.case.grid, self.case.schedule, self.case.parameterization


class Pool:
    """A few workers of one candidate under one profile, fed from one list; results come as futures.

    A worker keeps to cases that are configured alike while there are any: it has built for them what others would have to build again.
    """

    def __init__(self, spec: str, profile: Profile, size: int, limits: Limits) -> None:
        self.limits = limits
        self._tasks: list[_Task] = []
        self._changed = threading.Condition()
        self._closed = False
        self._workers = [Worker(spec, profile) for _ in range(size)]
        self._groups: list[tuple[str, ...]] = [()] * size
        self._threads = [threading.Thread(target=self._serve, args=(place,), daemon=True) for place in range(size)]
        for thread in self._threads:
            thread.start()

    def submit(self, claim: Claim, case: Case, runs: Sequence[tuple[str, bool]], *, urgent: bool = False) -> list[Future[Outcome]]:
        """Ask for runs of one case, each (network, twin); one worker takes them all, so that what they share is built once.

        What is `urgent`, because somebody waits for it now, goes before what was asked for in advance.
        """
        futures: list[Future[Outcome]] = [Future() for _ in runs]
        with self._changed:
            self._tasks.append(_Task(claim, case, runs, futures, urgent))
            self._changed.notify()
        return futures

    def _next(self, place: int) -> _Task | None:
        """The next task of a worker, once there is one; None when there will be none."""
        with self._changed:
            while not self._tasks and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            mine, others = self._groups[place], {group for other, group in enumerate(self._groups) if other != place}

            def rank(task: _Task) -> tuple[bool, ...]:
                own, taken = task.group == mine, task.group in others
                return not (task.urgent and (own or not taken)), not own, taken, not task.urgent

            task = min(self._tasks, key=rank)  # of equals the first
            self._tasks.remove(task)
            self._groups[place] = task.group
            return task

    def _serve(self, place: int) -> None:
        worker = self._workers[place]
        while (task := self._next(place)) is not None:
            for (net, twin), future in zip(task.runs, task.futures, strict=True):
                try:
                    future.set_result(worker.run(task.claim, task.case, net, self.limits, twin=twin))
                except Exception as error:  # noqa: BLE001 - handed to whoever waits
                    future.set_exception(error)

    def close(self) -> None:
        """Stop the workers; runs that were not started are dropped."""
        with self._changed:
            self._tasks.clear()
            self._closed = True
            self._changed.notify_all()
        for worker in self._workers:
            worker.close()
        for thread in self._threads:
            thread.join(timeout=5)
