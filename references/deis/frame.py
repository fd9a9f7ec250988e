"""The frame that both DEIS specs share: times, the levels rho(t), and an Adams-Bashforth loop whose coefficients are sums over points.

Everything is variance preserving, x = sqrt(alpha) x0 + sqrt(1 - alpha) noise, where alpha is what others call alpha_bar. In the frame
v = x / sqrt(alpha) and rho = sqrt((1 - alpha) / alpha) the equation to solve is dv / drho = eps (Zhang and Chen 2023, arXiv 2204.13902,
proposition 3), rho being sigma / alpha elsewhere. A discrete table is made continuous by joining its alphas with straight lines.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from trueto.errors import DataError
from trueto.observe import Observation
from trueto.references.asked import STRENGTH, buried, skipped
from trueto.references.bounded import BOUNDS, bounded
from trueto.references.flow import flow_read, flowing, spread_of_flow
from trueto.references.spaced import FLOW, LEVELS, SPACINGS, flow_levels, spaced_levels, told_times, whole_times
from trueto.references.spec import SpecInputs
from trueto.references.vp import PREDICTS, read_as

from .levels import Formula, Levels, Table, Untimed, levels_of, rho_of, time_of_rho

# Known ways in which implementations differ from the original (whose value comes first).
KNOBS = {
    "times": ("continuous", "whole", *SPACINGS),  # whole: diffusers rounds each time of the even grid to a training time
    "levels": LEVELS,  # those of the case's grid, or n levels spaced otherwise between the ends of the table, and the last one again
    "told": ("exact", "rounded", "truncated"),  # the time told for such levels
    "start": ("unit", "sigma"),  # sigma: k-diffusion style, start = noise * sigma_max, which is not unit variance
    "table": ("float64", "float32"),  # precision in which the table of levels is built; float32: diffusers
    **FLOW,
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
NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(20)


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

    kind: ClassVar[str] = "sigma"
    levels: Levels
    times: np.ndarray
    rhos: np.ndarray

    def __len__(self) -> int:
        return len(self.rhos) - 1

    def root_alpha(self, i: int) -> np.ndarray:
        """sqrt(alpha) at level i."""
        return 1 / np.sqrt(self.rhos[i] ** 2 + 1)

    def spread(self, i: int) -> np.ndarray:  # noqa: ARG002 - the same at every level
        """What a state is divided by to have variance one in the noise."""
        return self.rhos.dtype.type(1)

    def own_levels(self) -> np.ndarray:
        """The levels (n + 1,) as they are reported, of the kind `kind`."""
        return self.rhos

    def read(self, out: np.ndarray, x: np.ndarray, i: int, predicts: str) -> tuple[np.ndarray, np.ndarray]:
        """The clean sample and the noise (x0, eps) in x by the network's answer at level i."""
        return read_as(predicts, out, x, 1 / (self.rhos[i] ** 2 + 1))


class FlowWalk(Walk):
    """The same through levels s of flow matching, where 1 - s has the place of the root of alpha."""

    kind: ClassVar[str] = "flow"

    def root_alpha(self, i: int) -> np.ndarray:
        """1 - s at level i."""
        return 1 / (1 + self.rhos[i])

    def spread(self, i: int) -> np.ndarray:
        """What a state is divided by to have variance one in the noise."""
        return spread_of_flow(self.own_levels()[i])

    def own_levels(self) -> np.ndarray:
        """The levels s (n + 1,)."""
        return self.rhos / (1 + self.rhos)

    def read(self, out: np.ndarray, x: np.ndarray, i: int, predicts: str) -> tuple[np.ndarray, np.ndarray]:  # noqa: ARG002 - the velocity
        """The clean sample and the noise (x0, eps) in x by the network's answer at level i."""
        return flow_read(out, x, self.own_levels()[i])


def flow_walk(inputs: SpecInputs) -> FlowWalk:
    """The steps that a library takes for flow matching, the last level twice, or those through a candidate's own levels."""
    if inputs.levels is None:
        found, told = flow_levels(inputs)
        found, told = np.append(found, found[-1]), np.append(told, 0)
    else:
        found, told = inputs.levels, np.zeros_like(inputs.levels)
    s = inputs.nudged_steps(found.astype(inputs.dtype))
    return FlowWalk(Untimed(), told.astype(inputs.dtype), s / (1 - s))


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

    def __init__(self, inputs: SpecInputs, walk: Walk, clip: str, predicts: str) -> None:
        self.inputs, self.walk, self.clip, self.predicts = inputs, walk, clip, predicts
        self.scale = 999 if isinstance(walk.levels, Formula) else 1

    def __call__(self, x: np.ndarray, t: np.ndarray, i: int) -> np.ndarray:
        told = t * self.scale if self.inputs.told is None else self.inputs.told[i]
        x0, eps = self.walk.read(self.inputs.probe.run(x, told, i), x, i, self.predicts)
        if self.clip == "none":
            return eps
        alpha = self.walk.root_alpha(i)
        return (x - alpha * bounded(x0, self.clip)) / (self.walk.rhos[i] * alpha)


def walk_of(inputs: SpecInputs) -> Walk:
    """The steps of a run: the original's, as the knobs change them, or those through a candidate's own levels."""
    if flowing(inputs):
        return flow_walk(inputs)
    levels = levels_of(inputs)
    if inputs.levels is not None:
        rhos = inputs.nudged(inputs.levels.astype(inputs.dtype))
        return Walk(levels, time_of_rho(levels, rhos), rhos)
    if isinstance(levels, Table) and inputs.knob("levels", "original") != "original":
        return spaced_walk(inputs, levels)
    times = inputs.nudged(own_times(inputs, levels))
    return Walk(levels, times, rho_of(levels, times))


def run(sample, inputs: SpecInputs) -> Observation:
    """Run one DEIS spec and observe it."""
    walk = walk_of(inputs)
    if inputs.levels is None:
        first = skipped(inputs, len(walk))
        walk = replace(walk, times=walk.times[first:], rhos=walk.rhos[first:])
    begun = buried(inputs, walk.root_alpha(0), walk.root_alpha(0) * walk.rhos[0])
    start = inputs.start_noise if inputs.start is None else inputs.start * walk.spread(0)
    if inputs.start is None and begun is not None:
        start = begun
    elif inputs.start is None and inputs.knob("start", "unit") == "sigma":
        start = start * walk.root_alpha(0) * walk.rhos[0]
    own = {k: v for k, v in inputs.knobs.items() if k not in KNOBS}
    if inputs.case.steps >= SHORT:  # of the steps asked for, also where a strength leaves fewer
        own.pop("final_order", None)
    network = Network(inputs, walk, own.pop("clip", "none"), own.pop("predicts", "eps"))
    out = sample(network, start, walk, **inputs.case.options, **own)
    start, out = start / walk.spread(0), out / walk.spread(-1)
    return inputs.probe.observation(levels=walk.own_levels(), level_kind=walk.kind, start=start, sample=out)
