"""Finding the references by walking references/<codebase>/: one file a reference, nothing to register."""

from __future__ import annotations

import importlib
import inspect
import sys
import tomllib
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from trueto.errors import DataError, UnknownName, UsageError
from trueto.model import Case
from trueto.references.card import Card
from trueto.settings import data_root

__all__ = ["COMMON_KNOBS", "STATE", "Codebase", "Reference", "codebase", "codebase_names", "reference", "reference_names"]

PACKAGE = "trueto_references"
STATE = "state"
# Knobs that every spec has. state: where latents of 16 bits are given, whether they become float32 at once or stay in 16 bits.
COMMON_KNOBS = {STATE: ("promoted", "rounded")}
NOT_SPECS = frozenset({"record", "frame", "cases", "__init__"})


@dataclass(frozen=True, slots=True)
class Codebase:
    """An original repository at a pinned commit, from codebase.toml.

    `packages`, name to version, are those of an interpreter of its own, for an original that does not run in trueto's.
    """

    name: str
    folder: Path
    title: str
    repository: str
    commit: str
    licence: str
    files: tuple[str, ...]
    pypi: Mapping[str, Any]
    level_kind: str
    how: str
    sequential: str = ""
    packages: dict[str, str] = field(default_factory=dict)

    @property
    def recording(self) -> str:
        """The command that records it anew."""
        return f"trueto record {self.name} --source DIR" + (" --python PATH" if self.packages else "")

    def link(self, path: str, line: int | None = None) -> str:
        """Address of a file of the original at the pinned commit."""
        return f"{self.repository}/blob/{self.commit}/{path}" + (f"#L{line}" if line else "")


@dataclass(frozen=True, slots=True)
class Reference:
    """One algorithm of a codebase: its card, cases and certified spec."""

    codebase: Codebase
    name: str
    card: Card
    cases: tuple[Case, ...]
    sample: Callable[..., Any]
    knobs: Mapping[str, tuple[str, ...]]
    precision_knobs: frozenset[str]
    frame: types.ModuleType
    path: Path
    line: int

    @property
    def id(self) -> str:
        """`<codebase>/<algorithm>`."""
        return f"{self.codebase.name}/{self.name}"

    def case(self, case_id: str) -> Case:
        """The case of that id, or UnknownName."""
        for case in self.cases:
            if case.id == case_id:
                return case
        raise UnknownName(f"case of {self.id}", case_id, [c.id for c in self.cases], f"trueto show {self.id}")

    def variant(self, text: str) -> dict[str, str]:
        """Knobs of a variant written as `paper` or `told=rounded,final_sigma=sigma_min`."""
        if text in self.card.variants:
            return dict(self.card.variants[text])
        chosen: dict[str, str] = {}
        for part in filter(None, (p.strip() for p in text.split(","))):
            knob, _, value = part.partition("=")
            if knob not in self.knobs:
                raise UnknownName(f"knob of {self.id}", knob, self.knobs, f"trueto show {self.id}")
            if value not in self.knobs[knob]:
                raise UnknownName(f"value of knob {knob}", value, self.knobs[knob], f"trueto show {self.id}")
            chosen[knob] = value
        if not chosen:
            raise UsageError("an empty variant declares nothing", f"trueto show {self.id}")
        return chosen


def _root() -> Path:
    return data_root() / "references"


def _package(codebase_name: str) -> str:
    """Make references/ importable under a name of its own, without touching sys.path."""
    if PACKAGE not in sys.modules:
        package = types.ModuleType(PACKAGE)
        package.__path__ = [str(_root())]
        sys.modules[PACKAGE] = package
    return f"{PACKAGE}.{codebase_name}"


@cache
def codebase_names() -> tuple[str, ...]:
    """All codebases, sorted."""
    return tuple(sorted(path.parent.name for path in _root().glob("*/codebase.toml")))


@cache
def codebase(name: str) -> Codebase:
    """The named codebase, or UnknownName."""
    if name not in codebase_names():
        raise UnknownName("codebase", name, codebase_names(), "trueto list references")
    folder = _root() / name
    info = tomllib.loads((folder / "codebase.toml").read_text())
    return Codebase(
        name=name,
        folder=folder,
        title=info["title"],
        repository=info["repository"],
        commit=info["commit"],
        licence=info["licence"],
        files=tuple(info["files"]),
        pypi=info.get("pypi", {}),
        level_kind=info["level_kind"],
        how=info["how"],
        sequential=info.get("sequential_draws", ""),
        packages=info.get("interpreter", {}),
    )


@cache
def reference_names() -> tuple[str, ...]:
    """All references as `<codebase>/<algorithm>`, sorted."""
    names = []
    for base in codebase_names():
        files = (_root() / base).glob("*.py")
        names += [f"{base}/{file.stem}" for file in files if file.stem not in NOT_SPECS]
    return tuple(sorted(names))


@cache
def reference(name: str) -> Reference:
    """The named reference, or UnknownName with the nearest one."""
    if name not in reference_names():
        raise UnknownName("reference", name, reference_names(), "trueto list references")
    base, _, algorithm = name.partition("/")
    module = importlib.import_module(f"{_package(base)}.{algorithm}")
    frame = importlib.import_module(f"{_package(base)}.frame")
    missing = [part for part in ("CARD", "CASES", "sample") if not hasattr(module, part)]
    if missing:
        raise DataError(f"references/{name}.py lacks {', '.join(missing)}", "CONTRIBUTING.md, 'I want to add a reference'")
    return Reference(
        codebase=codebase(base),
        name=algorithm,
        card=module.CARD,
        cases=tuple(module.CASES),
        sample=module.sample,
        knobs={**COMMON_KNOBS, **frame.KNOBS, **getattr(module, "KNOBS", {})},
        precision_knobs=frozenset((*COMMON_KNOBS, *frame.PRECISION_KNOBS)),
        frame=frame,
        path=Path(str(module.__file__)),
        line=inspect.getsourcelines(module.sample)[1],
    )
