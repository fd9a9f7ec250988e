"""The levels of DEIS as functions of time: a training table made continuous, or the formula of the VP SDE; rho and its inverse."""

from dataclasses import dataclass

import numpy as np

from trueto.errors import DataError
from trueto.fixtures.schedules import float32_alphas_cumprod
from trueto.references.spec import SpecInputs

BETA_MIN, BETA_MAX = 0.1, 20.0


@dataclass(frozen=True, slots=True)
class Table:
    """alpha between training times: straight lines between `alpha` (T,) at 0, 1, ..., T - 1."""

    alpha: np.ndarray

    def alpha_of(self, t: np.ndarray) -> np.ndarray:
        """Alpha at continuous times, in the dtype of the table, at least 1e-7 from 0 and 1."""
        low = np.clip(np.floor(t).astype(int), 0, len(self.alpha) - 2)
        weight = (t - low).astype(self.alpha.dtype)
        return np.clip(self.alpha[low] + weight * (self.alpha[low + 1] - self.alpha[low]), 1e-7, 1 - 1e-7).astype(self.alpha.dtype)

    def slope_of(self, t: np.ndarray) -> np.ndarray:
        """D log alpha / dt, that of the line to the right at a training time."""
        low = np.clip(np.floor(t).astype(int), 0, len(self.alpha) - 2)
        return (self.alpha[low + 1] - self.alpha[low]) / self.alpha_of(t)

    def time_of(self, alpha: np.ndarray) -> np.ndarray:
        """The inverse; the original looks 2 - alpha up, which rounds small alphas."""
        two = self.alpha.dtype.type(2)
        return np.interp(two - alpha, two - self.alpha, np.arange(len(self.alpha))).astype(self.alpha.dtype)

    def ends(self) -> tuple[float, float]:
        """The noisiest and the cleanest time."""
        return float(len(self.alpha) - 1), 0.0

    def joints(self, start: float, end: float) -> np.ndarray:
        """The training times between two times, where the derivative jumps."""
        return np.arange(np.ceil(end), np.floor(start) + 1)[::-1]


@dataclass(frozen=True, slots=True)
class Formula:
    """alpha(t) = exp(-(beta_max - beta_min) t^2 / 2 - beta_min t) for t in (0, 1] (Song et al. 2021, arXiv 2011.13456)."""

    dtype: np.dtype

    def alpha_of(self, t: np.ndarray) -> np.ndarray:
        """Alpha at times t."""
        return np.exp(-(BETA_MAX - BETA_MIN) * t**2 / 2 - BETA_MIN * t).astype(self.dtype)

    def slope_of(self, t: np.ndarray) -> np.ndarray:
        """D log alpha / dt."""
        return -(BETA_MAX - BETA_MIN) * t - BETA_MIN

    def time_of(self, alpha: np.ndarray) -> np.ndarray:
        """The positive root of the quadratic equation."""
        a, b = (BETA_MAX - BETA_MIN) / 2, BETA_MIN
        return ((-b + np.sqrt(b * b - 4 * a * np.log(alpha))) / (2 * a)).astype(self.dtype)

    def ends(self) -> tuple[float, float]:
        """The noisiest and the cleanest time."""
        return 1.0, 1e-3

    def joints(self, *_: float) -> np.ndarray:
        """No time is special."""
        return np.zeros(0)


class Untimed:
    """Flow matching, where alpha is no function of a training time: coefficients that are integrals over time do not exist there."""

    def alpha_of(self, t: np.ndarray) -> np.ndarray:  # noqa: ARG002 - no time has one
        """DataError."""
        raise DataError("no coefficients in t for levels of flow matching", "the knob integral=log_rho")

    def joints(self, *_: float) -> np.ndarray:
        """No time is special."""
        return np.zeros(0)


Levels = Table | Formula | Untimed


def levels_of(inputs: SpecInputs) -> Levels:
    """The case's levels: the continuous formula where the grid's name says so, else the training table."""
    if inputs.case.grid.startswith("vp_"):
        return Formula(inputs.dtype)
    if inputs.knob("table", "float64") == "float32":
        return Table(float32_alphas_cumprod(inputs.schedule).astype(inputs.dtype))
    return Table(inputs.schedule.alphas_cumprod.astype(inputs.dtype))


def rho_of(levels: Levels, t: np.ndarray) -> np.ndarray:
    """rho(t) = sqrt((1 - alpha) / alpha)."""
    alpha = levels.alpha_of(t)
    return np.sqrt((1 - alpha) / alpha)


def time_of_rho(levels: Levels, rho: np.ndarray) -> np.ndarray:
    """t(rho), the inverse of `rho_of`."""
    return levels.time_of((1 / (rho**2 + 1)).astype(rho.dtype))
