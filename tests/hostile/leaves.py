"""Calls sys.exit() in the middle of a run."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import faithful, one


def behave(run):
    """Calls sys.exit() in the middle of a run."""
    run.network = lambda *_: sys.exit("bye")
    faithful(run)


ADAPTER = one("leaves", behave)
