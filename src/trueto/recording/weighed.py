"""Recording on a checkpoint of the user's: the same cases, the same original, goldens beside the project's and never among them."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from trueto.checkpoints import Given, digest_of
from trueto.errors import DataError, NothingSelected, UnknownName, UsageError
from trueto.recording.recorder import Original, run_original
from trueto.references import Codebase, reference
from trueto.references.golden import golden_path, manifest_of, recorded_cases
from trueto.store import read_header, read_tensors, write_tensors

__all__ = ["Asked", "asked", "record_on"]

BY_CASE = ("outcome.", "names.")  # how keys of a header begin that speak of one case


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be recorded: for each reference the ids of its cases, on which checkpoint."""

    checkpoint: Given
    cases: Mapping[str, tuple[str, ...]]

    @property
    def total(self) -> int:
        """How many cases that are."""
        return sum(map(len, self.cases.values()))


def asked(checkpoint: Given, names: Sequence[str], patterns: Sequence[str], *, named: bool) -> Asked:
    """The cases of those references that run on such a checkpoint; an error where one that was `named` does not, or none is left."""
    able = [name for name in names if reference(name).checkpoint == checkpoint.kind]
    if not able or (named and len(able) < len(names)):
        other = ", ".join(name for name in names if name not in able)
        raise UsageError(
            f"{other} cannot be recorded on a checkpoint of {checkpoint.kind}: nothing of it is in them", "trueto list references"
        )
    known = {name: [case.id for case in reference(name).cases] for name in able}
    for pattern in patterns:
        if not any(fnmatchcase(case, pattern) for cases in known.values() for case in cases):
            raise UnknownName("case", pattern, sorted({case for cases in known.values() for case in cases}), f"trueto show {able[0]}")
    chosen = {
        name: tuple(case for case in cases if not patterns or any(fnmatchcase(case, pattern) for pattern in patterns))
        for name, cases in known.items()
    }
    found = {name: cases for name, cases in chosen.items() if cases}
    if not found:
        raise NothingSelected("nothing to record", f"trueto show {able[0]}")
    return Asked(checkpoint, found)


def record_on(base: Codebase, wanted: Asked, original: Original, progress: Callable[[str], None]) -> list[Path]:
    """Run the original on the checkpoint; returns the files written. What was recorded of other cases stays beside the new ones.

    DataError before anything runs where it cannot: what the header says of all cases (software, processor) must be true of each.
    """
    weights = digest_of(str(wanted.checkpoint.path))
    more = {
        "weights": str(wanted.checkpoint.path),
        "cases": {name: list(cases) for name, cases in wanted.cases.items()},
        "header": {"weights": weights, "weights_form": wanted.checkpoint.form},
    }
    written: list[Path] = []
    for name, cases in wanted.cases.items():  # one by one, so that an hour's work is not lost with the next
        target = golden_path(name, weights)
        earlier = _earlier(target, weights, wanted, name, original)
        with tempfile.TemporaryDirectory(prefix="trueto-record-") as folder:
            job = {**more, "earlier": {"header": _about_all(earlier.header), "said": earlier.said, "hint": earlier.hint}}
            run_original(base, [name], original, Path(folder), quick=False, progress=progress, more=job if earlier.header else more)
            new = Path(folder) / f"{name.partition('/')[2]}.safetensors"
            tensors, header = read_tensors(new), read_header(new)
        rest = {key: value for key, value in earlier.header.items() if not key.startswith(_of_cases(cases))}
        kept = {key: value for key, value in earlier.tensors.items() if key.partition("/")[0] not in cases}
        write_tensors(target, {**kept, **tensors}, {**rest, **header})
        manifest_of(base.name, weights).write(target.parent, only=[target.name])
        written.append(target)
    return written


@dataclass(frozen=True, slots=True)
class _Earlier:
    """What lies there of cases that are not recorded now, and what to say and to type where it cannot stay beside the new ones."""

    header: Mapping[str, str] = field(default_factory=dict)
    tensors: Mapping[str, Any] = field(default_factory=dict)
    said: str = ""
    hint: str = ""


def _earlier(target: Path, weights: str, wanted: Asked, name: str, original: Original) -> _Earlier:
    """The earlier recording, where it has cases besides those now wanted; DataError where it is damaged, and so may have some."""
    ref, cases = reference(name), wanted.cases[name]
    if not target.is_file() or {case.id for case in ref.cases} <= set(cases):
        return _Earlier()
    try:
        manifest_of(ref.codebase.name, weights).check(target)
        header, tensors = read_header(target), read_tensors(target)
    except DataError as error:
        said = f"the cases that were recorded before cannot be kept: {error.message}"
        raise DataError(said, f"rm {shlex.quote(str(target))}, then the same again with every --case that is needed") from error
    if not (others := [case for case in recorded_cases(header) if case not in cases]):
        return _Earlier()
    checkout = shlex.quote(original.provenance if original.provenance.startswith("pypi:") else str(original.source))
    typed = f"trueto record {ref.codebase.name} --source {checkout} --weights {shlex.quote(str(wanted.checkpoint.path))}"
    typed += f" --python {shlex.quote(original.python)}" if original.python else ""
    every = "".join(f" --case {shlex.quote(case)}" for case in (*others, *cases))
    return _Earlier(header, tensors, f"{target} has {', '.join(others)}", f"{typed} --reference {name}{every}")


def _of_cases(cases: Sequence[str]) -> tuple[str, ...]:
    """How the keys of a header begin that speak of these cases."""
    return tuple(f"{kind}{case}.outputs" for case in cases for kind in BY_CASE)


def _about_all(header: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in header.items() if not key.startswith((*BY_CASE, "weights_form"))}
