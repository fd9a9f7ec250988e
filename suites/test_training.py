"""Layer `training`: the loss and its gradients."""

from collections.abc import Callable

from trueto.model import Cell, Layer

LAYER = Layer.TRAINING


def test_training(cell: Cell, judged: Callable[[Cell], None]) -> None:
    """The candidate's loss and gradients are the original's, or their difference is declared."""
    judged(cell)
