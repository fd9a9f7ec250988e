"""A gate on examples that a library publishes beside its package: the same cells, run by its own script out of the user's clone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from trueto.errors import NothingSelected, UsageError
from trueto.model import Cell, Claim
from trueto.running.plan import Selection, plan

__all__ = ["digests", "example_of", "planned_of_examples"]


def example_of(claim: Claim) -> str:
    """The script of a claim in the library's repository; empty where there is none."""
    return str(claim.settings.get("network", {}).get("example", ""))


def planned_of_examples(candidate: str, claims: Sequence[Claim], selection: Selection) -> list[Cell]:
    """The cells of claims that have an example; UsageError where the clone has not what they name."""
    source = Path(selection.source)
    able = [claim for claim in claims if example_of(claim)]
    if not able:
        raise NothingSelected(f"no claim of {candidate} names an example in its repository", "the same without --source")
    try:
        cells = plan(candidate, able, selection)
    except NothingSelected as error:
        takes = ", ".join(claim.id for claim in able)
        raise NothingSelected(f"{error.message}; with --source only {takes} can be run", error.hint) from error
    if missing := sorted({example_of(cell.claim) for cell in cells if not (source / example_of(cell.claim)).is_file()}):
        said = f"{source} has no {', '.join(missing)}; expected a clone of the repository of {candidate}"
        raise UsageError(said, f"--source DIR, checked out at the tag of the release of {candidate} that is installed")
    return [replace(cell, case=replace(cell.case, source=selection.source)) for cell in cells]


def digests(cells: Sequence[Cell]) -> dict[str, str]:
    """SHA-256 of each example that is run, by its place in the repository."""
    scripts = {example_of(cell.claim): Path(cell.case.source) for cell in cells if cell.case.source}
    return {name: hashlib.sha256((source / name).read_bytes()).hexdigest() for name, source in scripts.items()}
