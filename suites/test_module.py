"""Layer `module`: a network with the original's weights, block by block."""

from collections.abc import Callable

from trueto.model import Cell, Layer

LAYER = Layer.MODULE


def test_module(cell: Cell, judged: Callable[[Cell], None]) -> None:
    """The candidate's network is the original's, block by block, or its difference is declared."""
    judged(cell)
