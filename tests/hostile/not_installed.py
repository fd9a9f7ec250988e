"""The library is not installed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import faithful, one


def load():
    """Import what is not there."""
    __import__("no_such_library")


ADAPTER = one("not_installed", faithful, load)
