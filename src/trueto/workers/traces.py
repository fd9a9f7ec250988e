"""What a run could leave behind in its process: names that were patched, settings of torch, threads, children, environment."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

__all__ = ["Watch"]

WATCHED = ("torch", "torch.nn.functional", "numpy", "math", "random", "builtins", "os", "sys", "time")
OURS = tuple(f"trueto.{name}" for name in ("torch_run", "observe", "interpose", "fixtures", "workers", "candidates", "judge", "distances"))

_replaced: dict[tuple[ModuleType, str], Any] = {}


class _Noticing(ModuleType):
    """A module that notices when one of its names is given another value; what it stood for first is kept in `_replaced`."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in (names := vars(self)):  # names that are only added are no trace: libraries import parts of themselves when asked
            _replaced.setdefault((self, name), names[name])
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        _replaced.setdefault((self, name), vars(self).get(name))
        super().__delattr__(name)


@cache
def _watched(prefixes: tuple[str, ...], loaded: int) -> list[type]:
    """Let modules notice, and find the classes to look at: the library's, ours, and torch's tensor; anew when more is `loaded`.

    Modules are not looked through: that would touch, and so copy, half of the memory that a fork shares with its parent.
    """
    del loaded
    modules = {name: module for name, module in sys.modules.items() if name in WATCHED or name.startswith((*prefixes, *OURS))}
    for module in modules.values():
        if not isinstance(module, _Noticing):
            kind = type(module)
            module.__class__ = _Noticing if kind is ModuleType else type(kind.__name__, (_Noticing, kind), {})
    inside = [(name, value) for name, module in modules.items() if name not in WATCHED for value in vars(module).values()]
    return [torch.Tensor, *(value for name, value in inside if isinstance(value, type) and value.__module__ == name)]


class Watch:
    """Looks at all that one run could hand on to the next: names of modules and classes that were replaced, and settings.

    What the harness sets anew for each run (seeds, torch's default dtype and number of threads) is not part of it; it patches modules
    by way of `vars`, which is not noticed. `prefixes` are those of the library's modules.
    """

    def __init__(self, prefixes: tuple[str, ...]) -> None:
        self._classes = _watched(prefixes, len(sys.modules))
        _replaced.clear()  # what was replaced before is how things stand now
        self._before = self._look()

    def _look(self) -> tuple[list[dict[str, Any]], tuple[Any, ...]]:
        return [dict(vars(owner)) for owner in self._classes], (_of_torch(), np.geterr(), _of_process())

    def anything_left(self) -> bool:
        """Whether a name stands for something else than at the last look, or a setting is another."""
        (names, state), now = self._before, self._look()
        self._before = now
        if any(vars(module).get(name) is not value for (module, name), value in _replaced.items()):
            return True
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
