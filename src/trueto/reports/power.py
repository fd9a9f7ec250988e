"""The certificate beside a verdict: how many seeded faults the checks of a claim see, in which layer, and which they do not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trueto.power import read_certificate
from trueto.power.certificate import said_of
from trueto.reports.markup import EMPTY, Html, el, join
from trueto.reports.page import card, terms
from trueto.reports.view import ClaimView, Overview
from trueto.reports.words import LAYER_WORDS, plural

__all__ = ["CERTIFICATE", "certified", "power_card"]

CERTIFICATE = "power.json"
MOST_ROWS = 30
MEANS = (
    "Small faults were made in the functions that this claim executes, one at a time and in memory only. A fault is seen when a verdict "
    "that was good turns bad. One that no verdict sees counts only where it changes the output of some configuration of the claim's domain."
)


def certified(path: Path, header: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The certificate's entries by claim; none without a file, or where it speaks of another candidate or version."""
    if not path.is_file():
        return {}
    found = read_certificate(path)
    if (found.header["candidate"], found.header["version"]) != (header.get("candidate"), header.get("version")):
        return {}
    return {name: entry for name, entry in found.to_json()["claims"].items() if entry["faults"]}


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
