"""Returns one channel too few."""

import dataclasses
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import faithful, one


def behave(run):
    """Returns one channel too few."""
    faithful(run)
    seen = run.observation
    run.observation = dataclasses.replace(seen, sample=seen.sample[:, 1:])


ADAPTER = one("wrong_shape", behave)
