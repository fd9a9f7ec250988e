"""The picture and the table of the calibration: harmless ratios and the share of faults seen, over the factor, as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["plot", "show"]

WIDTH, HEIGHT, LEFT, TOP = 720, 400, 60, 30
SPAN, RISE = WIDTH - LEFT - 170, HEIGHT - TOP - 60
LOW, HIGH = 0.1, 100.0
COLOURS = {
    "harmless float32": "#1b7837",
    "harmless float64": "#7fbf7b",
    "faults float32": "#b2182b",
    "faults float64": "#ef8a62",
    "faults either": "#2166ac",
}


def _x(ratio: float) -> float:
    clipped = min(max(ratio, LOW), HIGH)
    return LEFT + SPAN * math.log(clipped / LOW) / math.log(HIGH / LOW)


def _y(share: float) -> float:
    return TOP + RISE * (1 - share)


def _line(points: Sequence[tuple[float, float]], colour: str) -> str:
    path = " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _axes(factor: float) -> list[str]:
    lines = [f'<rect x="{LEFT}" y="{TOP}" width="{SPAN}" height="{RISE}" fill="none" stroke="#888"/>']
    ticks = (0.1, 0.5, 1, 2.5, 5, 10, 50, 100)
    lines += [f'<text x="{_x(tick):.1f}" y="{TOP + RISE + 16}" text-anchor="middle">{tick:g}</text>' for tick in ticks]
    lines += [f'<text x="{LEFT - 6}" y="{_y(share) + 4:.1f}" text-anchor="end">{share:.0%}</text>' for share in (0, 0.25, 0.5, 0.75, 1)]
    lines.append(f'<line x1="{_x(factor):.1f}" x2="{_x(factor):.1f}" y1="{TOP}" y2="{TOP + RISE}" stroke="#000" stroke-dasharray="4 3"/>')
    lines.append(f'<text x="{_x(factor) + 4:.1f}" y="{TOP + 14}">factor {factor:g}</text>')
    lines.append(
        f'<text x="{LEFT + SPAN / 2}" y="{HEIGHT - 18}" text-anchor="middle">factor (drift over the original\'s own rounding)</text>'
    )
    return lines


def plot(found: Mapping[str, Any], factors: Sequence[float], path: Path) -> None:
    """Share of harmless runs, and of faults, whose ratio is beyond the factor."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for arm, values in found["curves"].items():
        count = len(values)
        curves[f"harmless {arm}"] = [(value, 1 - (index + 1) / count) for index, value in enumerate(values)]
    for arm, shares in found["killed"].items():
        curves[f"faults {arm}"] = [(factor, shares[str(factor)]) for factor in factors]
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="11">']
    lines.append(f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>')
    lines.append(
        f'<text x="{LEFT}" y="18" font-size="13">Runs and faults beyond the factor: harmless rewrites must be at 0, faults at 100 %</text>'
    )
    lines += _axes(found["recommended"])
    for row, (name, points) in enumerate(curves.items()):
        lines.append(_line(points, COLOURS[name]))
        y = TOP + 14 + 18 * row
        lines.append(
            f'<line x1="{LEFT + SPAN + 12}" x2="{LEFT + SPAN + 32}" y1="{y - 4}" y2="{y - 4}" stroke="{COLOURS[name]}" stroke-width="2"/>'
        )
        lines.append(f'<text x="{LEFT + SPAN + 38}" y="{y}">{name}</text>')
    path.write_text("\n".join([*lines, "</svg>"]) + "\n")


def show(found: Mapping[str, Any], factors: Sequence[float]) -> None:
    """Print the table of the calibration."""
    print(f"{found['harmless_runs']} harmless runs of {len(found['references'])} references; {found['fault_count']} faults")
    for kind in ("harmless", "faults"):
        print(f"\n{kind:<45} {'float32: median':>16} {'99 %':>8} {'max':>9} {'float64: median':>16} {'99 %':>8} {'max':>9}  worst")
        for name, row in found[kind].items():
            numbers = [row[arm].get(key, math.nan) for arm in ("float32", "float64") for key in ("median", "q99", "max")]
            cells = [f"{value:>{width}.3g}" for value, width in zip(numbers, (16, 8, 9, 16, 8, 9), strict=True)]
            print(f"{name[:45]:<45} {' '.join(cells)}  {row['worst']}")
    print(f"\n{'share of faults seen, by factor':<45} " + " ".join(f"{factor:>6g}" for factor in factors))
    for arm, row in found["killed"].items():
        print(f"{arm:<45} " + " ".join(f"{share:>6.1%}" for share in row.values()))
    print(f"\nlargest harmless ratio {found['largest_harmless']:.2f}; recommended factor {found['recommended']:g}")
