"""Looks up what the original returned, and would return just that."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import faithful, one


def behave(run):
    """Looks up what the original returned, and would return just that."""
    from trueto.settings import data_root

    (data_root() / "references" / "k_diffusion" / "goldens" / "euler.safetensors").read_bytes()
    faithful(run)


ADAPTER = one("reads_goldens", behave)
