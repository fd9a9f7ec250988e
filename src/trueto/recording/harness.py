"""All that a references/*/record.py may import: stand-ins for unused imports, and one run of an original.

A record.py has two functions: `load(source)` imports the original from a checkout and returns it, `drive(original, algorithm,
run)` calls it with what `run` holds and ends with `run.finish(...)`. For a function whose named outputs are compared it gets a Task
instead, and gives them with `task.give(...)` (docs/outputs.md).
"""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import importlib.util
import sys
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

from trueto.candidates._library import bare_package
from trueto.errors import DataError
from trueto.fixtures.pictures import picture_file
from trueto.fixtures.prompts import LENGTH, prompts
from trueto.fixtures.words import BEGIN, END, vocabulary, write_tokenizer
from trueto.torch_run import Run
from trueto.torch_task import Task

__all__ = [
    "BEGIN",
    "END",
    "LENGTH",
    "Run",
    "Task",
    "as_users_do",
    "import_file",
    "needed",
    "parts_of",
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


def parts_of(package: str, version: str) -> bool:
    """Make the modules of an installed package importable without its __init__, which may load what was compiled for another torch.

    False where it is not installed in that version.
    """
    try:
        found = importlib.metadata.version(package).partition("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return False
    if found == version:
        bare_package(package)
    return found == version


def needed(package: str, version: str) -> DataError:
    """What to raise where a package is missing without which something cannot be recorded."""
    install = f"pip install --no-deps --target DIR {package}=={version}, then the same with PYTHONPATH=DIR in front"
    return DataError(f"{package} {version} is not installed, a part of which the original calls here", install)


def as_users_do(function: Callable[..., Any], *args: Any) -> Any:
    """Call what an original put together of the parts of a package, and of which no line is its own.

    What it raises counts as raised by the original.
    """
    try:
        return function(*args)
    except Exception as error:  # noqa: BLE001 - raised again, as if it began here
        raise error.with_traceback(None) from error.__cause__


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
