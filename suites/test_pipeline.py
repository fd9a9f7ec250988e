"""Layer `pipeline`: from the prompt to the picture."""

from collections.abc import Callable

from trueto.model import Cell, Layer

LAYER = Layer.PIPELINE


def test_pipeline(cell: Cell, judged: Callable[[Cell], None]) -> None:
    """The candidate's pipeline gives what the original's script gives, or its difference is declared."""
    judged(cell)
