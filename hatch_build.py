"""Build hook of the wheel: suites, fixtures and references travel in trueto/_data, and only if they are the committed ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
FOLDERS = ("suites", "fixtures", "references")
SHOWN = 3  # problems that a message names
LEFT_OUT = ("dvc.yaml", "dvc.lock", "*.pyc", ".*")  # DVC's files name stages that do not exist outside the repository


def travels(file: Path) -> bool:
    """Whether a file below FOLDERS belongs into the wheel."""
    hidden = any(part.startswith((".", "__pycache__")) for part in file.relative_to(ROOT).parts)
    return file.is_file() and not hidden and not any(file.match(pattern) for pattern in LEFT_OUT)


class DataHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the data to a wheel; refuses when a fixture or golden is missing or is not the one of its manifest."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects files; an editable install reads the data where it is."""
        if version == "editable":
            return
        sys.path.insert(0, str(ROOT / "src"))
        from trueto.environment import check_manifests

        problems = check_manifests(ROOT)
        if problems:
            more = f"\n- and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
            listed = "\n".join(f"- {problem}" for problem in problems[:SHOWN]) + more
            raise SystemExit(f"trueto: no wheel without the exact fixtures and goldens:\n{listed}\nin a clone: make data, then again")
        for folder in FOLDERS:
            for file in sorted((ROOT / folder).rglob("*")):
                if travels(file):
                    build_data["force_include"][str(file)] = f"trueto/_data/{file.relative_to(ROOT).as_posix()}"
