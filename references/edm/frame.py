"""The frame that EDM's specs share: noise levels, the path from noise to data, and the denoiser around a network.

Karras et al. 2022 (arXiv 2206.00364): x = s(t) x0 + s(t) sigma(t) noise. The state is kept in float64 and the network is asked in
float32, which is not so in any other codebase here.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from trueto.observe import Observation
from trueto.references import edm
from trueto.references.bounded import BOUNDS, RETURNED, bounded, returned
from trueto.references.spec import SpecInputs
from trueto.references.vp import counted_places

# Known ways in which implementations differ from the original (whose value comes first).
KNOBS = {
    "start": ("sigma_max", "sqrt_1_sigma2"),  # standard deviation of the first x
    # What discretization 've' steps through, whose times are squares of levels. squared: the squares, as if they were levels, from a
    # start of sigma_max all the same.
    "ve_levels": ("root", "squared"),
    "draws": ("original", "sequential"),  # noise from the seed: float64 tensors, or float32 ones
    # Precision in which the levels are worked out; native: denoising-diffusion-pytorch, PhysicsNeMo.
    "grid_dtype": ("float64", "native"),
    "ramp": ("even", "thousandths"),  # where on the way the steps lie; thousandths: flaxdiff, cut down to whole ones of them
    "highest": ("original", "800"),  # the first level where none is asked for; 800: PhysicsNeMo's stochastic_sampler
}
# How often the network is asked in the last step, which is not corrected; two: PhysicsNeMo's solvers, which do not use the second answer.
LAST_CALL = {"last_call": ("one", "two")}
VP = {"vp_beta_d": ("19.9", "19.1")}  # of VP's range of levels where none is asked for; 19.1: PhysicsNeMo's deterministic_sampler
BOUNDED = {"clip": BOUNDS, **RETURNED}  # of the denoised picture; x0: denoising-diffusion-pytorch unless clamp=False
LATENTS = {"latents": ("float64", "as_network")}  # precision of the state between two calls of the network
PRECISION_KNOBS = ("latents", "grid_dtype", "end")

PATH_OPTIONS = ("sigma_min", "sigma_max", "rho", "schedule", "scaling")  # of the walk, not of the update rule
BETA_D, BETA_MIN, FIRST_TIME = 19.9, 0.1, 1e-3  # table 1, VP: sigma(t), and the epsilon_s where its times end
STEEPEST, OFFSET, TIMES = 0.001, 0.008, 1000  # table 1, iDDPM: C_1, C_2 and M


def vp_sigma(t, beta_d: float, beta_min: float):
    """sigma(t) of the VP rows of table 1."""
    return np.sqrt(np.e ** (0.5 * beta_d * t**2 + beta_min * t) - 1)


def vp_range(beta_d: float) -> tuple[float, float]:
    """The ends of VP's levels."""
    return float(vp_sigma(FIRST_TIME, beta_d, BETA_MIN)), float(vp_sigma(1.0, beta_d, BETA_MIN))


RANGES = {"edm": (edm.SIGMA_MIN, edm.SIGMA_MAX), "ve": (0.02, 100.0), "iddpm": (0.002, 81.0), "vp": vp_range(BETA_D)}


@dataclass(frozen=True, slots=True)
class Path:
    """sigma(t) and s(t) with their derivatives and sigma's inverse (table 1, the rows 'Schedule' and 'Scaling')."""

    sigma: Callable
    sigma_slope: Callable
    inverse: Callable
    scale: Callable
    scale_slope: Callable


@dataclass(frozen=True, slots=True)
class Walk:
    """The steps t_0 > ... > t_n = 0 and the path that they are on; `sigmas` (n + 1,) are the levels there."""

    times: np.ndarray
    sigmas: np.ndarray
    path: Path

    def __len__(self) -> int:
        return len(self.times) - 1

    def slope(self, x: np.ndarray, denoised: np.ndarray, t: np.ndarray) -> np.ndarray:
        """dx/dt (equation 81, line 4 of algorithm 1)."""
        p, sigma, scale = self.path, self.path.sigma(t), self.path.scale(t)
        return (p.sigma_slope(t) / sigma + p.scale_slope(t) / scale) * x - p.sigma_slope(t) * scale / sigma * denoised


def betas_of(low: float, high: float) -> tuple[float, float]:
    """beta_d and beta_min for which VP's sigma(t) is `low` at the last time and `high` at 1 (table 1's note on VP)."""
    first, last = np.log(low**2 + 1), np.log(high**2 + 1)
    beta_d = 2 * (first / FIRST_TIME - last) / (FIRST_TIME - 1)
    return float(beta_d), float(last - 0.5 * beta_d)


def path_of(schedule: str, scaling: str, low: float, high: float) -> Path:
    """The path with that sigma(t) and s(t)."""
    beta_d, beta_min = betas_of(low, high)
    if schedule == "vp":
        sigma = lambda t: vp_sigma(t, beta_d, beta_min)  # noqa: E731 - formulas of one table
        slope = lambda t: 0.5 * (beta_min + beta_d * t) * (sigma(t) + 1 / sigma(t))  # noqa: E731
        inverse = lambda sigma: (np.sqrt(beta_min**2 + 2 * beta_d * np.log(sigma**2 + 1)) - beta_min) / beta_d  # noqa: E731
    elif schedule == "ve":
        sigma, slope, inverse = np.sqrt, (lambda t: 0.5 / np.sqrt(t)), np.square
    else:
        sigma = inverse = lambda t: t
        slope = np.ones_like
    if scaling != "vp":
        return Path(sigma, slope, inverse, np.ones_like, np.zeros_like)
    scale = lambda t: 1 / np.sqrt(1 + sigma(t) ** 2)  # noqa: E731
    return Path(sigma, slope, inverse, scale, lambda t: -sigma(t) * slope(t) * scale(t) ** 3)


def iddpm_levels(low: float, high: float, dtype: np.dtype) -> np.ndarray:
    """u_j of the iDDPM row of table 1, from noisy to clean, those within the range."""
    alpha_bar = np.sin(0.5 * np.pi * np.arange(TIMES + 1) / TIMES / (OFFSET + 1)) ** 2
    u = np.zeros(TIMES + 1, dtype)
    for j in range(TIMES, 0, -1):
        u[j - 1] = np.sqrt((u[j] ** 2 + 1) / dtype.type(max(alpha_bar[j - 1] / alpha_bar[j], STEEPEST)) - 1)
    return u[(u >= low) & (u <= high)]


def discretized(case, low: float, high: float, dtype: np.dtype, *, rounded: bool = False) -> np.ndarray:
    """The levels before each step (table 1, the row 'Time steps'), shape (n,); a lone step is not defined, since it divides by n - 1."""
    ramp = np.arange(case.steps, dtype=dtype) / dtype.type(case.steps - 1)
    if rounded:
        ramp = 1 - counted_places(TIMES, case.steps, dtype).astype(dtype) * dtype.type(1 / TIMES)
    if case.grid == "vp":
        return vp_sigma(1 + ramp * (FIRST_TIME - 1), *betas_of(low, high))
    if case.grid == "ve":
        return np.sqrt(high**2 * (low**2 / high**2) ** ramp)
    if case.grid == "iddpm":
        u = iddpm_levels(low, high, dtype)
        return u[np.round((len(u) - 1) * ramp).astype(int)]
    return edm.karras_levels(ramp, low, high, case.options.get("rho", 7.0))


class Denoiser:
    """D(x, sigma) around a raw network F (equation 7) or a score network (equation 3), asked in the dtype of the run."""

    def __init__(self, inputs: SpecInputs, latents: np.dtype, clip: str) -> None:
        self.inputs, self.latents, self.clip = inputs, latents, clip
        self.calls = 0

    def __call__(self, x: np.ndarray, sigma: np.ndarray, step: int, *, read_as: tuple[np.ndarray, np.ndarray] | None = None) -> np.ndarray:
        """The clean sample that the network sees in x; `read_as` is the (x, sigma) that its answer is taken to be about."""
        raw = self.inputs.case.parameterization == "edm"
        x, sigma = x.astype(self.inputs.dtype), self.inputs.dtype.type(sigma)
        told = np.log(sigma) / 4 if raw else sigma
        if self.inputs.told is not None:
            told = self.inputs.told[self.calls]
        self.calls += 1
        out = self.inputs.probe.run(edm.scalings(sigma)[2] * x if raw else x, told, step)
        if read_as is not None:
            x, sigma = read_as[0].astype(self.inputs.dtype), self.inputs.dtype.type(read_as[1])
        denoised = edm.wrapped(x, out, sigma) if raw else x + sigma**2 * out
        return bounded(denoised, self.clip).astype(self.latents)


def run(sample, inputs: SpecInputs) -> Observation:
    """Run one spec and observe it."""
    case, own = inputs.case, {k: v for k, v in inputs.knobs.items() if k not in KNOBS}
    latents = np.dtype(np.float64) if own.pop("latents", "float64") == "float64" else inputs.dtype
    given = case.options
    low, high = vp_range(float(inputs.knob("vp_beta_d", "19.9"))) if case.grid == "vp" else RANGES[case.grid]
    high = high if inputs.knob("highest", "original") == "original" else 800.0
    low, high = given.get("sigma_min", low), given.get("sigma_max", high)
    squared = inputs.knob("ve_levels", "root") == "squared" and case.grid == "ve"
    if inputs.levels is None:
        native = inputs.knob("grid_dtype", "float64") == "native"
        rounded = inputs.knob("ramp", "even") == "thousandths"
        sigmas = discretized(case, low, high, inputs.dtype if native else np.dtype(np.float64), rounded=rounded)
        sigmas = np.append(sigmas**2 if squared else sigmas, 0.0)
    else:
        sigmas = inputs.levels
    sigmas = inputs.nudged(sigmas.astype(latents))
    path = path_of(given.get("schedule", "linear"), given.get("scaling", "none"), low, high)
    # t = 0 ends the walk by definition: with the betas of some ranges VP's inverse of level 0 is another root.
    walk = Walk(np.where(sigmas == 0, sigmas, path.inverse(sigmas)), sigmas, path)
    unit = np.sqrt(sigmas[0] ** 2 + 1)
    if inputs.start is not None:
        start, x = inputs.start, inputs.start.astype(latents) * unit
    else:
        noise = inputs.start_noise.astype(latents)
        size = np.sqrt(sigmas[0]) if squared else sigmas[0]
        size = unit if inputs.knob("start", "sigma_max") == "sqrt_1_sigma2" else size
        start, x = noise * (size / unit), noise * size
    options = {k: v for k, v in given.items() if k not in PATH_OPTIONS}
    handed = own.pop("returned", "whole")
    own.pop("vp_beta_d", None)
    denoise = Denoiser(inputs, latents, own.pop("clip", "none"))
    out = returned(sample(denoise, x * path.scale(walk.times[0]), walk, inputs.draw, **options, **own), handed)
    levels, start, sample = (kept.astype(inputs.dtype) for kept in (sigmas, start, out))
    return inputs.probe.observation(levels=levels, level_kind="sigma", start=start, sample=sample)
