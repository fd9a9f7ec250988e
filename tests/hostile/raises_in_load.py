"""The library is there and cannot be used: importing it raises something else than ImportError."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import faithful, one


def load():
    """Fail as a library does whose compiled part is of another version."""
    raise RuntimeError("the compiled part was built for another version")


ADAPTER = one("raises_in_load", faithful, load)
