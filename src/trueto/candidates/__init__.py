"""F*: the libraries under test. One file or folder each; a candidate's library is imported in a worker only.

A candidate module has `ADAPTER`, an Adapter. Built-in ones are found by walking this package, others by the entry point
group `trueto.candidates` or by the path of a .py file. A program in another language has a .toml file instead (docs/any-language.md).
A name or path may be followed by a release, as `diffusers==0.25.1`: then that release is judged (docs/history.md).
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import tomllib
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol

from trueto.errors import UnknownName, UsageError
from trueto.model import Case, Claim

__all__ = [
    "Adapter",
    "candidate_names",
    "check_spec",
    "chosen",
    "claimants",
    "is_file",
    "kept_path",
    "ledger_path",
    "load_candidate",
    "parted",
    "project_table",
    "releases_path",
    "short_name",
]

GROUP = "trueto.candidates"
FILES = (".py", ".toml")  # an adapter, and the file of a program in any language (docs/any-language.md)


class Adapter(Protocol):
    """What trueto asks of a candidate.

    `claims` and `no_claims` (reference to reason) are data; `modules` are the name prefixes of the library's modules; `load`
    imports the library; `sample` runs one claim on one run and ends with `run.finish(...)`. An adapter may have `computing`: prefixes of
    more modules, that samplers do not run through and seeded faults are made in too (docs/power.md). It may have `source(claim)`
    besides: file and line of what it runs, as text for readers; and, for claims on functions whose named outputs are compared,
    `outputs(claim, task, flags)`, which gives them with `task.give(name, tensor)`, and `prepare(claim)`, which imports what that needs
    beyond `load` (docs/outputs.md). `build(claim, case)` makes what `sample` finds as `run.built`; `alike(claim, case)` says as text
    what building depends on: where it takes long, it is done once for all cases of a claim that are alike. An adapter that is run on
    several releases of its library may say what one of them has not: `lacks(claim)`, in words and empty where nothing is missing, and
    `ignored(claim, case)`, the settings that it does not know.
    """

    name: str
    claims: tuple[Claim, ...]
    no_claims: Mapping[str, str]
    modules: tuple[str, ...]

    def version(self) -> str:
        """The installed version, without importing the library."""
        ...

    def load(self) -> None:
        """Import the library; raise what it raises."""
        ...

    def settings(self, claim: Claim, case: Case) -> Mapping[str, Any]:
        """How the library is configured for a case, as plain data for reports."""
        ...

    def owns(self, filename: str) -> bool:
        """Whether a source file belongs to the library (an exception that starts there is the library's)."""
        ...

    def sample(self, claim: Claim, run: Any, flags: Mapping[str, Any]) -> None:
        """Run the claim's implementation on the run."""
        ...


def candidate_names() -> tuple[str, ...]:
    """Built-in and installed candidates."""
    return tuple(sorted(_built_in() | {point.name for point in entry_points(group=GROUP)}))


def _built_in() -> set[str]:
    """Files and folders here; one that begins with an underscore is shared by several and is no candidate."""
    return {module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")}


def parted(spec: str) -> tuple[str, str]:
    """The name or path of a candidate, and the release that is asked for: `diffusers==0.25.1`; empty for the installed one."""
    name, _, release = spec.partition("==")
    return name, release


def is_file(spec: str) -> bool:
    """Whether a candidate is given by the path of a file, and not by name."""
    return parted(spec)[0].endswith(FILES)


def short_name(spec: str) -> str:
    """What a ledger and the file of a run record call the candidate."""
    name = parted(spec)[0]
    return Path(name).stem if is_file(name) else name


def chosen(candidate: str | None) -> str:
    """The candidate that a user names, or else that of `[tool.trueto]` in the pyproject.toml of this folder or one above it.

    UsageError where there is neither.
    """
    if candidate is not None:
        return candidate
    here = Path.cwd()
    for folder in (here, *here.parents):
        file = folder / "pyproject.toml"
        if file.is_file() and (found := _of_project(file)) is not None:
            return os.path.relpath(folder / found) if is_file(found) else found
    raise UsageError("no CANDIDATE is named, and no pyproject.toml here has [tool.trueto]", "trueto init, or name one, as diffusers")


def _of_project(file: Path) -> str | None:
    settings = project_table(file.read_bytes(), str(file), "tool", "trueto")
    if settings is None:
        return None
    for key in settings:
        if key != "candidate":
            raise UnknownName(f"key in [tool.trueto] of {file}", key, ["candidate"], "README.md")
    if not isinstance(found := settings.get("candidate"), str):
        raise UsageError(f"[tool.trueto] of {file}: candidate is {found!r}, expected a name or a path", 'candidate = "trueto_adapter.py"')
    return found


def project_table(text: bytes, where: str, *names: str) -> Mapping[str, Any] | None:
    """A table in the text of a pyproject.toml, by its names, as `tool`, `trueto`; None where it has none.

    UsageError, which says `where`, for a text that is no TOML, and for something else than a table of that name.
    """
    try:
        found: Any = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{where} is not TOML: {error}", f"mend {where} there") from error
    for depth, name in enumerate(names, 1):
        if name not in found:
            return None
        if not isinstance(found := found[name], dict):
            raise UsageError(f"{where}: {'.'.join(names[:depth])} is {found!r}, expected a table", f"[{'.'.join(names)}] in {where}")
    return found


def check_spec(spec: str) -> None:
    """UsageError when no candidate has that name or path; imports nothing."""
    spec, _ = parted(spec)
    if is_file(spec):
        if not Path(spec).is_file():
            raise UsageError(f"candidate file {spec} does not exist", "trueto list candidates")
    elif spec not in candidate_names():
        raise UnknownName("candidate", spec, candidate_names(), "trueto list candidates")


def _module(spec: str) -> Any:
    check_spec(spec)
    spec, _ = parted(spec)
    if spec.endswith(".py"):
        path = Path(spec)
        found = importlib.util.spec_from_file_location(f"trueto_candidate_{path.stem}", path)
        if found is None or found.loader is None:
            raise UsageError(f"candidate file {spec} is not Python", "CONTRIBUTING.md, 'I want to add a candidate'")
        module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
        return module
    if spec in _built_in():
        return importlib.import_module(f"{__name__}.{spec}")
    for point in entry_points(group=GROUP):
        if point.name == spec:
            return point.load()
    raise UnknownName("candidate", spec, candidate_names(), "trueto list candidates")


def load_candidate(spec: str) -> Adapter:
    """The adapter of a candidate given by name or by the path of a .py file; call it in a worker."""
    module = _module(spec)
    adapter: Adapter | None = getattr(module, "ADAPTER", None)
    if adapter is None:
        raise UsageError(f"candidate {spec} has no ADAPTER", "CONTRIBUTING.md, 'I want to add a candidate'")
    return adapter


def claimants(reference: str) -> dict[str, tuple[str, ...]]:
    """The built-in candidates that claim a reference, each with the implementations it names; no library under test is imported."""
    found: dict[str, tuple[str, ...]] = {}
    for name in sorted(_built_in()):
        named = [claim.implementation for claim in load_candidate(name).claims if claim.reference == reference]
        if named:
            found[name] = tuple(dict.fromkeys(named))
    return found


def ledger_path(spec: str) -> Path | None:
    """The candidate's own deviations.toml, or None; found without importing anything of it."""
    path = _folder(spec) / "deviations.toml"
    return path if path.is_file() else None


def kept_path(spec: str) -> Path:
    """Where cases that laws found are kept for the candidate, whether there are any or not."""
    return _folder(spec) / "kept.toml"


def releases_path(spec: str) -> Path | None:
    """The candidate's releases.toml, which says what each release of its library needs to run, or None (docs/history.md)."""
    path = _folder(spec) / "releases.toml"
    return path if path.is_file() else None


def _folder(spec: str) -> Path:
    name = parted(spec)[0]
    return Path(name).parent if is_file(name) else Path(__file__).parent / name
