"""The matrix that `trueto gate` ends with: claims by layers, worst first, then what is undeclared."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trueto.events import RunRecord
from trueto.model import LAYERS, Verdict
from trueto.reports.view import alike
from trueto.running.screen import failure_screen
from trueto.running.words import number
from trueto.settings import colours

__all__ = ["SYMBOLS", "summary_table"]

SYMBOLS = {
    Verdict.IDENTICAL: ("✓", "green"),
    Verdict.FAITHFUL: ("✓", "green"),
    Verdict.CONSISTENT: ("✓", "green"),
    Verdict.BEYOND: ("✓", "green"),
    Verdict.DECLARED: ("≠", "yellow"),
    Verdict.DECLARED_UNEXPLAINED: ("≈", "yellow"),
    Verdict.UNJUDGED: ("?", "magenta"),
    Verdict.DISPUTED: ("?", "magenta"),
    Verdict.STALE: ("!", "red"),
    Verdict.DRIFTED: ("✗", "red"),
    Verdict.BROKEN: ("✗", "bold red"),
}
ORDER = list(SYMBOLS)
CHANGES = ("negligible", "small", "visible", "another image")
SIZES = ("none", "not measured", *CHANGES)
LEGEND = (
    "✓ same as the original (within its own rounding)   ≠ declared   ≈ declared, unexplained   ✗ undeclared   "
    "! the ledger is wrong   ? could not judge   · not part of it"
)


def _worst(cells: Iterable[dict[str, Any]]) -> Verdict | None:
    return max((Verdict(cell["verdict"]) for cell in cells), key=ORDER.index, default=None)


def _size(cells: Sequence[dict[str, Any]]) -> str:
    """The largest change of the finished picture in a word; a cell that could not be judged may hide a larger one."""
    if any(cell["verdict"] == Verdict.BROKEN for cell in cells):
        return "no usable picture"
    differing = [cell for cell in cells if not Verdict(cell["verdict"]).same and cell["verdict"] != Verdict.BEYOND]
    measured = [cell for cell in differing if not Verdict(cell["verdict"]).unknown or cell["ratio"] is not None]
    size = max((cell["size"] for cell in measured if cell["size"] in SIZES), key=SIZES.index, default="none")
    if len(measured) < len(differing):
        return f"at least {size}" if size in CHANGES else "not known"
    declared = differing and all(Verdict(cell["verdict"]).declared for cell in differing)
    return f"{size} (declared)" if declared and size != "none" else size


# Originals that are not claimed are named up to so many: a small library claims few of some hundred.
FEW = 8
MOST = 10  # causes that are shown


def summary_table(run: RunRecord, path: Path, *, terminal: bool) -> str:
    """The whole ending of a gate, as text; with colours when it goes to a terminal."""
    claims: dict[str, list[dict[str, Any]]] = {}
    for cell in run.cells:
        claims.setdefault(cell["claim"], []).append(cell)
    table = Table(box=None, pad_edge=False)
    table.add_column("reference", no_wrap=True)
    layers = [layer for layer in LAYERS if any(cell["layer"] == layer for cell in run.cells)]
    for layer in layers:
        table.add_column(layer, justify="center")
    table.add_column("size of drift", no_wrap=True)
    for claim in sorted(claims, key=lambda c: (-ORDER.index(_worst(claims[c]) or ORDER[0]), c)):
        cells = claims[claim]
        marks = [_mark([cell for cell in cells if cell["layer"] == layer]) for layer in layers]
        table.add_row(claim, *marks, _size(cells))
    stream = io.StringIO()
    colour = terminal and os.isatty(1) and colours()
    console = Console(file=stream, width=118, force_terminal=colour, highlight=False, color_system="standard" if colour else None)
    console.print(table)
    console.print(Text(LEGEND, style="dim"), soft_wrap=True)
    for line in (*_unclaimed(run), *_undeclared(run), *_counts(run, path)):
        console.print(Text(line), soft_wrap=True)
    return stream.getvalue().rstrip()


def _mark(cells: list[dict[str, Any]]) -> Text:
    worst = _worst(cells)
    return Text("·", "dim") if worst is None else Text(*SYMBOLS[worst])


def _unclaimed(run: RunRecord) -> list[str]:
    if not run.no_claims:
        return []
    names = [entry["reference"] for entry in run.no_claims]
    if len(names) <= FEW:
        return [f"not claimed: {', '.join(names)}"]
    return [f"not claimed: {len(names)} other originals; `trueto list claims {_asked(run)}` names them and says why"]


def _asked(run: RunRecord) -> str:
    """What was judged, as the gate was asked for it: the record itself knows an adapter's own name, and not its file."""
    command = next((str(cell["evidence"].get("command", "")) for cell in run.cells), "")
    asked = command.removeprefix("trueto gate ").partition(" --")[0] if command.startswith("trueto gate ") else ""
    return asked or str(run.header.get("candidate"))


def _undeclared(run: RunRecord) -> list[str]:
    bad = [cell for cell in run.cells if Verdict(cell["verdict"]).bad or Verdict(cell["verdict"]).unknown]
    if not bad:
        return []
    bad.sort(key=lambda cell: (-ORDER.index(Verdict(cell["verdict"])), -(cell["ratio"] or 0)))
    groups = alike(bad)
    if len(groups) == 1:
        more = _more(groups[0])
        return ["", failure_screen(groups[0][0]), *([f"besides       {more}"] if more else [])]
    lines = ["", f"{len(groups)} to look at in {len(bad)} cells, worst first" + (", the first ten:" if len(groups) > MOST else ":")]
    for group in groups[:MOST]:
        cell = group[0]
        ratio = f" ({number(cell['ratio'])} × rounding)" if cell["ratio"] is not None else ""
        lines.append(f"  {cell['verdict']}: {cell['claim']} · {cell['layer']} · {cell['case']}{ratio}: {cell['reason']}")
        lines += [f"      {said}" for said in (_more(group), _next(cell)) if said]
    return lines


def _more(group: list[dict[str, Any]]) -> str:
    """The cells of one cause beside the one that is shown, counted by layer."""
    counts = Counter(cell["layer"] for cell in group[1:])
    said = ", ".join(f"{layer} {counts[layer]}" for layer in LAYERS if counts[layer])
    return f"the same in {len(group) - 1} more: {said}" if said else ""


def _next(cell: dict[str, Any]) -> str:
    """What says more of a cell: why it differs, or what repeats it."""
    evidence = cell["evidence"]
    if Verdict(cell["verdict"]).bad and evidence.get("explain"):
        return f"why: {evidence['explain']}"
    return evidence.get("command", "")


def _counts(run: RunRecord, path: Path) -> list[str]:
    counts = run.counts
    same = counts[Verdict.IDENTICAL] + counts[Verdict.FAITHFUL]
    consistent = f", {counts[Verdict.CONSISTENT]} consistent" if counts[Verdict.CONSISTENT] else ""
    declared = counts[Verdict.DECLARED] + counts[Verdict.DECLARED_UNEXPLAINED]
    rest = {name: n for name, n in counts.items() if not Verdict(name).same and not Verdict(name).declared}
    said = "".join(f", {n} {name}" for name, n in sorted(rest.items()))
    code = (run.footer or {}).get("exit_code")
    return [
        "",
        f"{len(run.cells)} cells: {same} same{consistent}, {declared} declared{said} · exit {code} · record {path} · trueto report {path}",
    ]
