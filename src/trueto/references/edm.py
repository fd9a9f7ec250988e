"""What the specs of several codebases share of Karras et al. 2022 (arXiv 2206.00364): levels, and the wrapper around a raw network."""

from __future__ import annotations

from typing import Any

import numpy as np

from trueto.fixtures.networks import SIGMA_DATA

__all__ = ["SIGMA_MAX", "SIGMA_MIN", "churned_level", "karras_levels", "scalings", "wrapped"]

Array = np.ndarray[Any, np.dtype[Any]]

SIGMA_MIN, SIGMA_MAX = 0.002, 80.0  # table 1, the column "Ours (EDM)"


def scalings(sigma: Any) -> tuple[Any, Any, Any]:
    """(c_skip, c_out, c_in) at a level, with which D(x, sigma) = c_skip x + c_out F(c_in x, .) (equation 7 and table 1)."""
    total = sigma**2 + SIGMA_DATA**2
    return SIGMA_DATA**2 / total, sigma * SIGMA_DATA / np.sqrt(total), 1 / np.sqrt(total)


def wrapped(x: Array, out: Array, sigma: Any) -> Array:
    """D(x, sigma) from the raw network's answer `out` about c_in x."""
    c_skip, c_out, _ = scalings(sigma)
    return c_skip * x + c_out * out


def karras_levels(ramp: Array, low: float, high: float, rho: float = 7.0) -> Array:
    """Levels from `high` (ramp 0) to `low` (ramp 1): straight in sigma^(1 / rho) (equation 5)."""
    top, bottom = high ** (1 / rho), low ** (1 / rho)
    return (top + ramp * (bottom - top)) ** rho


def churned_level(sigma: Any, steps: int, s_churn: float, s_tmin: float, s_tmax: float, most: float = 2**0.5 - 1) -> Any:
    """The level to which algorithm 2 raises `sigma` before a step (line 5): by at most sqrt(2) - 1, so never more noise than x has."""
    gamma = min(s_churn / steps, most) if s_tmin <= sigma <= s_tmax else 0.0
    return sigma * (1 + gamma)
