"""The frame that both DEIS specs share: times, the levels rho(t), and an Adams-Bashforth loop whose coefficients are sums over points.

Everything is variance preserving, x = sqrt(alpha) x0 + sqrt(1 - alpha) noise, where alpha is what others call alpha_bar. In the frame
v = x / sqrt(alpha) and rho = sqrt((1 - alpha) / alpha) the equation to solve is dv / drho = eps (Zhang and Chen 2023, arXiv 2204.13902,
proposition 3), rho being sigma / alpha elsewhere. A discrete table is made continuous by joining its alphas with straight lines.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from trueto.errors import DataError
from trueto.fixtures.schedules import float32_alphas_cumprod
from trueto.observe import Observation
from trueto.references.asked import STRENGTH, buried, skipped
from trueto.references.bounded import BOUNDS, bounded
from trueto.references.spaced import LEVELS, SPACINGS, spaced_levels, told_times, whole_times
from trueto.references.spec import SpecInputs
from trueto.references.vp import PREDICTS, read_as

# Known ways in which implementations differ from the original (whose value comes first).
KNOBS = {
    "times": ("continuous", "whole", *SPACINGS),  # whole: diffusers rounds each time of the even grid to a training time
    "levels": LEVELS,  # those of the case's grid, or n levels spaced otherwise between the ends of the table, and the last one again
    "told": ("exact", "rounded", "truncated"),  # the time told for such levels
    "start": ("unit", "sigma"),  # sigma: k-diffusion style, start = noise * sigma_max, which is not unit variance
    "table": ("float64", "float32"),  # precision in which the table of levels is built; float32: diffusers
    **STRENGTH,
}
# What the option is when a case does not give it (every case does), for the rules of ledgers.
DEFAULTS = {"solver_order": 3}
PRECISION_KNOBS = ("table",)
# The same for what happens inside a step: knobs of both specs.
STEP_KNOBS = {
    # The integrals of the coefficients. exact: the paper. log_rho: diffusers, polynomials in log rho, integrated in closed form.
    "integral": ("sum", "exact", "log_rho"),
    **PREDICTS,
    "clip": BOUNDS,  # of the clean picture, from which the noise is taken again; diffusers' thresholding
    "final_order": ("full", "lowered_below_15"),  # lowered_below_15: diffusers' lower_order_final, 2 and 1 at the end of short runs
}
SHORT = 15
POINTS = 10_000
BETA_MIN, BETA_MAX = 0.1, 20.0
NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(20)


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


Levels = Table | Formula


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


def own_times(inputs: SpecInputs, levels: Levels) -> np.ndarray:
    """The n + 1 times that the original visits, from noisy to clean: even in t^(1/2) or t, in log rho, or in rho^(1/7)."""
    n, dtype = inputs.case.steps, inputs.dtype
    first, last = (np.asarray(end, dtype) for end in levels.ends())
    if isinstance(levels, Table) and (spacing := inputs.knob("times", "continuous")) != "continuous":
        return whole_times(spacing, n, len(levels.alpha)).astype(dtype)
    name = inputs.case.grid.removeprefix("vp_")
    if name in ("uniform", "quadratic", "t"):
        power = 1 if name == "uniform" else 2
        times = np.linspace(first ** (1 / power), last ** (1 / power), n + 1, dtype=dtype) ** power
    elif name == "log":
        ends = np.log(rho_of(levels, np.array([first, last])))
        times = time_of_rho(levels, np.exp(np.linspace(ends[0], ends[1], n + 1, dtype=dtype)))
    else:  # Karras et al. 2022 (arXiv 2206.00364), equation 5
        ends = rho_of(levels, np.array([first, last])) ** dtype.type(1 / 7)
        times = time_of_rho(levels, ((ends[0] + np.arange(n + 1, dtype=dtype) / n * (ends[1] - ends[0])) ** 7).astype(dtype))
    return times.astype(dtype) if isinstance(levels, Formula) else without_repeats(times.astype(dtype))


def without_repeats(times: np.ndarray) -> np.ndarray:
    """The times, where no two fall on one training time; the original then cuts all down to whole ones, which rounding decides.

    In the square-root spacing its first time is 999 in float32 and 998 in float64: no golden can certify that, so there is no spec of it.
    """
    if len(np.unique(times.astype(int))) < len(times):
        raise DataError(f"two of these {len(times)} times share a training time: the spec is not certified there", "take fewer steps")
    return times


@dataclass(frozen=True, slots=True)
class Walk:
    """The n steps from noisy to clean: step i goes from rhos[i] to rhos[i + 1]; times (n + 1,) are those of the levels."""

    levels: Levels
    times: np.ndarray
    rhos: np.ndarray

    def __len__(self) -> int:
        return len(self.rhos) - 1

    def root_alpha(self, i: int) -> np.ndarray:
        """sqrt(alpha) at level i."""
        return 1 / np.sqrt(self.rhos[i] ** 2 + 1)


def spaced_walk(inputs: SpecInputs, levels: Table) -> Walk:
    """Levels that a library spaces by itself; the last one is there twice."""
    table = rho_of(levels, np.arange(len(levels.alpha)).astype(inputs.dtype))
    found = spaced_levels(inputs.knob("levels", "original"), inputs.case.steps, table)
    told = told_times(found, table, inputs.knob("told", "exact"), inputs.knob("table", "float64"))
    return Walk(levels, np.append(told, 0).astype(inputs.dtype), inputs.nudged(np.append(found, found[-1]).astype(inputs.dtype)))


def lagrange(u: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The polynomials that are 1 at one of `known` (p,) and 0 at the others, at points u (N,): (p, N)."""
    found = np.ones((len(known), len(u)), known.dtype)
    for j in range(len(known)):
        for k in range(len(known)):
            if k != j:
                found[j] *= (u - known[k]) / (known[j] - known[k])
    return found


def points(start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """10,000 even points from start up to but without end, and their distance: a left Riemann sum, which is what the original takes."""
    share = np.arange(POINTS, dtype=start.dtype) / POINTS
    return start * (1 - share) + end * share, (end - start) / POINTS


def exactly(walk: Walk, i: int, p: int, variable: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The integrals over rho in step i of the polynomials in `variable(t)` through the last p levels, newest first; in float64."""
    start, end = float(walk.times[i]), float(walk.times[i + 1])
    edges = np.unique(np.concatenate([[start, end], walk.levels.joints(start, end)]))[::-1]
    half, middle = np.diff(edges) / 2, (edges[:-1] + edges[1:]) / 2
    t = (middle[:, None] + half[:, None] * NODES).reshape(-1)
    alpha = walk.levels.alpha_of(t).astype(np.float64)
    speed = -0.5 * walk.levels.slope_of(t) / np.sqrt(alpha * (1 - alpha))  # drho / dt
    weights = (half[:, None] * NODE_WEIGHTS).reshape(-1) * speed
    known = variable(walk.times[i + 1 - p : i + 1][::-1].astype(np.float64))
    return lagrange(variable(t), known) @ weights


def in_log_rho(rhos: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The integrals over rho, from rhos[0] to `end`, of the polynomials in log rho through `rhos` (newest first), in closed form.

    With y = log rho the integral of y^k exp(y) is exp(y) (y^k - k y^(k - 1) + ...).
    """
    logs = np.log(rhos)
    found = []
    for j in range(len(rhos)):
        others = np.delete(logs, j)
        polynomial = np.atleast_1d(np.poly(others)).astype(rhos.dtype) / np.prod(logs[j] - others)
        primitive, derivative = polynomial, polynomial
        for sign in (-1, 1, -1)[: len(others)]:
            derivative = np.polyder(derivative).astype(rhos.dtype)
            primitive = np.polyadd(primitive, rhos.dtype.type(sign) * derivative)
        found.append(end * np.polyval(primitive, np.log(end)) - rhos[0] * np.polyval(primitive, logs[0]))
    return np.array(found, rhos.dtype)


def order_of(i: int, steps: int, order: int, final_order: str) -> int:
    """How many answers step i uses: as many as there are, up to `order`; some implementations use fewer at the end of short runs."""
    p = min(order, i + 1)
    return min(p, steps - i) if final_order == "lowered_below_15" else p


class Network:
    """predict(x, t, i): the noise that the network sees in x at time t, in step i."""

    def __init__(self, inputs: SpecInputs, levels: Levels, rhos: np.ndarray, clip: str, predicts: str) -> None:
        self.inputs, self.rhos, self.clip, self.predicts = inputs, rhos, clip, predicts
        self.scale = 999 if isinstance(levels, Formula) else 1

    def __call__(self, x: np.ndarray, t: np.ndarray, i: int) -> np.ndarray:
        told = t * self.scale if self.inputs.told is None else self.inputs.told[i]
        x0, eps = read_as(self.predicts, self.inputs.probe.run(x, told, i), x, 1 / (self.rhos[i] ** 2 + 1))
        if self.clip == "none":
            return eps
        alpha = 1 / np.sqrt(self.rhos[i] ** 2 + 1)
        return (x - alpha * bounded(x0, self.clip)) / (self.rhos[i] * alpha)


def run(sample, inputs: SpecInputs) -> Observation:
    """Run one DEIS spec and observe it."""
    levels = levels_of(inputs)
    if isinstance(levels, Table) and inputs.levels is None and inputs.knob("levels", "original") != "original":
        walk = spaced_walk(inputs, levels)
    elif inputs.levels is None:
        times = inputs.nudged(own_times(inputs, levels))
        walk = Walk(levels, times, rho_of(levels, times))
    else:
        rhos = inputs.nudged(inputs.levels.astype(inputs.dtype))
        walk = Walk(levels, time_of_rho(levels, rhos), rhos)
    if inputs.levels is None:
        first = skipped(inputs, len(walk))
        walk = replace(walk, times=walk.times[first:], rhos=walk.rhos[first:])
    begun = buried(inputs, walk.root_alpha(0), walk.root_alpha(0) * walk.rhos[0])
    start = inputs.start_noise if inputs.start is None else inputs.start
    if inputs.start is None and begun is not None:
        start = begun
    elif inputs.start is None and inputs.knob("start", "unit") == "sigma":
        start = start * walk.root_alpha(0) * walk.rhos[0]
    own = {k: v for k, v in inputs.knobs.items() if k not in KNOBS}
    if inputs.case.steps >= SHORT:  # of the steps asked for, also where a strength leaves fewer
        own.pop("final_order", None)
    network = Network(inputs, levels, walk.rhos, own.pop("clip", "none"), own.pop("predicts", "eps"))
    out = sample(network, start, walk, **inputs.case.options, **own)
    return inputs.probe.observation(levels=walk.rhos, level_kind="sigma", start=start, sample=out)
