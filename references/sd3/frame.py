"""The frame of Stable Diffusion 3's spec: its noise levels and the times told. The rest is common to flow matching."""

import numpy as np

from trueto.observe import Observation
from trueto.references.asked import STRENGTH, beta_quantiles, first_picture
from trueto.references.flow import left_out, observe, shifted
from trueto.references.spec import SpecInputs

# Known ways in which implementations differ from the original (whose value comes first).
KNOBS = {
    # How often the clean end is shifted. The original's smallest level is shifted once in its table and again with all the others; once:
    # the paper, and a repair that was proposed to diffusers.
    "clean_end": ("shifted_twice", "shifted_once"),
    # drop_last: n + 1 levels from 1 to 0, the last one dropped, as Flux does.
    "spacing": ("to_smallest", "drop_last"),
    # none: a shift of 1.0 in the place of the released 3.0 (sd-scripts' first release for this model).
    # e_mu, mu: by the size of the picture, here of 1024 x 1024 pixels, for which mu is 1.15 (diffusers' use_dynamic_shifting).
    "shift": ("as_given", "none", "e_mu", "mu"),
    # What is made of the levels when they are shifted: between the first and the last of them evenly in the seventh root (Karras et al.
    # 2022, equation 5), in the logarithm, or at the quantiles of a Beta distribution (Lee et al. 2024, arXiv 2407.12173, but in the level
    # and not in the training time). Options of diffusers.
    "ramp": ("none", "karras", "exponential", "beta"),
    # stretched: after the shift all levels but 1 are brought nearer to 1 or to 0 alike, so that the last one before 0 is 0.1 (LTX-Video,
    # whose models were released so; diffusers' shift_terminal).
    "terminal": ("as_shifted", "stretched"),
    **STRENGTH,
    "told": ("thousandths", "rounded"),  # rounded: to the nearest whole training time
    "start": ("unit", "sqrt_1_sigma2"),  # sqrt_1_sigma2: scaled as samplers of variance exploding models do
}
PRECISION_KNOBS = ()

MU = 1.15
TERMINAL = 0.1
SHIFTS = {"none": 1.0, "e_mu": float(np.exp(MU)), "mu": MU}
TIMES = 1000  # training times; the smallest level is that of time 1


def grid(inputs: SpecInputs) -> np.ndarray:
    """The levels 1 = s_0 > ... > s_{n-1} > 0, shape (n + 1,): times in equal steps, shifted (Esser et al. 2024, equation 23)."""
    n, dtype = inputs.case.steps, inputs.dtype
    rule = inputs.knob("shift", "as_given")
    shift = SHIFTS[rule] if rule in SHIFTS else inputs.case.options.get("shift", 3.0)
    if inputs.knob("spacing", "to_smallest") == "drop_last":
        unshifted = np.linspace(1, 0, n + 1, dtype=dtype)[:-1]
    else:
        end = 1 / TIMES
        if inputs.knob("clean_end", "shifted_twice") == "shifted_twice":
            end = shifted(end, shift)
        unshifted = np.linspace(1, end, n, dtype=dtype)
    levels = shifted(unshifted, shift)
    if inputs.knob("terminal", "as_shifted") == "stretched":
        levels = 1 - (1 - levels) * dtype.type(1 - TERMINAL) / (1 - levels[-1])
    levels = ramped(levels, inputs.knob("ramp", "none"))
    return np.append(levels, dtype.type(0))[left_out(inputs) :]


def ramped(levels: np.ndarray, ramp: str) -> np.ndarray:
    """As many levels between the first and the last, spaced as the ramp says; in float64, then rounded."""
    if ramp == "none":
        return levels
    first, last, share = float(levels[0]), float(levels[-1]), np.linspace(0, 1, len(levels))
    if ramp == "karras":
        between = (first ** (1 / 7) + share * (last ** (1 / 7) - first ** (1 / 7))) ** 7
    elif ramp == "beta":
        between = last + beta_quantiles(len(levels)) * (first - last)
    else:
        between = np.exp(np.log(first) + share * (np.log(last) - np.log(first)))
    return between.astype(levels.dtype)


def run(sample, inputs: SpecInputs) -> Observation:
    """Run the spec of Stable Diffusion 3's sampler and observe it."""
    levels = inputs.nudged(grid(inputs)) if inputs.levels is None else inputs.levels
    whole = inputs.knob("told", "thousandths") == "rounded"

    def tell(level: np.ndarray) -> np.ndarray:
        return np.round(level * TIMES) if whole else level * TIMES

    own = {k: v for k, v in inputs.knobs.items() if k not in KNOBS}
    return observe(sample, inputs, levels, tell, own, first_picture(inputs))
