"""Asks torch for far too much memory, which torch reports in its own way."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import one


def behave(run):
    """Asks torch for far too much memory, which torch reports in its own way."""
    import torch

    torch.ones(1 << 34)


ADAPTER = one("eats_memory_in_torch", behave)
