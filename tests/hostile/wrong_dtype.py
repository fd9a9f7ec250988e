"""Returns float64 where float32 latents were given."""

import dataclasses
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import faithful, one


def behave(run):
    """Returns float64 where float32 latents were given."""
    faithful(run)
    seen = run.observation
    run.observation = dataclasses.replace(seen, sample=seen.sample.astype("float64"))


ADAPTER = one("wrong_dtype", behave)
