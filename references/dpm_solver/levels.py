"""The levels of DPM-Solver as functions of continuous time, and the points that a sampler walks through."""

from dataclasses import dataclass

import numpy as np

from trueto.fixtures.schedules import float32_alphas_cumprod
from trueto.references.spec import SpecInputs

LAMBDA_CUT = -5.1  # training times below this half log-SNR are left out, for the sake of cosine schedules


@dataclass(frozen=True, slots=True)
class Point:
    """A noise level (`alpha`, `sigma`, `lam` = log(alpha / sigma), scalars) and the training time told to the network there."""

    alpha: np.ndarray
    sigma: np.ndarray
    lam: np.ndarray
    told: np.ndarray


def interpolate(x: np.ndarray, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    """Piecewise linear through (xs, ys), xs rising; beyond its ends the outermost pieces go on."""
    low = np.clip(np.searchsorted(xs, x, side="right") - 1, 0, len(xs) - 2)
    return ys[low] + (x - xs[low]) * (ys[low + 1] - ys[low]) / (xs[low + 1] - xs[low])


class Levels:
    """log alpha as a function of continuous time, piecewise linear between the training times, and its inverse."""

    def __init__(self, inputs: SpecInputs) -> None:
        if inputs.knob("table", "float64") == "float32":
            alpha_bar = float32_alphas_cumprod(inputs.schedule).astype(inputs.dtype)
        else:
            alpha_bar = inputs.schedule.alphas_cumprod.astype(inputs.dtype)
        log_alpha = np.log(alpha_bar) / 2
        kept = int(np.sum(log_alpha - np.log(1 - np.exp(2 * log_alpha)) / 2 >= LAMBDA_CUT))
        self.sigmas = np.sqrt((1 - alpha_bar) / alpha_bar)
        self.inputs, self.dtype, self.log_alpha, self.count = inputs, inputs.dtype, log_alpha[:kept], kept
        self.times = np.linspace(0, 1, kept + 1, dtype=self.dtype)[1:]
        self.ends = (1.0, 1.0 / kept)

    def lam(self, t: np.ndarray) -> np.ndarray:
        """Half log-SNR at times t."""
        log_alpha = interpolate(t, self.times, self.log_alpha)
        return log_alpha - np.log(1 - np.exp(2 * log_alpha)) / 2

    def time_of(self, lam: np.ndarray) -> np.ndarray:
        """The inverse of `lam`."""
        log_alpha = -np.logaddexp(np.zeros_like(lam), -2 * lam) / 2
        return interpolate(-log_alpha, -self.log_alpha, self.times)

    def chosen_time(self, lam: np.ndarray) -> np.ndarray:
        """`time_of` one level that a sampler chooses by itself; in a nudged repetition it is moved."""
        return self.inputs.nudged(self.time_of(lam).reshape(1))[0]

    def point(self, t: np.ndarray) -> Point:
        """The level at time t. The time told counts training times from 0 to N (1 - 1 / kept), whatever was cut off."""
        log_alpha = interpolate(t, self.times, self.log_alpha)
        total = self.count if self.inputs.knob("clipped", "stretched") == "true" else len(self.inputs.schedule)
        told = (t - self.dtype.type(1 / self.count)) * total
        squared = np.exp(2 * log_alpha)
        return Point(np.exp(log_alpha), np.sqrt(1 - squared), log_alpha - np.log(1 - squared) / 2, told)


def given_points(inputs: SpecInputs, levels: np.ndarray) -> list[Point]:
    """The points of a candidate's own levels sigma / alpha; the times come from the candidate as well."""
    alpha = 1 / np.sqrt(levels**2 + 1)
    return [Point(a, s * a, -np.log(s), np.zeros_like(s)) for a, s in zip(alpha, levels, strict=True)]
