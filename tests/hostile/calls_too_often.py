"""Calls the network once more than the original."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import faithful, one


def behave(run):
    """Calls the network once more than the original."""
    network = run.network

    def twice(x, t, condition=None):
        network(x * 0.5, t, condition)
        return network(x, t, condition)

    run.network = twice
    faithful(run)


ADAPTER = one("calls_too_often", behave)
