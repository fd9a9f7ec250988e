"""Which draws move Y, from one run: it forks at each draw, and the fork alone perturbs that draw."""

from __future__ import annotations

import os

from trueto.observe import Observation, Probe

__all__ = ["Branches"]

SAME, MOVED, FAILED = 0, 10, 11


class Branches:
    """The forks of one run. `at` is called at each draw; `moved` says of each draw whether its fork parted from `base`.

    Only for one thread on the CPU: neither OpenMP nor CUDA survives a fork.
    """

    def __init__(self, probe: Probe, base: Observation) -> None:
        self.probe, self.base = probe, base
        self.moved: dict[int, bool] = {}
        self._is_fork = False

    def at(self, index: int) -> bool:
        """Fork; True in the fork, which perturbs the draw, False in the run, once the fork has ended."""
        if self._is_fork:
            return False
        child = os.fork()
        if child == 0:
            self._is_fork = True
            self.probe.on_call = self._stop_where_parted
            return True
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) in (SAME, MOVED):
            self.moved[index] = os.WEXITSTATUS(status) == MOVED
        return False

    def _stop_where_parted(self) -> None:
        """Any state that differs makes the whole path differ, so the rest need not be run."""
        last, states = len(self.probe.states) - 1, self.base.states
        if last >= len(states) or self.probe.states[last].tobytes() != states[last].tobytes():
            os._exit(MOVED)

    def end(self, seen: Observation | None) -> None:
        """End the fork by what it saw (None: it failed); nothing in the run itself."""
        if self._is_fork:
            os._exit(FAILED if seen is None else MOVED if seen.path.tobytes() != self.base.path.tobytes() else SAME)
