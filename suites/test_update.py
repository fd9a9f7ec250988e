"""Layer `update`: the update rule alone, with open-loop networks that ignore x."""

from collections.abc import Callable

from trueto.model import Cell, Layer

LAYER = Layer.UPDATE


def test_update(cell: Cell, judged: Callable[[Cell], None]) -> None:
    """The candidate's update is the original's, or is declared."""
    judged(cell)
