"""Layer `start`: the scale of the first latents."""

from collections.abc import Callable

from trueto.model import Cell, Layer

LAYER = Layer.START


def test_start(cell: Cell, judged: Callable[[Cell], None]) -> None:
    """The candidate's start is the original's, or is declared."""
    judged(cell)
