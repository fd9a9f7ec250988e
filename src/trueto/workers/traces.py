"""What a run could leave behind in its process: names that were patched, settings of torch, threads, children, environment."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import torch

__all__ = ["traces"]

WATCHED = ("torch", "torch.nn.functional", "torch.Tensor", "numpy", "math", "random", "builtins", "os", "sys", "time")
OURS = "trueto."


def traces(prefixes: tuple[str, ...], known: frozenset[str]) -> tuple[Any, ...]:
    """A fingerprint of all that one run could hand on to the next: equal before and after a run that hands on nothing.

    `prefixes` are those of the library's modules, `known` the modules to look at (those that were loaded before the first run): a module
    that a run imports is no trace, a name that it replaces is. What the harness sets anew for each run (seed, default dtype, threads of
    torch) is not part of it.
    """
    watched = [name for name in known if name in WATCHED or name.startswith((*prefixes, OURS))]
    names = tuple(_names(sys.modules.get(name)) for name in watched)
    return (names, _of_torch(), tuple(np.geterr().items()), _of_process())


def _names(module: Any) -> int:
    """One number for what all names of a module, and of the classes that it defines, stand for."""
    if module is None:
        return 0
    values = tuple(vars(module).values())
    owner = getattr(module, "__name__", "")
    within = tuple(hash(tuple(map(id, vars(v).values()))) for v in values if isinstance(v, type) and v.__module__ == owner)
    return hash((tuple(map(id, values)), within))


def _of_torch() -> tuple[Any, ...]:
    tensor = hash(tuple(map(id, vars(torch.Tensor).values())))
    return (tensor, torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled(), torch.backends.mkldnn.enabled)


def _of_process() -> tuple[Any, ...]:
    children = False
    with contextlib.suppress(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
        children = True
    handlers = tuple(id(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD))
    streams = (id(sys.stdout), id(sys.stderr), id(sys.stdin), id(sys.excepthook), hash(tuple(sys.path)))
    return (children, str(Path.cwd()), hash(frozenset(os.environ.items())), threading.active_count(), handlers, streams)
