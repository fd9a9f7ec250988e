"""Answers well, then replaces what everybody else stands on."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import faithful, one


def behave(run):
    """Answers well, then replaces what everybody else stands on."""
    import numpy as np
    import torch

    faithful(run)
    import trueto.judge
    import trueto.torch_run

    torch.randn = torch.from_numpy = torch.cat = np.sqrt = np.asarray = lambda *_, **__: None
    trueto.judge.compare = trueto.judge.factor = trueto.torch_run.Run.network = lambda *_: True


ADAPTER = one("patches", behave)
