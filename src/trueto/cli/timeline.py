"""What `trueto history` and `trueto bisect` print: changes between releases, in text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from trueto.history import Change, Release, environments, first_part
from trueto.likeness import grey_words
from trueto.model import LAYERS, SAMPLER_LAYERS, Verdict
from trueto.running.words import number

__all__ = ["change_line", "history_text"]

KINDS = {
    "away": ("✗ ", "red"),
    "further": ("↑ ", "red"),
    "other": ("≠ ", "yellow"),
    "nearer": ("↓ ", "yellow"),
    "back": ("✓ ", "green"),
    "broke": ("✗✗", "red"),
    "repaired": ("✓ ", "green"),
}
MEANS = (
    "✗ moved away from the original   ↑ further   ≠ another difference of the same size   ↓ nearer   "
    "✓ back, or works again   ✗✗ stopped working"
)


def _size(cell: Mapping[str, Any]) -> str:
    verdict = Verdict(cell["verdict"])
    if verdict is Verdict.BROKEN:
        return "no usable picture"
    if verdict.same:
        return "no change of the picture"
    grey = cell["grey_levels"]
    return cell["size"] + (f", {grey_words(grey, number(grey))}" if isinstance(grey, int | float) else "")


def change_line(change: Change) -> str:
    """What it was, what it is, how large and from which step on."""
    cell = change.worse
    if cell["layer"] not in SAMPLER_LAYERS:  # it makes no picture, and has no steps of a sampler
        return change.what
    step = f", from step {cell['first_step']} on" if isinstance(cell["first_step"], int) else ""
    return f"{change.what}: {_size(change.was)} → {_size(change.now)}{step}"


def _layers(found: Iterable[Change]) -> str:
    seen = {change.layer for change in found}
    return ", ".join(str(layer) for layer in LAYERS if layer in seen)


def history_text(candidate: str, releases: Sequence[Release], found: Sequence[Change], chosen: Sequence[str] | None = None) -> str:
    """The changes of each claim, oldest first, then what could not be judged."""
    judged = [release for release in releases if release.cells]
    span, named = f", {judged[0].named} to {judged[-1].named}" if judged else "", {release.version: release.named for release in judged}
    lines, groups = [f"{candidate}: {len(judged)} releases judged{span}"], dict[tuple[str, str, str], list[Change]]()
    for change in found:
        groups.setdefault((change.claim, change.before, change.after), []).append(change)
    last = ""
    for (claim, before, after), several in sorted(groups.items(), key=lambda item: item[0][0]):
        first = first_part(several)
        lines += [] if claim == last else ["", click.style(claim, bold=True)]
        sign, colour = KINDS[first.kind]
        lines.append(f"  {click.style(sign, fg=colour)} {named[after]} ({named[before]} was otherwise) · {_layers(several)}")
        lines.append(f"       {change_line(first)}")
        last = claim
    lines += ["", MEANS, *(f"?  {release.version} not judged: {release.unjudged}" for release in releases if release.unjudged)]
    lines += ["", *(f"{version} ran on {said}" for version, said in environments(releases))]
    claims = {str(cell["claim"]) for release in judged for cell in release.cells if chosen is None or cell["claim"] in chosen}
    changed = {change.claim for change in found}
    lines.append(f"{len(groups)} changes in {len(changed)} claims; in {len(claims - changed)} claims none")
    return "\n".join(lines)
