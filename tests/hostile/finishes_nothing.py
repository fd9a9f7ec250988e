"""Ends without a result."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import one


def behave(run):
    """Ends without a result."""
    run.start_noise()


ADAPTER = one("finishes_nothing", behave)
