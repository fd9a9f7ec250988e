"""Prints tens of megabytes wherever it can."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import faithful, one


def behave(run):
    """Prints tens of megabytes wherever it can."""
    for stream in (sys.stdout, sys.stderr):
        for _ in range(20):
            stream.write("x" * (1 << 20))
    for _ in range(20):
        os.write(1, b"y" * (1 << 20))
    faithful(run)


ADAPTER = one("floods", behave)
