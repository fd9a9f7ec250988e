"""What a run could leave behind in its process: names that were patched, settings of torch, threads, children, environment."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

__all__ = ["Watch"]

WATCHED = ("torch", "torch.nn.functional", "numpy", "math", "random", "builtins", "os", "sys", "time")
OURS = "trueto."


@cache
def _scopes(prefixes: tuple[str, ...], loaded: int) -> list[Any]:
    """The modules and classes to look at; anew when more is `loaded`."""
    del loaded
    modules = {name: module for name, module in sys.modules.items() if name in WATCHED or name.startswith((*prefixes, OURS))}
    inside = [(name, value) for name, module in modules.items() if name not in WATCHED for value in vars(module).values()]
    classes = [value for name, value in inside if isinstance(value, type) and value.__module__ == name]
    return [*modules.values(), torch.Tensor, *classes]


class Watch:
    """Looks at all that one run could hand on to the next: names of the library's modules and classes, of ours, and of what both stand on.

    What the harness sets anew for each run (seeds, torch's default dtype and number of threads) is not part of it. Names that are only
    added are no trace: libraries import parts of themselves when they are first asked for. `prefixes` are those of the library's modules.
    """

    def __init__(self, prefixes: tuple[str, ...]) -> None:
        self._scopes = _scopes(prefixes, len(sys.modules))
        self._before = self._look()

    def _look(self) -> tuple[list[dict[str, Any]], tuple[Any, ...]]:
        return [dict(vars(scope)) for scope in self._scopes], (_of_torch(), np.geterr(), _of_process())

    def anything_left(self) -> bool:
        """Whether a name stands for something else than at the last look, or a setting is another."""
        (names, state), now = self._before, self._look()
        self._before = now
        try:
            kept = all(before.items() <= after.items() for before, after in zip(names, now[0], strict=True))
        except Exception:  # noqa: BLE001 - what cannot be compared with what it was before is something else
            return True
        return not kept or state != now[1]


def _of_torch() -> tuple[Any, ...]:
    return (torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled(), torch.backends.mkldnn.enabled)


def _of_process() -> tuple[Any, ...]:
    children = False
    with contextlib.suppress(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
        children = True
    handlers = tuple(id(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD))
    streams = (id(sys.stdout), id(sys.stderr), id(sys.stdin), id(sys.excepthook), hash(tuple(sys.path)))
    return (children, str(Path.cwd()), hash(frozenset(os.environ.items())), threading.active_count(), handlers, streams)
