"""Returns one infinite pixel."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import faithful, one


def behave(run):
    """Returns one infinite pixel."""
    faithful(run)
    run.observation.sample[0, 0, 0, 0] = float("inf")


ADAPTER = one("returns_infinity", behave)
