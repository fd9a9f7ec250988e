"""Layer `preprocess`: words to numbers, and pictures read, resized and written."""

from collections.abc import Callable

from trueto.model import Cell, Layer

LAYER = Layer.PREPROCESS


def test_preprocess(cell: Cell, judged: Callable[[Cell], None]) -> None:
    """The candidate prepares inputs as the original does, or its difference is declared."""
    judged(cell)
