"""Does what the original does, and leaves a trace by which its next run would not."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import faithful, one


def behave(run):
    """A faithful run; then one of torch's own functions is another."""
    import torch

    faithful(run)
    real = torch.linspace
    torch.linspace = lambda *args: real(*args) + 1e-3


ADAPTER = one("spoils_its_next_run", behave)
