"""Drift per step against the original's own rounding, as a small SVG on a log scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trueto.judge import factor
from trueto.reports.markup import EMPTY, Html, el, join, raw
from trueto.reports.view import Cells, ClaimView, row_name, severity, steps_of
from trueto.reports.words import verdict_of

__all__ = ["Series", "drift_plot", "plotted", "series_of", "standalone"]

WIDTH, HEIGHT = 640, 280
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 30, 42
MOST_ROWS = 64
MOST_PLOTS = 5
MOST_QUIET = 3
MOST_TICKS = 7
LETTER = 10  # width of one under an axis, on a phone
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
STANDALONE_STYLE = """
svg{--ink:#1f2933;--soft:#52606d;--line:#d9dee4;--band:#e3efe6;--floor:#3c7a52;--plot:#2f5aa8;--out:#b3261e;background:#fff}
@media (prefers-color-scheme:dark){svg{--ink:#e6e9ed;--soft:#a9b3bf;--line:#343b44;--band:#1f3327;--floor:#7cc598;
--plot:#8fb4f5;--out:#ff9a8f;background:#15191e}}
text{font:12px system-ui,sans-serif;fill:var(--soft)}.grid{stroke:var(--line);fill:none}.band{fill:var(--band)}
.floor{stroke:var(--floor);fill:none;stroke-dasharray:5 4;stroke-width:1.5}.drift{stroke:var(--plot);fill:none;stroke-width:1.5}
.in{stroke:var(--plot);stroke-width:6;stroke-linecap:round;fill:none}.out{stroke:var(--out);stroke-width:7;stroke-linecap:square;fill:none}
"""


@dataclass(frozen=True, slots=True)
class Series:
    """The rows of one cell that a plot needs, thinned to what a screen can show; `drift` None is a value that is not finite.

    `names` are what the rows are called, where they are outputs of a function and not sampling steps.
    """

    steps: tuple[int, ...]
    drift: tuple[float | None, ...]
    floor: tuple[float, ...]
    ratio: tuple[float | None, ...]
    names: tuple[str, ...] = ()

    def outside(self, row: int) -> bool:
        """Whether that row is further away than rounding explains."""
        ratio = self.ratio[row]
        return ratio is None or ratio > factor()


def _float(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def series_of(cell: dict[str, Any]) -> Series | None:
    """The rows of a cell, or None if it has no drift per step."""
    evidence = cell["evidence"]
    columns = [steps_of(cell), *(evidence.get(key) for key in ("drift_rms", "floor_rms", "ratios"))]
    if not all(isinstance(c, list) and c for c in columns):
        return None
    rows = [(int(s or 0), _float(d), _float(f) or 0.0, _float(r)) for s, d, f, r in zip(*columns, strict=False)]  # pyright: ignore[reportArgumentType]
    size = -(-len(rows) // MOST_ROWS)
    buckets = [rows[i : i + size] for i in range(0, len(rows), size)]
    kept = [max(bucket, key=lambda row: math.inf if row[3] is None else row[3]) for bucket in buckets]
    steps, drift, floor, ratio = zip(*kept, strict=True)
    return Series(steps, drift, floor, ratio, tuple(row_name(cell, step) for step in steps) if evidence.get("names") else ())


def plotted(claim: ClaimView) -> Cells:
    """The cells worth a plot: the worst of each layer, then the next worst ones, worst first."""
    able = [c for c in sorted(claim.cells, key=severity, reverse=True) if len(steps_of(c)) > 1 and series_of(c)]
    able = [c for c in able if c["drift"] != 0] or able[:1]  # a picture of no distance at all says nothing
    most = MOST_PLOTS if any(not verdict_of(c).same for c in able) else MOST_QUIET
    first = {str(c["layer"]): c for c in reversed(able)}
    chosen = list(first.values())[:most]
    chosen += [c for c in able if all(c is not other for other in chosen)][: most - len(chosen)]
    return sorted(chosen, key=severity, reverse=True)


def _power(exponent: int) -> str:
    return "1" if exponent == 0 else "10" + str(exponent).translate(SUPERSCRIPT)


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where a value lies on the picture."""

    rows: int
    low: int
    high: int

    def x(self, row: int) -> float:
        return LEFT + 8 + (WIDTH - LEFT - RIGHT - 16) * (row / max(1, self.rows - 1) if self.rows > 1 else 0.5)

    def y(self, value: float | None) -> float:
        span = HEIGHT - TOP - BOTTOM
        if value is None:
            return TOP
        if value <= 0:
            return TOP + span
        return TOP + span * (1 - min(1.0, max(0.0, (math.log10(value) - self.low) / (self.high - self.low))))


def _frame(series: Series) -> _Frame:
    values = [v for v in (*series.drift, *series.floor, *(f * factor() for f in series.floor)) if v is not None and v > 0] or [1.0]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)) + 0.05)
    return _Frame(len(series.steps), low, max(high, low + 2))


def _line(frame: _Frame, values: Sequence[float | None]) -> str:
    return "M" + "L".join(f"{frame.x(i):.0f} {frame.y(v):.0f}" for i, v in enumerate(values))


def _axes(frame: _Frame, series: Series) -> Html:
    bottom, parts = HEIGHT - BOTTOM, list[Html]()
    parts.append(el("text", "output, in the order of the original" if series.names else "sampling step", x=WIDTH - RIGHT, y=HEIGHT - 3))
    every = -(-(frame.high - frame.low) // MOST_TICKS)
    lines = ""
    for exponent in range(frame.low, frame.high + 1, every):
        y = frame.y(10.0**exponent)
        lines += f"M{LEFT} {y:.0f}H{WIDTH - RIGHT}"
        parts.append(el("text", _power(exponent), x=LEFT - 8, y=f"{y + 4:.0f}"))
    ends, middles = el("g", *parts, text_anchor="end"), list[Html]()
    jump = -(-len(series.steps) // 10)
    named = bool(series.names) and max(map(len, series.names)) * LETTER < frame.x(1) - frame.x(0)
    for row in range(0, len(series.steps), 1 if named else jump):
        last = named and row == len(series.steps) - 1  # which would stand out of the picture
        place = {"x": WIDTH - RIGHT, "text_anchor": "end"} if last else {"x": f"{frame.x(row):.0f}"}
        middles.append(el("text", series.names[row] if named else series.steps[row], y=bottom + 17, **place))
    title = el("text", "distance", x=4, y=14)
    return join([el("path", class_="grid", d=lines), ends, el("g", *middles, text_anchor="middle"), title])


def _dots(frame: _Frame, series: Series) -> Html:
    inside, outside = "", ""
    for row, value in enumerate(series.drift):
        dot = f"M{frame.x(row):.0f} {frame.y(value):.0f}h0"
        if series.outside(row):
            outside += dot
        else:
            inside += dot
    return join([el("path", class_="in", d=inside) if inside else EMPTY, el("path", class_="out", d=outside) if outside else EMPTY])


def drift_plot(series: Series, label: str, *, style: str = "", **attributes: Any) -> Html:
    """A band for what rounding explains, a dashed line for the rounding itself, dots (squares outside the band) for the library."""
    frame = _frame(series)
    bottom = HEIGHT - BOTTOM
    allowed = [f * factor() for f in series.floor]
    if len(allowed) == 1:
        band = f"M{LEFT} {frame.y(allowed[0]):.1f}H{WIDTH - RIGHT}V{bottom}H{LEFT}z"
    else:
        band = _line(frame, allowed) + f"V{bottom}H{frame.x(0):.0f}z"
    return el(
        "svg",
        el("style", raw(style)) if style else None,
        el("path", class_="band", d=band),
        _axes(frame, series),
        el("path", class_="floor", d=_line(frame, series.floor)),
        el("path", class_="drift", d=_line(frame, series.drift)),
        _dots(frame, series),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=label,
        **attributes,
    )


def standalone(series: Series, label: str) -> str:
    """The same picture as a file of its own."""
    size = {"xmlns": "http://www.w3.org/2000/svg", "width": WIDTH, "height": HEIGHT}
    return drift_plot(series, label, style=STANDALONE_STYLE, **size) + "\n"
