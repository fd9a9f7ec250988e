"""What every benchmark hands back: figures with their targets, and how CPU time is taken on a busy machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["Figure", "best_seconds", "text_of"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number; `at_most` or `at_least` is its target, and neither means that it is only reported.

    `value` None is a figure that was not measured, for the reason in `note`.
    """

    name: str
    value: float | None
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """met, not met, not measured, or nothing where there is no target."""
        if self.value is None:
            return "not measured"
        if self.at_most is None and self.at_least is None:
            return ""
        met = (self.at_most is None or self.value <= self.at_most) and (self.at_least is None or self.value >= self.at_least)
        return "met" if met else "not met"

    @property
    def target(self) -> str:
        """The target in words."""
        if self.at_most is not None:
            return f"at most {self.at_most:g} {self.unit}"
        return "" if self.at_least is None else f"at least {self.at_least:g} {self.unit}"


def best_seconds(contenders: Mapping[str, Callable[[], object]], rounds: int, inner: int = 1) -> dict[str, float]:
    """CPU seconds of one call of each contender: the least of `rounds`, taken in turns so that all meet the same machine."""
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(rounds):
        for name, call in contenders.items():
            began = time.thread_time()
            for _ in range(inner):
                call()
            best[name] = min(best[name], (time.thread_time() - began) / inner)
    return best


def text_of(figures: list[Figure]) -> str:
    """The figures as a Markdown table."""
    lines = ["| figure | target | measured | verdict |", "|---|---|---|---|"]
    for figure in figures:
        seen = "" if figure.value is None else f"{figure.value:.3g} {figure.unit}"
        note = f" ({figure.note})" if figure.note else ""
        lines.append(f"| {figure.name} | {figure.target} | {seen}{note} | {figure.verdict} |")
    return "\n".join(lines) + "\n"
