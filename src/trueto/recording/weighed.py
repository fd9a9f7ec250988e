"""Recording on a checkpoint of the user's: the same cases, the same original, goldens beside the project's and never among them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from trueto.checkpoints import Given, digest_of
from trueto.errors import DataError, NothingSelected, UnknownName, UsageError
from trueto.recording.recorder import Original, run_original
from trueto.references import Codebase, reference
from trueto.references.golden import golden_path, manifest_of
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
    """Run the original on the checkpoint; returns the files written. What was recorded of other cases with the same software stays."""
    weights = digest_of(str(wanted.checkpoint.path))
    more = {
        "weights": str(wanted.checkpoint.path),
        "cases": {name: list(cases) for name, cases in wanted.cases.items()},
        "header": {"weights": weights, "weights_form": wanted.checkpoint.form},
    }
    written: list[Path] = []
    for name in wanted.cases:  # one by one, so that an hour's work is not lost with the next
        with tempfile.TemporaryDirectory(prefix="trueto-record-") as folder:
            run_original(base, [name], original, Path(folder), quick=False, progress=progress, more=more)
            new, target = Path(folder) / f"{name.partition('/')[2]}.safetensors", golden_path(name, weights)
            tensors, header = _with_earlier(target, read_tensors(new), read_header(new), wanted.cases[name])
            write_tensors(target, tensors, header)
        manifest_of(base.name, weights).write(target.parent, only=[target.name])
        written.append(target)
    return written


def _with_earlier(
    target: Path, tensors: dict[str, Any], header: dict[str, str], cases: Sequence[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """What was recorded, and what an earlier recording has of other cases, unless that was made with other software."""
    try:
        old, kept = read_header(target), read_tensors(target)
    except DataError:  # none yet, or damaged
        return tensors, header
    if _about_all(old) != _about_all(header):
        return tensors, header
    prefixes = tuple(f"{kind}{case}.outputs" for case in cases for kind in BY_CASE)
    earlier = {key: value for key, value in old.items() if not key.startswith(prefixes)}
    rest = {key: value for key, value in kept.items() if key.partition("/")[0] not in cases}
    return {**rest, **tensors}, {**earlier, **header}


def _about_all(header: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in header.items() if not key.startswith((*BY_CASE, "weights_form"))}
