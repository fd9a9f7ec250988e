"""All that a references/*/record.py may import: stand-ins for unused imports, and one run of an original.

A record.py has two functions: `load(source)` imports the original from a checkout and returns it, `drive(original, algorithm,
run)` calls it with what `run` holds and ends with `run.finish(...)`. For a function whose named outputs are compared it gets a Task
instead, and gives them with `task.give(...)` (docs/outputs.md).
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

from trueto.fixtures.pictures import picture_file
from trueto.fixtures.prompts import LENGTH, prompts
from trueto.fixtures.words import END, vocabulary, write_tokenizer
from trueto.torch_run import Run
from trueto.torch_task import Task

__all__ = [
    "END",
    "LENGTH",
    "Run",
    "Task",
    "import_file",
    "picture_file",
    "prompts",
    "quiet_progress",
    "stand_in",
    "vocabulary",
    "write_tokenizer",
]


def stand_in(*names: str) -> None:
    """Make these modules importable as empty stand-ins, for imports that the recorded functions never use."""
    for name in names:
        module = MagicMock(name=name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        module.__path__ = []
        sys.modules[name] = module


class _NoBar:
    """A progress bar without output."""

    def __init__(self, iterable: Iterable[Any] = (), **_: Any) -> None:
        self._iterable = iterable

    def __iter__(self) -> Any:
        return iter(self._iterable)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, *_: Any) -> None:
        """Do nothing."""


def _silent_range(count: int, **_: Any) -> range:
    return range(count)


def quiet_progress() -> None:
    """Put progress bars that show nothing in the place of tqdm."""
    for name in ("tqdm", "tqdm.auto"):
        module = types.ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)  # torch's compiler looks for it
        vars(module).update(tqdm=_NoBar, trange=_silent_range)
        sys.modules[name] = module


def import_file(name: str, path: Path) -> types.ModuleType:
    """Import one file under a dotted name, without running the __init__ of its package."""
    package = name.rpartition(".")[0]
    if package and package not in sys.modules:
        shell = types.ModuleType(package)
        shell.__path__ = [str(path.parent)]
        sys.modules[package] = shell
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
