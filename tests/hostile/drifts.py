"""Is off by a thousandth."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import faithful, one


def behave(run):
    """Is off by a thousandth."""
    faithful(run, shift=1e-3)


ADAPTER = one("drifts", behave)
