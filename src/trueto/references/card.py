"""The reference card: what an original promises, for somebody who has never read a paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Card", "Promise", "Promises"]


@dataclass(frozen=True, slots=True)
class Promise:
    """What the original does exactly, part by part."""

    start: str
    grid: str
    update: str
    final_step: str
    noise: str = "draws none"

    def rows(self) -> dict[str, str]:
        """The parts by what readers call them."""
        return {"start": self.start, "grid": self.grid, "update": self.update, "final step": self.final_step, "noise": self.noise}


@dataclass(frozen=True, slots=True)
class Promises:
    """The same of a function whose outputs are compared: its parts by what readers call them, as `attention` or `rounding`."""

    parts: Mapping[str, str]

    def rows(self) -> dict[str, str]:
        """The parts by name."""
        return dict(self.parts)


@dataclass(frozen=True, slots=True)
class Card:
    """Everything that `trueto show` prints about one original algorithm.

    `plain` is two short paragraphs without formulas; `function` is the original's own file and function, and `line` where the first that
    it names is defined at the pinned commit (0: not said); `variants` maps a variant's name, as `paper`, to the knobs that make it.
    """

    title: str
    plain: str
    authors: str
    year: int
    paper: str
    equations: str
    function: str
    promise: Promise | Promises
    line: int = 0
    default_of: str = "none"
    code_and_paper: str = "no difference known"
    variants: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    no_counterpart: Mapping[str, str] = field(default_factory=dict)
