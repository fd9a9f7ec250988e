"""Layer `schedule`: the noise levels walked and the times told to the network."""

from collections.abc import Callable

from trueto.model import Cell, Layer

LAYER = Layer.SCHEDULE


def test_schedule(cell: Cell, judged: Callable[[Cell], None]) -> None:
    """The candidate's schedule is the original's, or is declared."""
    judged(cell)
