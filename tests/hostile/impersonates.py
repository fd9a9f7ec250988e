"""Answers another request, on every file descriptor that it finds open."""

import contextlib
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import faithful, one


def behave(run):
    """Answers another request, on every file descriptor that it finds open."""
    answer = {"protocol": 1, "id": 999999, "below": "", "dtype": "float32", "settings": {}}
    for descriptor in range(1, 32):
        with contextlib.suppress(OSError):
            os.write(descriptor, json.dumps(answer).encode() + b"\n")
    faithful(run)


ADAPTER = one("impersonates", behave)
