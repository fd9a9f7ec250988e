"""Raises before the second network call."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import faithful, one


def behave(run):
    """Raises before the second network call."""
    network = run.network

    def refusing(x, t, condition=None):
        if len(run.probe.told) == 1:
            raise ValueError("sigma must be positive")
        return network(x, t, condition)

    run.network = refusing
    faithful(run)


ADAPTER = one("raises_midrun", behave)
