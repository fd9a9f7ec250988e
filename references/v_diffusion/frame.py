"""The frame that all v-diffusion specs share: the times walked, their levels, and the noise that a v network sees.

Everything is variance preserving, and time is the angle of the level: x = cos(t pi / 2) x0 + sin(t pi / 2) noise, t in [0, 1]. A network
predicts the velocity v = cos(...) noise - sin(...) x0 (Salimans and Ho 2022, arXiv 2202.00512, appendix D).
"""

from dataclasses import dataclass

import numpy as np

from trueto.observe import Observation
from trueto.references.spec import SpecInputs

# Known ways in which implementations differ from the original (whose value comes first).
KNOBS = {
    # Which times are walked. crash: Harmonai's audio models and diffusers' IPNDMScheduler, sigma = sin(t pi / 2)^2 for even t from exactly
    # 1. even: evenly spaced t from exactly 1. Both begin where alpha is 0, from where multistep methods cannot go on as they stand.
    "grid": ("original", "crash", "even"),
    "draws": ("original", "sequential"),  # where noise comes from: as in the original, or one normal tensor for each step
    "alphas": ("from_time", "from_sigma"),  # from_sigma: diffusers keeps sigma only, alpha = sqrt(1 - sigma^2), time = atan2
}
PRECISION_KNOBS = ()

# Adams-Bashforth weights for equal steps, newest slope first, with their common divisor (Liu et al. 2022, equation 12 for order 4).
WEIGHTS = {1: ((1,), 1), 2: ((3, -1), 2), 3: ((23, -16, 5), 12), 4: ((55, -59, 37, -9), 24)}


@dataclass(frozen=True, slots=True)
class Level:
    """One noise level: the time told to the network and x = alpha x0 + sigma noise."""

    t: np.ndarray
    alpha: np.ndarray
    sigma: np.ndarray


def at(t: np.ndarray) -> Level:
    """The level at time t."""
    return Level(t, np.cos(t * np.pi / 2), np.sin(t * np.pi / 2))


def from_sigma(sigma: np.ndarray) -> Level:
    """The level whose sigma is known; alpha loses digits where sigma is nearly 1."""
    alpha = np.sqrt(1 - sigma**2)
    return Level(np.arctan2(sigma, alpha) / np.pi * 2, alpha, sigma)


def from_ratio(ratio: np.ndarray) -> Level:
    """The level whose sigma / alpha is known, 0 and infinity included."""
    return Level(np.arctan(ratio) / np.pi * 2, 1 / np.sqrt(1 + ratio**2), 1 / np.sqrt(1 + 1 / ratio**2))


def middle(a: Level, b: Level) -> Level:
    """The level at the time halfway between two others."""
    return at((a.t + b.t) / 2)


def ddpm_times(u: np.ndarray) -> np.ndarray:
    """Times of DDPM's linear schedule at u in [0, 1], in its continuous form log SNR = -log(exp(1e-4 + 10 u^2) - 1)."""
    return log_snr_times(-np.log(np.expm1(1e-4 + 10 * u**2)))


def log_snr_times(log_snr: np.ndarray) -> np.ndarray:
    """Times of given log SNRs: tan(t pi / 2)^2 = exp(-log SNR)."""
    alpha, sigma = (np.sqrt(1 / (1 + np.exp(-sign * log_snr))) for sign in (1, -1))
    return np.arctan2(sigma, alpha) / np.pi * 2


def visited(n: int, grid: str, dtype: np.dtype) -> np.ndarray:
    """The n times of a grid, from noisy to clean, without the 0 at its end."""
    u = np.linspace(1, 0, n + 1, dtype=dtype)[:-1]
    if grid == "ddpm":
        return ddpm_times(u)
    if grid == "log":  # evenly spaced log SNR from -10 to 10
        return log_snr_times(u * -20 + 10)
    if grid == "even":
        return u
    # spliced: even times (a cosine schedule) up to 0.80074257 and DDPM's schedule from there on, which passes it at u = 0.48536712
    ddpm, cosine = 0.48536712, 0.80074257
    even = u * (1 + cosine - ddpm)
    return np.where(even < cosine, even, ddpm_times(even + (ddpm - cosine))).astype(dtype)


def own_walk(inputs: SpecInputs) -> list[Level]:
    """The levels that the original walks, as the knobs change them."""
    n, grid = inputs.case.steps, inputs.knob("grid", "original")
    zero = np.zeros(1, inputs.dtype)
    if grid == "crash":
        u = np.append(np.linspace(1, 0, n + 1, dtype=inputs.dtype)[:-1], zero)
        return [from_sigma(s) for s in np.sin(u * np.pi / 2) ** 2]
    times = visited(n, inputs.case.grid if grid == "original" else grid, inputs.dtype)
    backwards = inputs.case.options.get("is_reverse")
    times = inputs.nudged(times[::-1] if backwards else times)
    times = times if backwards else np.append(times, zero)
    if inputs.knob("alphas", "from_time") == "from_sigma":
        return [from_sigma(s) for s in np.sin(times * np.pi / 2)]
    return [at(t) for t in times]


class Predictor:
    """eps(x, level, step): the noise that the network sees in x."""

    def __init__(self, inputs: SpecInputs) -> None:
        self.inputs = inputs
        self.calls = 0

    def told(self, level: Level) -> np.ndarray:
        told = level.t if self.inputs.told is None else self.inputs.told[self.calls]
        self.calls += 1
        return np.asarray(told, self.inputs.dtype)

    def velocity(self, x: np.ndarray, level: Level, step: int) -> np.ndarray:
        return self.inputs.probe.run(x, self.told(level), step)

    def __call__(self, x: np.ndarray, level: Level, step: int) -> np.ndarray:
        return x * level.sigma + self.velocity(x, level, step) * level.alpha


def transfer(x, eps, a, b, least_alpha=None):
    """phi(x, eps): carry the state from level a to level b, given its noise eps: a DDIM step (Liu et al. 2022, equation 9)."""
    alpha = a.alpha if least_alpha is None else np.maximum(a.alpha, a.alpha.dtype.type(least_alpha))
    picture = (x - eps * a.sigma) / alpha
    return picture * b.alpha + eps * b.sigma


def improved_euler(predict, x, a, b, i):
    """Mean slope of step i from its two ends (Liu et al. 2022, appendix), and the slope at its beginning."""
    first = predict(x, a, i)
    return (first + predict(transfer(x, first, a, b), b, i)) / 2, first


def runge_kutta(predict, x, a, b, i, weights="classical"):
    """Mean slope of step i from four evaluations (Liu et al. 2022, equation 13), and the slope at its beginning."""
    half = middle(a, b)
    first = predict(x, a, i)
    second = predict(transfer(x, first, a, half), half, i)
    third = predict(transfer(x, second, a, half), half, i)
    fourth = predict(transfer(x, third, a, b), b, i)
    if weights == "equal":
        return (first + second + third + fourth) / 4, first
    return (first + 2 * second + 2 * third + fourth) / 6, first


def run(sample, inputs: SpecInputs) -> Observation:
    """Run one v-diffusion spec and observe it."""
    if inputs.levels is None:
        walk = own_walk(inputs)
    else:
        walk = [from_ratio(level) for level in inputs.nudged(inputs.levels.astype(inputs.dtype))]
    x = inputs.start_noise if inputs.start is None else inputs.start
    own = {k: v for k, v in inputs.knobs.items() if k not in KNOBS}
    options = {k: v for k, v in inputs.case.options.items() if k != "is_reverse"}
    out = sample(Predictor(inputs), x, walk, inputs.draw, **options, **own)
    return inputs.probe.observation(levels=ratios(inputs, walk), level_kind="sigma", start=x, sample=out)


def ratios(inputs: SpecInputs, walk: list[Level]) -> np.ndarray:
    """The ratio sigma / alpha of every level; as the original's times say it unless alpha comes from sigma."""
    if inputs.levels is not None:
        return inputs.levels.astype(inputs.dtype)
    if inputs.knob("grid", "original") == "crash" or inputs.knob("alphas", "from_time") == "from_sigma":
        return np.array([level.sigma / level.alpha for level in walk], inputs.dtype)
    return np.tan(np.array([level.t for level in walk], np.float64) * np.pi / 2).astype(inputs.dtype)
