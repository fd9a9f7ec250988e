"""A gate on a checkpoint of the user's: the same cells, against what the original returned on the same weights."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from trueto.checkpoints import Given, digest_of, open_checkpoint
from trueto.errors import DataError, NothingSelected, UsageError
from trueto.model import Cell, Claim, Profile
from trueto.references import load_golden, reference, reference_names
from trueto.references.golden import golden_path, recorded_cases
from trueto.running.client import Limits
from trueto.running.plan import Selection, plan
from trueto.running.published import planned_of_examples

__all__ = ["limits_of", "planned", "refuse_together"]

SECONDS = 3600.0  # of one run: a thousand million parameters take minutes in float64 on one core
BYTES = 40  # a parameter: a copy in float64, one in float32 as the file is read, and three times as much for the work


def planned(candidate: str, claims: Sequence[Claim], selection: Selection, kept: Sequence[tuple[str, str]]) -> list[Cell]:
    """The cells of a gate; on weights of the user's those of references that run on such, each of which must have been recorded on them."""
    if selection.source:
        return planned_of_examples(candidate, claims, selection)
    if not selection.weights:
        return plan(candidate, claims, selection, kept)
    checkpoint = open_checkpoint(Path(selection.weights))
    able = [claim for claim in claims if reference(claim.reference).checkpoint == checkpoint.kind]
    try:
        cells = plan(candidate, able, selection)
    except NothingSelected as error:
        takes = [name for name in reference_names() if reference(name).checkpoint == checkpoint.kind]
        raise NothingSelected(f"{error.message}; with --weights only {', '.join(takes)} are run", error.hint) from error
    found = [replace(cell, case=checkpoint.fitted(cell.case)) for cell in cells]
    _expect_recorded(found, checkpoint)
    return found


def _expect_recorded(cells: Sequence[Cell], checkpoint: Given) -> None:
    """DataError with the command to type where the original was not run on these weights, or not on all of the cases."""
    weights = digest_of(str(checkpoint.path))
    names = dict.fromkeys(cell.claim.reference for cell in cells)
    command = f"trueto record {cells[0].claim.reference.partition('/')[0]} --source DIR --weights {shlex.quote(str(checkpoint.path))}"
    if unknown := [name for name in names if not golden_path(name, weights).is_file()]:
        what = "".join(f" --reference {name}" for name in unknown)
        raise DataError(f"{', '.join(unknown)} not yet recorded on these weights (SHA-256 {weights[:12]}…)", f"{command}{what}")
    for name in names:
        header = load_golden(name, weights).header
        cases = dict.fromkeys(cell.case.id for cell in cells if cell.claim.reference == name)
        if missing := [case for case in cases if f"outcome.{case}.outputs.float32" not in header]:
            more = f"{command} --reference {name} --case {' --case '.join(missing)}"
            raise DataError(
                f"these cases of {name} are not yet recorded on these weights: {', '.join(missing)}",
                f"{more}; or judge what is: --reference {name} --case {' --case '.join(recorded_cases(header))}",
            )


def limits_of(cell: Cell, profile: Profile) -> Limits:
    """What one run may take: as the profile says, and on weights of the user's as much as their number asks for."""
    if not cell.case.weights:
        return Limits(seconds=profile.seconds)
    return Limits(seconds=SECONDS, bytes=Limits().bytes + BYTES * _numbers(cell.case.weights))


@cache
def _numbers(weights: str) -> int:
    """How many numbers the weights at a path are, asked for every run of them."""
    return open_checkpoint(Path(weights)).numbers


def refuse_together(laws: str, weights: str, source: str) -> None:
    """UsageError for options of which each says on what the candidate is judged."""
    named = {"--weights": bool(weights), "--source": bool(source), "--laws": laws != "none"}
    if sum(named.values()) > 1:
        chosen = [option for option, given in named.items() if given]
        raise UsageError(f"{chosen[0]} and {chosen[1]} do not go together: each says what is judged", f"the same without {chosen[1]}")
