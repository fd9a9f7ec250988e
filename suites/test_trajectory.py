"""Layer `trajectory`: the whole closed loop, from start latents to sample."""

from collections.abc import Callable

from trueto.model import Cell, Layer

LAYER = Layer.TRAJECTORY


def test_trajectory(cell: Cell, judged: Callable[[Cell], None]) -> None:
    """The candidate's trajectory is the original's, or is declared."""
    judged(cell)
