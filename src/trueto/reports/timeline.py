"""One claim over the releases, as a small SVG: how far it was from the original, and below it each layer's verdict by shape and colour."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trueto.history import Release, far
from trueto.judge import factor
from trueto.model import LAYERS, Verdict
from trueto.reports.markup import Html, el, join, raw
from trueto.reports.view import badness
from trueto.reports.words import LAYER_WORDS, LEGEND, number, verdict_of

__all__ = ["Line", "lines_of", "said_of", "time_plot"]

Cell = dict[str, Any]
LEFT, COLUMN, TOP, PLOT, ROW, BOTTOM = 128, 34, 28, 130, 24, 46
SIGN = 16
LOWEST = -1  # a tenth of the original's own rounding; what is nearer is drawn there
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class Line:
    """One claim: of each release the worst cell of each layer; none where the release has no such class, or was not judged."""

    claim: str
    versions: tuple[str, ...]
    layers: tuple[str, ...]
    cells: tuple[Mapping[str, Cell], ...]
    missing: tuple[str, ...]
    changed: frozenset[str]

    def worst(self, place: int) -> Cell | None:
        """The worst cell of one release."""
        return max(self.cells[place].values(), key=badness, default=None)


def lines_of(releases: Sequence[Release], changed: Mapping[str, frozenset[str]]) -> list[Line]:
    """The time line of every claim over these releases; `changed` names the releases at which it did."""
    found: dict[str, list[dict[str, Cell]]] = {}
    for place, release in enumerate(releases):
        for cell in release.cells:
            worst = found.setdefault(str(cell["claim"]), [{} for _ in releases])[place]
            layer = str(cell["layer"])
            if layer not in worst or badness(cell) > badness(worst[layer]):
                worst[layer] = cell
    versions = tuple(release.version for release in releases)
    lines: list[Line] = []
    for claim, cells in sorted(found.items()):
        why = (r.unjudged or r.lacks.get(claim.partition("@")[0], "nothing recorded: it may have no such class") for r in releases)
        missing = tuple("" if here else reason for here, reason in zip(cells, why, strict=True))
        layers = tuple(str(layer) for layer in LAYERS if any(layer in here for here in cells))
        lines.append(Line(claim, versions, layers, tuple(cells), missing, changed.get(claim, frozenset())))
    return lines


def _x(place: int) -> float:
    return LEFT + COLUMN * (place + 0.5)


class _Scale:
    """The logarithmic axis of a plot."""

    def __init__(self, values: Sequence[float]) -> None:
        largest = max((math.log10(value) for value in values if value > 0), default=1.0)
        self.high = max(2, math.ceil(largest))

    def y(self, value: float) -> float:
        power = LOWEST if value <= 0 else max(LOWEST, math.log10(value))
        return TOP + PLOT * (1 - (power - LOWEST) / (self.high - LOWEST))

    def ticks(self) -> list[int]:
        step = max(1, -(-(self.high - LOWEST) // 5))
        return list(range(LOWEST + 1, self.high + 1, step))


def _axis(line: Line, scale: _Scale, right: float) -> Html:
    parts = []
    for power in scale.ticks():
        y = scale.y(10.0**power)
        name = "1" if power == 0 else "10" + str(power).translate(SUPERSCRIPT)
        parts += [el("path", class_="grid", d=f"M{LEFT} {y:.0f}H{right:.0f}"), el("text", name, x=LEFT - 8, y=f"{y + 4:.0f}")]
    below = TOP + PLOT + 14 + ROW * len(line.layers)
    for place, version in enumerate(line.versions):
        at = f"translate({_x(place) + 4:.0f} {below + 4}) rotate(-45)"
        parts.append(el("text", version, transform=at, class_="at" if version in line.changed else None))
    return el("g", *parts, text_anchor="end")


def _changes(line: Line) -> list[Html]:
    """A dashed line before each release at which Y changed, over plot and layers."""
    bottom = TOP + PLOT + 8 + ROW * len(line.layers)
    places = [place for place, version in enumerate(line.versions) if version in line.changed]
    return [el("path", class_="change", d=f"M{_x(place) - COLUMN / 2:.0f} {TOP - 8}V{bottom}") for place in places]


def _curve(line: Line, scale: _Scale, layer: str = "") -> Html:
    """The distance of one layer, or of the worst; broken where a release has nothing to show, squares beyond rounding, dots within."""
    path, inside, outside, pen = "", "", "", "M"
    for place, found in enumerate(line.cells):
        values = [value for name, cell in found.items() if layer in {"", name} and (value := far(cell)) is not None]
        if not values:
            pen = "M"
            continue
        x, y = _x(place), scale.y(max(values))
        path += f"{pen}{x:.0f} {y:.0f}"
        dot = f"M{x:.0f} {y:.0f}h0"
        inside, outside = (inside, outside + dot) if max(values) > factor() else (inside + dot, outside)
        pen = "L"
    shapes = (("drift", path), ("in", inside), ("out", outside))
    drawn = [el("path", class_=name, d=shape) for name, shape in shapes if shape]
    return el("g", *drawn, class_="curve", data_layer=layer or None, style="display:none" if layer else None)


def _rows(line: Line) -> list[Html]:
    """A sign for each layer and release."""
    parts = []
    for row, layer in enumerate(line.layers):
        y, signs, words = TOP + PLOT + 12 + ROW * row, list[Html](), LAYER_WORDS.get(layer, (layer, ""))[0]
        parts.append(el("text", words, x=0, y=y + 13))
        for place, found in enumerate(line.cells):
            cell = found.get(layer)
            sign = LEGEND[Verdict.NO_CLAIM if cell is None else verdict_of(cell)]
            said = line.missing[place] or "not part of it" if cell is None else said_of(cell)
            use = raw(f'<use href="#i-{sign.icon}" x="{_x(place) - SIGN / 2:.0f}" y="{y}" width="{SIGN}" height="{SIGN}"/>')
            signs.append(el("g", el("title", f"{line.versions[place]}, {words}: {said}"), use, class_=sign.tone))
        parts.append(el("g", *signs, class_="row", data_layer=layer))
    return parts


def said_of(cell: Mapping[str, Any]) -> str:
    """A cell in a few words, for hovering."""
    value, variant = far(cell), cell["evidence"].get("variant")
    said = [str(cell["verdict"]), f"{number(value)} times the rounding" if value is not None else "", f"as {variant}" if variant else ""]
    return ", ".join(part for part in said if part)


def time_plot(line: Line, label: str) -> Html:
    """The whole picture; as wide as there are releases."""
    values = [value for found in line.cells for cell in found.values() if (value := far(cell)) is not None]
    scale, right = _Scale(values), LEFT + COLUMN * len(line.versions)
    height = TOP + PLOT + 14 + ROW * len(line.layers) + BOTTOM
    band = el("path", class_="band", d=f"M{LEFT} {scale.y(factor()):.0f}H{right}V{TOP + PLOT}H{LEFT}z")
    title = el("text", "times its own rounding", x=0, y=12)
    curves = [_curve(line, scale), *(_curve(line, scale, layer) for layer in line.layers)]
    parts = [band, title, _axis(line, scale, right), *_changes(line), *curves, *_rows(line)]
    size = {"width": right + 8, "height": height, "viewBox": f"0 0 {right + 8} {height}"}
    return el("svg", join(parts), role="img", aria_label=label, class_="time", **size)
