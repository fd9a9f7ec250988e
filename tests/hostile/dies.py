"""Dies by a signal, as native code does."""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import one


def behave(run):
    """Dies by a signal, as native code does."""
    os.kill(os.getpid(), signal.SIGSEGV)


ADAPTER = one("dies", behave)
