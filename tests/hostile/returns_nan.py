"""Returns a picture full of NaN."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import faithful, one


def behave(run):
    """Returns a picture full of NaN."""
    faithful(run, shift=float("nan"))


ADAPTER = one("returns_nan", behave)
