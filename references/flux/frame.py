"""The frame of FLUX.1's spec: its noise levels, which depend on the size of the picture, and the times told.

The rest is common to flow matching.
"""

import numpy as np

from trueto.observe import Observation
from trueto.references.asked import STRENGTH, first_picture
from trueto.references.flow import left_out, observe, shifted
from trueto.references.rounded import round_to
from trueto.references.spec import SpecInputs

# Known ways in which implementations differ from the original (whose value comes first).
KNOBS = {
    # to_smallest: n levels from 1 to 0.001, as Stable Diffusion 3 does and as diffusers' scheduler does when it is given no levels.
    "spacing": ("drop_last", "to_smallest"),
    "shift": ("by_size", "largest", "three"),  # largest: the shift of a 1024 x 1024 picture for every size; three: Stable Diffusion 3's
    # thousandths_*: times are kept as thousandths in the dtype of the latents, as diffusers does; in bfloat16 750 becomes 752.
    "told": ("level", "thousandths_bfloat16", "thousandths_float16"),
    "start": ("unit", "sqrt_1_sigma2"),  # sqrt_1_sigma2: scaled as samplers of variance exploding models do
    **STRENGTH,
}
PRECISION_KNOBS = ()

SMALL, LARGE = 256, 4096  # tokens of 256 x 256 and 1024 x 1024 pixels, between which the shift is interpolated


def log_shift(tokens: int, base_shift: float = 0.5, max_shift: float = 1.15) -> float:
    """mu, the logarithm of the shift: linear in the number of tokens, `base_shift` at 256 and `max_shift` at 4096."""
    return base_shift + (max_shift - base_shift) * (tokens - SMALL) / (LARGE - SMALL)


def grid(inputs: SpecInputs) -> np.ndarray:
    """The levels 1 = s_0 > ... > s_n = 0, shape (n + 1,): equal steps, shifted by e^mu (Esser et al. 2024, equation 23)."""
    n, dtype = inputs.case.steps, inputs.dtype
    options = dict(inputs.case.options)
    tokens, by_size = options.pop("image_seq_len"), options.pop("shift", True)
    if inputs.knob("spacing", "drop_last") == "to_smallest":
        levels = np.append(np.linspace(1, 0.001, n, dtype=dtype), dtype.type(0))
    else:
        levels = np.linspace(1, 0, n + 1, dtype=dtype)
    if not by_size:
        return levels
    rule = inputs.knob("shift", "by_size")
    if rule == "three":
        return shifted(levels, 3.0)
    mu = log_shift(LARGE if rule == "largest" else tokens, **options)
    return shifted(levels, np.exp(mu).astype(dtype))


def run(sample, inputs: SpecInputs) -> Observation:
    """Run FLUX.1's spec and observe it."""
    levels = inputs.nudged(grid(inputs)[left_out(inputs) :]) if inputs.levels is None else inputs.levels
    low = inputs.knob("told", "level").partition("thousandths_")[2]

    def tell(level: np.ndarray) -> np.ndarray:
        return round_to(round_to(np.float32(level * 1000), low) / np.float32(1000), low) if low else level

    own = {k: v for k, v in inputs.knobs.items() if k not in KNOBS}
    return observe(sample, inputs, levels, tell, own, first_picture(inputs))
