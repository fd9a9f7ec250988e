"""Layer `invariance`: a feature on against the same candidate with it off."""

from collections.abc import Callable

from trueto.model import Cell, Layer

LAYER = Layer.INVARIANCE


def test_invariance(cell: Cell, judged: Callable[[Cell], None]) -> None:
    """The feature was at work and changed nothing, or its difference is declared."""
    judged(cell)
