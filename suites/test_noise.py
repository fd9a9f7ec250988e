"""Layer `noise`: the same draws from the same seed, in order and number."""

from collections.abc import Callable

from trueto.model import Cell, Layer

LAYER = Layer.NOISE


def test_noise(cell: Cell, judged: Callable[[Cell], None]) -> None:
    """The candidate's noise is the original's, or is declared."""
    judged(cell)
