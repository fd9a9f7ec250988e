"""Power and false alarms beside a verdict: how many seeded faults the checks see, and how many harmless rewrites they take for one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trueto.errors import DataError
from trueto.power import read_certificate
from trueto.power.certificate import counts_of, said_of
from trueto.reports.markup import EMPTY, Html, el, join
from trueto.reports.page import card, terms
from trueto.reports.view import ClaimView, Overview
from trueto.reports.words import LAYER_WORDS, plural

__all__ = ["ALARMS", "CERTIFICATE", "certified", "false_alarms", "figures", "figures_card", "power_card"]

CERTIFICATE = "power.json"
ALARMS = "false_alarms.json"
MOST_ROWS = 30
MEANS = (
    "Small faults were made in the functions that this claim executes, one at a time and in memory only. A fault is seen when a verdict "
    "that was good turns bad. One that no verdict sees counts only where it changes the output of some configuration of the claim's domain."
)


def certified(path: Path, header: Mapping[str, Any]) -> tuple[dict[str, Mapping[str, Any]], str]:
    """The certificate's entries by claim, and the command that measured them; none where it speaks of another candidate or version."""
    if not path.is_file():
        return {}, ""
    found = read_certificate(path)
    said = found.header
    if (said["candidate"], said["version"]) != (header.get("candidate"), header.get("version")):
        return {}, ""
    again = f"trueto power {said['candidate']} --faults {said['faults']} --seed {said['seed']} --equivalence {said['equivalence']}"
    return {name: entry for name, entry in found.to_json()["claims"].items() if entry["faults"]}, again


def false_alarms(path: Path, header: Mapping[str, Any]) -> dict[str, Any]:
    """The counts of benchmarks/false_alarms.py; none without a file, or where it speaks of another candidate or version."""
    if not path.is_file():
        return {}
    again = "python benchmarks/false_alarms.py"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        same = (found["candidate"], found["version"]) == (header.get("candidate"), header.get("version"))
        counts = {name: int(found[name]) for name in ("alarms", "cells", "claims", "of_claims")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is no count of false alarms: {error!r}", again) from error
    return {**counts, "command": again} if same else {}


def figures(view: Overview) -> list[tuple[str, str]]:
    """What the checks would see, and what they take for a difference that is none, each with the command that measures it."""
    found: list[tuple[str, str]] = []
    if view.power:
        total = counts_of([fault for entry in view.power.values() for fault in entry["faults"]])
        found.append((f"Power: {said_of(total)}, over {plural(len(view.power), 'claim')}", view.measured_by))
    if view.alarms:
        alarms = f"{plural(view.alarms['alarms'], 'false alarm')} in {view.alarms['cells']:,} cells under harmless rewrites"
        found.append((f"{alarms}, over {view.alarms['claims']} of {plural(view.alarms['of_claims'], 'claim')}", view.alarms["command"]))
    return found


def figures_card(view: Overview) -> Html:
    """The same as a card; nothing where nothing was measured."""
    lines = [el("li", f"{said} (", el("code", command), ").") for said, command in figures(view)]
    return card("Can these checks be trusted?", el("ul", *lines), anchor="trust") if lines else EMPTY


def power_card(view: Overview, claim: ClaimView) -> Html:
    """What the checks of this claim would have seen; nothing where it was not measured."""
    entry = view.power.get(claim.claim)
    if entry is None:
        return EMPTY
    layers = [(LAYER_WORDS.get(layer, (layer, ""))[0], str(count)) for layer, count in entry["by_layer"].items()]
    missed = [fault for fault in entry["faults"] if fault["outcome"] == "survived"]
    lines = [
        el("p", f"{said_of(entry)}."),
        el("p", MEANS, class_="soft"),
        terms([(f"first seen in: {name}", count) for name, count in layers]),
    ]
    if missed:
        rows = [el("li", el("code", str(fault["function"])), _said(fault)) for fault in missed]
        summary = el("summary", f"{plural(len(missed), 'fault')} that no check sees")
        lines.append(el("details", summary, el("ul", join(rows[:MOST_ROWS], "\n"))))
    return card("Seeded faults", *lines, anchor="power")


def _said(fault: Mapping[str, Any]) -> str:
    """One survivor after its function's name; nothing of the library's code."""
    return f", line {fault['line']}, {fault['operator']}: {fault['what']}. {fault.get('note', '')}"
