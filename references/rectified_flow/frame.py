"""The frame of rectified flow's spec: its noise levels and the times told. The rest is common to flow matching.

Time t runs from noise (0) to data (1) here; a noise level is 1 - t.
"""

from dataclasses import replace

import numpy as np

from trueto.observe import Observation
from trueto.references.flow import observe
from trueto.references.spec import SpecInputs

# Known ways in which implementations differ from the original (whose value comes first).
KNOBS = {
    # Where the times told begin. The original squeezes them into [0.001, 1), though it steps as if they began at 0; zero: the paper.
    "told": ("from_thousandth", "from_zero"),
    "levels": ("even", "thousandths"),  # thousandths: MONAI, rounded to whole ones
    "start": ("unit", "sqrt_1_sigma2"),  # sqrt_1_sigma2: scaled as samplers of variance exploding models do
}
PRECISION_KNOBS = ()

FIRST = 1e-3  # the first time told
THOUSAND = 1000
SCALE = 999.0  # the network is told 999 t


def run(sample, inputs: SpecInputs) -> Observation:
    """Run rectified flow's spec and observe it."""
    n = inputs.case.steps
    first = FIRST if inputs.knob("told", "from_thousandth") == "from_thousandth" else 0.0

    def tell(level: np.ndarray) -> np.ndarray:
        t = (1 - level.astype(np.float64)) * (1 - first) + first
        return SCALE * t.astype(inputs.dtype)

    own = {k: v for k, v in inputs.knobs.items() if k not in KNOBS}
    # The original makes its levels inside of its loop, so that a nudged repetition moves the start alone.
    levels = 1 - np.arange(n + 1) / n
    if inputs.knob("levels", "even") == "thousandths":
        levels = np.round(levels * THOUSAND) / THOUSAND
    return observe(sample, replace(inputs, nudge=None), levels, tell, own)
