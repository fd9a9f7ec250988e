"""Memory that runs out while an original runs: how that is told, and what is said then."""

from __future__ import annotations

from trueto.errors import DataError
from trueto.observe import StepError
from trueto.running.faults import out_of_memory as told

__all__ = ["no_memory", "out_of_memory"]


def out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out."""
    return told(StepError(type(error).__name__, str(error), ""))


def no_memory(how: str) -> DataError:
    """What is said then; `how` it was seen."""
    said = f"memory ran out while the original ran ({how}); nothing of it was kept"
    return DataError(said, "the same where more memory is free; docs/weights.md says how much the released sizes take")
