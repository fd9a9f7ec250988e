"""Leaves children behind that sleep for an hour."""

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import faithful, one


def behave(run):
    """Leaves children behind that sleep for an hour."""
    for _ in range(2):
        if os.fork() == 0:
            time.sleep(3600)
    faithful(run)


ADAPTER = one("forks", behave)
