"""The frame that the specs of consistency models share: levels, the function around a raw network, clipping, and the start.

Song et al. 2023 (arXiv 2303.01469), appendix C, on EDM's levels (Karras et al. 2022, arXiv 2206.00364). The network is told 250 ln(sigma).
"""

from collections.abc import Callable

import numpy as np

from trueto.observe import Observation
from trueto.references import edm
from trueto.references.spec import SpecInputs

# Known ways in which implementations differ from the original (whose value comes first).
KNOBS = {
    "start": ("sigma_max", "sqrt_1_sigma2"),  # standard deviation of the first x; sqrt_1_sigma2: diffusers' other EDM schedulers
    # Where `ts` ends at sigma_min. formula: a rounding error above it, so that the last step adds noise (1e-10).
    "last_level": ("formula", "sigma_min"),
    # In what the square of the last level less that of sigma_min is taken. float32: both squares rounded, one of a level rounded before.
    "size_of_last": ("native", "float32"),
    "draws": ("original", "sequential"),  # draws that move the sample: not the last one, or, by rounding, the last one too
}
PRECISION_KNOBS = ("size_of_last",)
WALK_OPTIONS = ("ts", "num_train_timesteps", "sigma_min", "sigma_max", "clip_denoised")  # of the frame, not of the update rule


def consistency(sample: Callable) -> Callable:
    """Mark a sampler whose network is a consistency function: it gives x back at sigma_min, where it also ends."""
    sample.consistency = True
    return sample


def own_levels(inputs: SpecInputs, low: float, high: float, *, to_low: bool) -> np.ndarray:
    """The levels before each step and at the end, shape (S + 1,)."""
    n, ts = inputs.case.steps, inputs.case.options.get("ts")
    if ts is not None:
        ramp = np.array(ts) / (inputs.case.options.get("num_train_timesteps", 40) - 1)
        levels = edm.karras_levels(ramp, low, high)
        levels[-1] = np.clip(levels[-1], low, high)
        if ts[-1] == inputs.case.options.get("num_train_timesteps", 40) - 1 and inputs.knob("last_level", "formula") == "sigma_min":
            levels[-1] = low
        return levels.astype(inputs.dtype)
    levels = edm.karras_levels(np.linspace(0, 1, n, dtype=inputs.dtype), low, high)
    return np.append(levels, np.asarray(low if to_low else 0, inputs.dtype))


class Denoiser:
    """f(x, sigma) from a raw network F: a denoiser (EDM, equation 7), or a consistency function (appendix C)."""

    def __init__(self, inputs: SpecInputs, low: float, *, boundary: bool, boundary_knob: str = "kept") -> None:
        self.inputs, self.low = inputs, low
        self.rounded = inputs.knob("size_of_last", "native") == "float32"
        self.boundary = boundary and boundary_knob == "kept"
        self.clip = inputs.case.options.get("clip_denoised", True)
        self.calls = 0

    def above_low(self, sigma: np.ndarray) -> np.ndarray:
        """The square of a level less that of sigma_min, not below 0."""
        given = self.inputs.case.options.get("sigma_min", edm.SIGMA_MIN)
        if self.rounded and sigma == self.low:
            return np.maximum(np.float32(sigma) ** 2 - np.float32(given**2), np.float32(0)).astype(sigma.dtype)
        return np.maximum(sigma**2 - self.low**2, 0)

    def __call__(self, x: np.ndarray, sigma: np.ndarray, step: int) -> np.ndarray:
        told = 250 * np.log(sigma) if self.inputs.told is None else self.inputs.told[self.calls]
        self.calls += 1
        c_skip, c_out, c_in = edm.scalings(sigma)
        out = self.inputs.probe.run(c_in * x, told, step)
        if self.boundary:  # c_skip = 1 and c_out = 0 at sigma_min
            data2 = edm.SIGMA_DATA**2
            c_skip = data2 / ((sigma - self.low) ** 2 + data2)
            c_out = (sigma - self.low) * edm.SIGMA_DATA * c_in
        clean = c_out * out + c_skip * x
        return np.clip(clean, -1, 1) if self.clip else clean


def run(sample, inputs: SpecInputs) -> Observation:
    """Run one spec and observe it; the picture is clipped to [-1, 1] at the end, whatever was clipped before."""
    given, own = inputs.case.options, {k: v for k, v in inputs.knobs.items() if k not in KNOBS}
    low, high = given.get("sigma_min", edm.SIGMA_MIN), given.get("sigma_max", edm.SIGMA_MAX)
    to_low = getattr(sample, "consistency", False)
    levels = own_levels(inputs, low, high, to_low=to_low) if inputs.levels is None else inputs.levels.astype(inputs.dtype)
    levels = np.append(inputs.nudged(levels)[:-1], levels[-1])  # as record.py: the end is given by definition
    unit = np.sqrt(levels[0] ** 2 + 1)
    if inputs.start is not None:
        x = inputs.start * unit
    elif inputs.knob("start", "sigma_max") == "sigma_max":
        x = inputs.start_noise * inputs.dtype.type(high)
    else:
        x = inputs.start_noise * unit
    options = {k: v for k, v in given.items() if k not in WALK_OPTIONS}
    denoise = Denoiser(inputs, inputs.dtype.type(low), boundary=to_low, boundary_knob=own.pop("boundary", "kept"))
    out = sample(denoise, x, levels, inputs.draw, **options, **own)
    return inputs.probe.observation(levels=levels, level_kind="sigma", start=x / unit, sample=np.clip(out, -1, 1))
