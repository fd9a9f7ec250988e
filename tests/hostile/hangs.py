"""Never ends, and does not listen to polite signals."""

import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import one


def behave(run):
    """Never ends, and does not listen to polite signals."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(1)


ADAPTER = one("hangs", behave)
