"""What judging needs and no run is needed for, computed while there is nothing to do but wait for a run: a library takes seconds to import.

Nothing depends on it: specs remember what they gave (`observe_spec`), and whoever judges a cell asks again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TypeVar

from trueto.ledger import Ledger
from trueto.model import Cell, Layer
from trueto.references import reference
from trueto.running.arms import Bench
from trueto.running.domain import AGREEMENT, knobs_of, law_of
from trueto.running.judging import union
from trueto.running.profiles import profile

__all__ = ["Ahead"]

T = TypeVar("T")

LEAD = 100  # cells beyond the one in judgement: what is remembered of specs is more than that
LAYERS = (Layer.SCHEDULE, Layer.START, Layer.TRAJECTORY)  # in `update` the spec runs on the candidate's own levels


class Ahead:
    """Goes through planned cells ahead of the judge, for as long as that waits."""

    def __init__(self, cells: Sequence[Cell], ledger: Ledger) -> None:
        self._cells, self._ledger = cells, ledger
        self._next = self.judged = 0

    def result(self, future: Future[T]) -> T:
        """What a future gives; until it does, the expected values of the next cells are computed."""
        while not future.done() and self._step():
            pass
        return future.result()

    def _step(self) -> bool:
        """Compute for one more cell; False where there is none."""
        self._next = max(self._next, self.judged)
        if self._next >= min(len(self._cells), self.judged + LEAD):
            return False
        cell = self._cells[self._next]
        self._next += 1
        with contextlib.suppress(Exception):  # whoever judges the cell meets it again, and says so
            self._expect(cell)
        return True

    def _expect(self, cell: Cell) -> None:
        """The declared variant of the original, where there is one, in both arms."""
        chosen, knobs = profile(cell.profile), union(self._ledger.covering(cell))
        if not knobs or cell.layer not in LAYERS or law_of(cell.case) != AGREEMENT or chosen.dtype != "float32":
            return
        bench = Bench(reference(cell.claim.reference), cell.case, cell.layer, chosen, knobs_of(cell.claim, cell.case))
        for dtype in ("float32", "float64") if cell.profile == "default" else ("float32",):
            bench.closed_truth(knobs, dtype)
