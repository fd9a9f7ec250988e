"""What the adapters of small libraries have in common; no candidate itself. Nothing is imported here but by a worker."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.machinery
import importlib.util
import inspect
import operator
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from types import ModuleType
from typing import Any

from trueto.model import Case, Claim

__all__ = ["Library", "bare_package", "one_arena", "stand_in"]

ARENA_MAX = -8  # M_ARENA_MAX of glibc


class Library:
    """Most of an adapter (see `trueto.candidates.Adapter`): a subclass says `name`, `distribution`, `claims`, and how to sample.

    `name` is the library's top-level module; `modules` are where draws are served and float32 is promoted.
    """

    name: str
    distribution: str
    claims: tuple[Claim, ...]
    no_claims: Mapping[str, str] = {}
    modules: tuple[str, ...]

    def version(self) -> str:
        """The version that is first on the path, without importing it."""
        return version(self.distribution)

    def load(self) -> None:
        """Import what is claimed; AttributeError where a release has nothing of it."""
        missing = [claim for claim in self.claims if self.lacks(claim)]
        if len(missing) == len(self.claims):
            self.claimed(missing[0])

    def lacks(self, claim: Claim) -> str:
        """What this release has not: the function, class or method that a claim names."""
        try:
            self.claimed(claim)
        except AttributeError:
            return f"has no such name: {claim.implementation.replace(':', '.')}"
        return ""

    def claimed(self, claim: Claim) -> Callable[..., Any]:
        """The function, class or method that a claim names: `module:name` or `module:Class.method` below the library."""
        module, _, name = claim.implementation.partition(":")
        return operator.attrgetter(name)(importlib.import_module(f"{self.name}.{module}"))

    def settings(self, claim: Claim, case: Case) -> Mapping[str, Any]:  # noqa: ARG002 - for those that have nothing else to configure
        """The options that the library is given."""
        return dict(case.options)

    def owns(self, filename: str) -> bool:
        """Whether a source file is the library's own."""
        return any(filename.startswith(f"{folder}/") for folder in getattr(sys.modules.get(self.name), "__path__", ()))

    def source(self, claim: Claim) -> str:
        """File and line of what is claimed: of a class, its step."""
        found: Any = self.claimed(claim)
        if inspect.isclass(found):
            found = next((getattr(found, name) for name in ("step", "__call__") if hasattr(found, name)), found.__init__)
        code = inspect.unwrap(found).__code__
        return f"{self.name}/{code.co_filename.rpartition(f'/{self.name}/')[2]}:{code.co_firstlineno}"

    def sample(self, claim: Claim, run: Any, flags: Mapping[str, Any]) -> None:
        """Run the claimed implementation; ends with `run.finish(...)`."""
        raise NotImplementedError


def bare_package(name: str, **names: Any) -> None:
    """Let submodules of a package be imported without what its own __init__ imports besides; ModuleNotFoundError where it is not there.

    Of a package in another one, make the outer one bare first. `names` are what submodules import from the package itself.
    """
    if name in sys.modules:
        return
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(f"no package {name} is here", name=name)
    package = ModuleType(name)
    package.__path__ = list(found.submodule_search_locations)
    package.__spec__ = found
    vars(package).update(names)
    sys.modules[name] = package


def one_arena() -> None:
    """Let all threads from now on share one arena of malloc: each asks for its own otherwise, beyond what a run may take."""
    with contextlib.suppress(AttributeError):  # not every libc has it
        ctypes.CDLL(None).mallopt(ARENA_MAX, 1)


class _Absent(ModuleType):
    """A module that is imported and not used: it has any name, and none of them can be called."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Absent(f"{self.__name__}.{name}")

    def __or__(self, other: Any) -> Any:  # in an annotation, as `Tensor | TensorDict`
        return self

    __ror__ = __or__


def stand_in(*names: str) -> None:
    """Make modules importable that the library imports for other things than what is claimed, where they are not installed."""
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError:
            module = _Absent(name)
            module.__path__ = []
            module.__spec__ = importlib.machinery.ModuleSpec(name, None)
            sys.modules[name] = module
