"""Replaces the comparison where it lies on disk."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import faithful, one


def behave(run):
    """Replaces the comparison where it lies on disk."""
    import trueto.judge

    with Path(trueto.judge.__file__).open("a"):  # nothing is written, should it be possible
        faithful(run)


ADAPTER = one("patches_on_disk", behave)
