"""Asks for more and more memory."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import one


def behave(run):
    """Asks for more and more memory."""
    kept = []
    while True:
        kept.append(bytearray(1 << 24))


ADAPTER = one("eats_memory", behave)
