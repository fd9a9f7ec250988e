"""Where in a project the code of a claim stands, as a path inside it; a candidate's word for it is not believed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

from trueto.candidates import is_file

__all__ = ["place_of"]

INSTALLED = re.compile(r".*/(?:site|dist)-packages/")


def _inside(path: Path, root: Path) -> str | None:
    """The path of a file inside `root`, as from there, with slashes; None for what is not there, or leads out."""
    try:
        found = (root / path).resolve()
        return found.relative_to(root).as_posix() if found.is_file() else None
    except (OSError, ValueError):
        return None


def _in_project(name: str, root: Path) -> str | None:
    """A source file by the name that a worker gave it; one that was installed from this project is looked for in it."""
    if "\x00" in name:
        return None
    own = INSTALLED.sub("", name)
    candidates = [Path(name)] if own == name else [Path(own), Path("src") / own]
    return next((found for path in candidates if (found := _inside(path, root))), None)


def place_of(cell: dict[str, Any], root: Path) -> tuple[str, int] | None:
    """File and line of a cell's implementation, else of its adapter, inside `root`; None where neither lies in it."""
    evidence, root = cell["evidence"], root.resolve()
    name, _, line = str(evidence.get("candidate_source", "")).rpartition(":")
    if line.isdecimal() and len(line) < 8 and (found := _in_project(name, root)):
        return found, max(1, int(line))
    try:
        words = shlex.split(str(evidence.get("command", "")))
    except ValueError:
        return None
    spec = words[2] if len(words) > 2 else ""
    return (found, 1) if is_file(spec) and (found := _in_project(spec, root)) else None
