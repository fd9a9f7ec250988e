"""What a knob means, in the words that stand beside it in the reference's own file."""

from __future__ import annotations

import re
from pathlib import Path

from trueto.references import Reference

__all__ = ["knob_words"]


def knob_words(ref: Reference, knob: str) -> str:
    """The comment on the knob's line, or the comment lines above it; nothing where there are none."""
    shared = Path(str(ref.frame.__file__))
    for path in (ref.path, shared):
        if said := _comment(path.read_text().splitlines(), knob):
            return said
    return ""


def _comment(lines: list[str], knob: str) -> str:
    for number, line in enumerate(lines):
        if not re.match(rf'\s+"{re.escape(knob)}": \(', line) and f'{{"{knob}": (' not in line:
            continue
        block = "".join(lines[number : number + 6]).partition(")")[2] if line.rstrip().endswith("(") else line
        _, mark, beside = block.partition("  # ")
        if mark:
            return beside.split('    "')[0].strip()
        above: list[str] = []
        while number > len(above) and lines[number - 1 - len(above)].lstrip().startswith("# "):
            above.insert(0, lines[number - 1 - len(above)].strip().lstrip("# "))
        return " ".join(above)
    return ""
