"""The failure screen: one cell, one screen, everything that somebody needs to act on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trueto.likeness import grey_words
from trueto.running.words import number

__all__ = ["failure_screen"]


def failure_screen(cell: Mapping[str, Any]) -> str:
    """One judged cell (a record of the run record) as plain text."""
    evidence = cell["evidence"]
    lines = [
        f"{cell['reference']} · layer {cell['layer']} · case {cell['case']} · profile {cell['profile']}: {cell['verdict'].upper()}",
        "",
        f'claimed       {evidence.get("implementation", "")} is {cell["reference"]}: "{evidence.get("quote", "")}"',
        f"              {evidence.get('claim_source', '')}",
        f"what happened {cell['reason']}",
    ]
    lines += _numbers(cell, evidence)
    if evidence.get("ledger"):
        ledger = evidence["ledger"]
        lines.append(f"declared      {ledger['variant'] or ledger['band']}: {ledger['reason']}")
    source = evidence.get("original_source", {})
    lines += [
        "",
        f"original      {source.get('function', '')}  {source.get('link', '')}",
        f"spec          {evidence.get('spec_source', '')}",
        f"repeat        {evidence.get('command', '')}",
        *_next(evidence.get("explain", "")),
    ]
    return "\n".join(lines)


def _next(explain: str) -> list[str]:
    """What to type next: why it differs, and how to declare it."""
    if not explain:
        return []
    return [f"why           {explain}", f"declare       {explain.replace('trueto explain', 'trueto declare', 1)}"]


def _numbers(cell: Mapping[str, Any], evidence: Mapping[str, Any]) -> list[str]:
    if cell["drift"] is None and not evidence.get("worst"):
        return []
    worst, twin = evidence.get("worst", {}), evidence.get("twin", {})
    lines = []
    if cell["drift"] is not None:
        lines.append(
            f"how far       {evidence.get('what', '')} differs by {number(cell['drift'])}, "
            f"the original's own rounding is {number(cell['floor'])} (compared with: {evidence.get('compared_with', 'original')})"
        )
    if cell["first_step"] is not None:
        lines.append(f"first step    {cell['first_step']}")
    if twin and not (twin.get("valid") and twin.get("ratio") is None):
        said = f"{number(twin.get('ratio'))} times the float64 rounding" if twin.get("valid") else twin.get("why", "not run")
        lines.append(f"float64 twin  {said}")
    if worst and worst.get("got") is not None:
        lines.append(f"worst element step {worst['step']}, index {worst['index']}: expected {worst['expected']!r}, got {worst['got']!r}")
    if evidence.get("looks"):
        lines.append(f"looks like    {evidence['looks']}")
    if cell["grey_levels"] is not None:
        lines.append(f"in a picture  {cell['size']} ({grey_words(cell['grey_levels'], number(cell['grey_levels']))})")
    lines.append(f"cause         {cell['cause'] or 'unknown'}")
    return lines
