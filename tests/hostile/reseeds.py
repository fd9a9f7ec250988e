"""Answers well, then changes every global setting of torch and numpy."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from base import faithful, one


def behave(run):
    """Answers well, then changes every global setting of torch and numpy."""
    import numpy as np
    import torch

    faithful(run)
    torch.manual_seed(7)
    np.random.seed(7)  # noqa: NPY002
    torch.set_default_dtype(torch.float16)
    torch.set_grad_enabled(True)
    os.environ["TRUETO_ROOT"] = "/nowhere"
    os.chdir("/")


ADAPTER = one("reseeds", behave)
