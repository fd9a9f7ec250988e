"""Writes garbage to every file descriptor that it finds open."""

import contextlib
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import faithful, one


def behave(run):
    """Writes garbage to every file descriptor that it finds open."""
    for descriptor in range(1, 32):
        with contextlib.suppress(OSError):
            os.write(descriptor, b"\x00\xff not JSON at all\n")
    faithful(run)


ADAPTER = one("babbles", behave)
