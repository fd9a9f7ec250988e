"""Writes into what it is judged by."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import faithful, one


def behave(run):
    """Writes into what it is judged by."""
    from trueto.settings import data_root

    (data_root() / "references" / "k_diffusion" / "spoiled.py").write_text("CARD = None\n")
    faithful(run)


ADAPTER = one("writes_outside", behave)
