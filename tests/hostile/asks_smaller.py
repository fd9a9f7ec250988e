"""Asks the network about a smaller picture."""

import dataclasses
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import faithful, one


def behave(run):
    """Asks the network about a smaller picture."""
    faithful(run)
    seen = run.observation
    run.observation = dataclasses.replace(seen, states=seen.states[..., 1:])


ADAPTER = one("asks_smaller", behave)
