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
from trueto.references.rounded import STATES
from trueto.settings import data_root

__all__ = [
    "COMMON_KNOBS",
    "OUTPUTS",
    "PARAMETERS",
    "STATE",
    "Codebase",
    "Reference",
    "codebase",
    "codebase_names",
    "reference",
    "reference_names",
    "sampler_names",
]

PACKAGE = "trueto_references"
STATE = "state"
PARAMETERS = "parameters.json"  # of a codebase: its toy networks, with the names and shapes of their parameters
OUTPUTS = "outputs"  # how goldens of named outputs are called where those of a sampler name their network
# Knobs that every spec has. state: what becomes of latents of 16 bits (STATES says it).
COMMON_KNOBS = {STATE: STATES}
NOT_SPECS = frozenset({"record", "frame", "levels", "cases", "__init__"})


NO_FRAME = types.ModuleType("no_frame")
vars(NO_FRAME).update(KNOBS={}, PRECISION_KNOBS=())


def no_spec(*_: Any) -> None:
    """What stands for the sampler where named outputs are compared."""
    raise DataError("a function whose outputs are compared takes no samples", "docs/outputs.md")


@dataclass(frozen=True, slots=True)
class Codebase:
    """An original repository at a pinned commit, from codebase.toml; one without `files` holds promises that libraries make of themselves.

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

    @property
    def package(self) -> str:
        """The name that its folder is imported under."""
        return f"{PACKAGE}.{self.name}"

    def link(self, path: str, line: int | None = None) -> str:
        """Address of a file of the original at the pinned commit."""
        return f"{self.repository}/blob/{self.commit}/{path}" + (f"#L{line}" if line else "")


@dataclass(frozen=True, slots=True)
class Reference:
    """One algorithm of a codebase: its card, cases and certified spec.

    A function whose named outputs are compared may have a spec, `outputs(case, **knobs)`, and with it `tell(case, wanted, got)`, which says
    in words what differs; where it has none its goldens alone speak for it. `vary` makes of such outputs those of a
    variant, where that is a formula; of the knobs in `varied` it is. The original is recorded with each other knob turned, and with those
    of each set in `together` turned at once. `increments` says of a sampler on a Brownian path, for a grid of levels, between which two
    each draw is. `checkpoint` is the kind of checkpoint that it can be run on instead of a toy network.
    """

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
    vary: Callable[..., Any] | None = None
    varied: frozenset[str] = frozenset()
    together: tuple[dict[str, str], ...] = ()
    checkpoint: str = ""
    increments: Callable[..., Any] | None = None
    outputs: Callable[..., Mapping[str, Any]] | None = None
    tell: Callable[..., str] | None = None

    @property
    def of_outputs(self) -> bool:
        """Whether its named outputs are compared, and not what it does with a network."""
        return self.sample is no_spec

    @property
    def has_spec(self) -> bool:
        """Whether X that nobody recorded can be judged."""
        return not self.of_outputs or self.outputs is not None

    @property
    def nets(self) -> tuple[str, ...]:
        """The runs of each case that must have been recorded; none of a promise that a library makes of itself."""
        if not self.codebase.files:
            return ()
        return (OUTPUTS,) if self.of_outputs else ("closed", "open")

    @property
    def origin(self) -> dict[str, str]:
        """Where the original stands: its function, the address of its file and line at the pinned commit, and that commit."""
        file, _, function = self.card.function.partition(":")
        link = self.codebase.link(file.strip(), self.card.line)
        return {"link": link, "function": function.strip(), "commit": self.codebase.commit}

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
    info: dict[str, Any] = tomllib.loads((folder / "codebase.toml").read_text())
    if not info["files"]:
        info = {"repository": "", "commit": "", "licence": "", **info}
    return Codebase(
        name=name,
        folder=folder,
        title=info["title"],
        repository=info["repository"],
        commit=info["commit"],
        licence=info["licence"],
        files=tuple(info["files"]),
        pypi=info.get("pypi", {}),
        level_kind=info.get("level_kind", ""),
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
    missing = [part for part in ("CARD", "CASES") if not hasattr(module, part)]
    cases: tuple[Case, ...] = tuple(getattr(module, "CASES", ()))
    of_outputs = bool(cases) and cases[0].of_outputs
    for case in cases:
        if case.kinds != {of_outputs}:
            raise DataError(f"references/{name}.py: the layers of case {case.id} are partly a sampler's, partly not", "docs/outputs.md")
    if not of_outputs and not hasattr(module, "sample"):
        missing.append("sample")
    if missing:
        raise DataError(f"references/{name}.py lacks {', '.join(missing)}", "CONTRIBUTING.md, 'I want to add a reference'")
    frame = NO_FRAME if of_outputs else importlib.import_module(f"{_package(base)}.frame")
    sample: Callable[..., Any] = no_spec if of_outputs else module.sample
    knobs = {**({} if of_outputs else COMMON_KNOBS), **frame.KNOBS, **getattr(module, "KNOBS", {})}
    return Reference(
        codebase=codebase(base),
        name=algorithm,
        card=module.CARD,
        cases=cases,
        sample=sample,
        knobs=knobs,
        precision_knobs=frozenset(() if of_outputs else (*COMMON_KNOBS, *frame.PRECISION_KNOBS)),
        frame=frame,
        path=Path(str(module.__file__)),
        line=inspect.getsourcelines(spec)[1] if (spec := getattr(module, "outputs" if of_outputs else "sample", None)) else 1,
        vary=getattr(module, "vary", None),
        together=tuple(getattr(module, "TOGETHER", ())),
        checkpoint=getattr(module, "CHECKPOINT", ""),
        increments=getattr(module, "increments", None),
        outputs=getattr(module, "outputs", None),
        tell=getattr(module, "tell", None),
        varied=frozenset(getattr(module, "VARIED", knobs if hasattr(module, "vary") else ())),
    )


@cache
def sampler_names() -> tuple[str, ...]:
    """The references that are samplers, which have a spec."""
    return tuple(name for name in reference_names() if not reference(name).of_outputs)
