"""The frame that all DPM-Solver specs share: the levels walked, the network as a predictor of noise or data, and one exponential step.

Everything is variance preserving, x = alpha x0 + sigma noise, but for networks of flow matching, whose alpha is 1 - sigma. Time is
continuous, t = (index + 1) / N for the N training times, and lambda = log(alpha / sigma) is half the log-SNR (Lu et al. 2022, arXiv
2206.00927, section 2).
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from trueto_references.k_diffusion.frame import copies_apart, stacked

from trueto.observe import EMPTY, Observation, StepError
from trueto.references.asked import STRENGTH, buried, skipped
from trueto.references.flow import flow_read, flowing, spread_of_flow
from trueto.references.spaced import FLOW, LEVELS, SPACINGS, flow_levels, spaced_levels, told_times, whole_times
from trueto.references.spec import SpecInputs

from .levels import Levels, Point, given_points

# Known ways in which implementations differ from the original (whose value comes first), seen in diffusers but for `start`.
KNOBS = {
    "start": ("unit", "sigma"),  # sigma: noise times the first level's own sigma, which is a little below 1
    "times": ("exact", "rounded", *SPACINGS),  # a grid in time visits whole training times only; leading, trailing: spaced otherwise
    "told": ("exact", "rounded", "truncated"),  # the time told for a level that lies between training times
    "levels": LEVELS,  # those of the case's grid, or n levels spaced otherwise between the ends of the table, and the end
    "log_snr_points": ("n_plus_1", "n_then_end"),  # n_then_end: n points down to the end, and a last step of no length (or to 0)
    "final_sigma": ("sigma_min", "zero"),
    "clipped": ("stretched", "true"),  # a schedule cut off at lambda = -5.1 is stretched over all N training times, or not
    "table": ("float64", "float32"),  # precision in which the table of levels is built
    **FLOW,
    **STRENGTH,
}
PRECISION_KNOBS = ("table",)

# Ways in which the prediction itself differs; part of the update rule.
# The bound s of dynamic thresholding: the percentile or the limit, whichever is larger; or the percentile clamped to [1, 1].
BOUND = {"threshold": ("percentile", "always_1")}
BOUND_OF_NOISE = {"threshold_of_noise": ("ignored", "applied")}  # whether a solver in the noise is thresholded too
PREDICTION_KNOBS = {**BOUND, **BOUND_OF_NOISE}
OF_PREDICTION = ("algorithm_type", "correcting_x0_fn", "thresholding_max_val", "dynamic_thresholding_ratio", "denoise_to_zero")
# What the options are when a case does not give them, for the rules of ledgers.
DEFAULTS = {"algorithm_type": "dpmsolver++", "correcting_x0_fn": "none"}


class Refused(Exception):
    """What the original raises before its first network call."""


def flow_points(levels: np.ndarray, times: np.ndarray) -> list[Point]:
    """The points of levels s of flow matching, at which alpha is 1 - s."""
    return [Point(1 - s, s, np.log((1 - s) / s), t) for s, t in zip(levels, times, strict=True)]


def flow_walk(inputs: SpecInputs) -> list[Point]:
    """The points that a library walks for flow matching, to a clean end, or a candidate's own."""
    if inputs.levels is not None:
        levels = inputs.nudged(inputs.levels.astype(inputs.dtype))
        return flow_points(levels, np.zeros_like(levels))
    found, told = (np.append(each, 0.0).astype(inputs.dtype) for each in flow_levels(inputs))
    walk = flow_points(inputs.nudged(found), told)
    return walk[skipped(inputs, len(walk) - 1) :]


def grid(levels: Levels, groups: list[int]) -> np.ndarray:
    """The times at which the network is called and the end, (n + 1,); `groups` are the calls that each step takes together.

    In time and in its square root the calls are spaced evenly, in lambda the steps are, and the calls within each step.
    """
    inputs, dtype, n = levels.inputs, levels.dtype, sum(groups)
    (first, last), name = levels.ends, inputs.case.grid
    if name == "time_uniform":
        if (spacing := inputs.knob("times", "exact")) != "exact":
            return ((whole_times(spacing, n, len(inputs.schedule), levels.count) + 1) / levels.count).astype(dtype)
        return np.linspace(first, last, n + 1, dtype=dtype)
    if name == "time_quadratic":
        return np.linspace(first**0.5, last**0.5, n + 1, dtype=dtype) ** 2
    fractions = [(step + j / size) / len(groups) for step, size in enumerate(groups) for j in range(size)]
    top, bottom = (float(levels.lam(np.asarray(end, dtype))) for end in (first, last))
    return levels.time_of(np.array([top + share * (bottom - top) for share in (*fractions, 1.0)]).astype(dtype))


def own_points(inputs: SpecInputs, levels: Levels, groups: list[int]) -> list[Point]:
    """The points that the original walks, as the knobs change them."""
    spacing = inputs.knob("levels", "original")
    if inputs.case.grid == "logSNR" and inputs.knob("log_snr_points", "n_plus_1") == "n_then_end":
        spacing = "log_snr"
    if spacing == "original":
        points = [levels.point(t) for t in inputs.nudged(grid(levels, groups))]
    else:
        points = spaced_points(levels, spacing, sum(groups))
    if inputs.knob("final_sigma", "sigma_min") == "zero":
        one = inputs.dtype.type(1)
        points[-1] = Point(one, 0 * one, one * np.inf, points[-1].told)
    return points


def spaced_points(levels: Levels, spacing: str, n: int) -> list[Point]:
    """N levels that a library spaces by itself between the ends of the whole table, whatever is cut off, and the end."""
    inputs, table = levels.inputs, levels.sigmas
    found = spaced_levels(spacing, n, table)
    told = told_times(found, table, inputs.knob("told", "exact"), inputs.knob("table", "float64"))
    points = given_points(inputs, inputs.nudged(np.append(found, table[0]).astype(inputs.dtype)))
    return [replace(point, told=np.asarray(time, inputs.dtype)) for point, time in zip(points, [*told, 0.0], strict=True)]


class Predictor:
    """The network as a solver sees it: `data` is True for DPM-Solver++, which integrates the data prediction, else the noise."""

    def __init__(self, inputs: SpecInputs) -> None:
        self.inputs, self.calls, self.options = inputs, 0, inputs.case.options
        self.asked: list[Point] = []
        self.data = self.options.get("algorithm_type", "dpmsolver++") == "dpmsolver++"
        self.bounded = self.options.get("correcting_x0_fn") == "dynamic_thresholding"

    def noise(self, x: np.ndarray, at: Point, step: int) -> np.ndarray:
        """The predicted noise, with classifier-free guidance where the case has it (Ho and Salimans 2022, arXiv 2207.12598)."""
        return self._guided(x, at, step, self._noise_of)

    def _guided(self, x: np.ndarray, at: Point, step: int, read: Callable[..., np.ndarray]) -> np.ndarray:
        """What `read(out, x, at)` makes of the network's answer, of both branches where there is guidance."""
        told, scale = at.told if self.inputs.told is None else self.inputs.told[self.calls], self.inputs.case.guidance
        self.calls += 1
        self.asked.append(at)
        if scale is None:
            return read(self.inputs.probe.run(x, told, step), x, at)
        if scale == 1:  # the original asks for the conditional branch only
            return read(self.inputs.probe.run(x, told, step, np.ones(len(x))), x, at)
        both = np.concatenate([x, x])
        answers = read(self.inputs.probe.run(both, told, step, np.repeat([0.0, 1.0], len(x))), both, at)
        without, given = answers[: len(x)], answers[len(x) :]
        return without + scale * (given - without)

    def _noise_of(self, out: np.ndarray, x: np.ndarray, at: Point) -> np.ndarray:
        kind = self.inputs.case.parameterization
        if kind == "flow":
            return flow_read(out, x, at.sigma)[1]
        if kind == "x0":
            return (x - at.alpha * out) / at.sigma
        if kind == "v":
            return at.alpha * out + at.sigma * x
        return -at.sigma * out if kind == "score" else out

    def clean(self, x: np.ndarray, at: Point, step: int) -> np.ndarray:
        """The predicted data, thresholded where the case says so."""
        if flowing(self.inputs):  # where alpha is nearly 0, the noise would lose its digits
            x0 = self._guided(x, at, step, lambda out, state, level: flow_read(out, state, level.sigma)[0])
        else:
            x0 = (x - at.sigma * self.noise(x, at, step)) / at.alpha
        return self.thresholded(x0) if self.bounded else x0

    def thresholded(self, x0: np.ndarray) -> np.ndarray:
        """Dynamic thresholding, sample by sample (Saharia et al. 2022, arXiv 2205.11487, section 2.3)."""
        ratio, limit = self.options.get("dynamic_thresholding_ratio", 0.995), self.options.get("thresholding_max_val", 1.0)
        s = np.quantile(np.abs(x0).reshape(len(x0), -1), ratio, axis=1).astype(x0.dtype)
        s = np.ones_like(s) if self.inputs.knob("threshold", "percentile") == "always_1" else np.maximum(s, limit)
        s = s[:, None, None, None]
        return np.clip(x0, -s, s) / s

    def __call__(self, x: np.ndarray, at: Point, step: int) -> np.ndarray:
        """What the solver integrates."""
        if self.data:
            return self.clean(x, at, step)
        eps = self.noise(x, at, step)
        if self.bounded and self.inputs.knob("threshold_of_noise", "ignored") == "applied":
            x0 = self.thresholded((x - at.sigma * eps) / at.alpha)
            return (x - at.alpha * x0) / at.sigma
        return eps

    def side(self, at: Point) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(a, b, l): x / a is integrated over l with the weight b / a. For data alpha and sigma change places, and l its sign."""
        return (at.sigma, at.alpha, -at.lam) if self.data else (at.alpha, at.sigma, at.lam)

    def length(self, start: Point, end: Point) -> np.ndarray:
        """The signed length h of a step in l."""
        return self.side(end)[2] - self.side(start)[2]

    def advance(self, x, start: Point, end: Point, value, first=0.0, second=0.0, solver_type="taylor"):
        """One exponential step: `value`, `first`, `second` are the prediction and its derivatives at the start, times 1, h, h^2.

        arXiv 2206.00927: the integral of equation 3.4 with the network's answer as a Taylor series in l (appendix B). `dpmsolver` replaces
        the weight phi_2 of the first derivative by phi_1 / 2, as algorithms 1 of both papers do; to second order they are the same.
        """
        a, b = self.side(end)[0] / self.side(start)[0], self.side(end)[1]
        h = self.length(start, end)
        phi_1 = np.expm1(h)
        phi_2 = phi_1 / h - 1 if h else h
        phi_3 = phi_2 / h - h.dtype.type(0.5) if h else h
        weight = phi_1 / 2 if solver_type == "dpmsolver" else phi_2
        return a * x - b * (phi_1 * value + weight * first + phi_3 * second)


def walks(groups: Callable | None = None, *, whole_batch: bool = False, by_itself: bool = False, backwards: bool = False) -> Callable:
    """Mark how a sampler groups calls; whether it decides by a norm over the batch, chooses its own levels, goes from data to noise."""

    def mark(sample: Callable) -> Callable:
        sample.groups, sample.whole_batch, sample.by_itself, sample.backwards = groups, whole_batch, by_itself, backwards
        return sample

    return mark


def refused(inputs: SpecInputs, error: Refused) -> Observation:
    """An observation of a run that ended before its first network call."""
    blank, none = np.zeros(inputs.case.shape), np.zeros((0, *inputs.case.shape))
    stopped = StepError("AssertionError", str(error), "dpm_solver_pytorch.py: sample", own=True)
    return Observation(EMPTY, np.zeros(0, np.int64), none, EMPTY, "sigma", blank, blank, error=stopped)


def words(inputs: SpecInputs) -> tuple[dict, dict]:
    """What a sampler is told: the case's options and the knobs that are its own."""
    options = {k: v for k, v in inputs.case.options.items() if k not in OF_PREDICTION}
    return options, {k: v for k, v in inputs.knobs.items() if k not in KNOBS and k not in PREDICTION_KNOBS}


def run_flow(sample, inputs: SpecInputs) -> Observation:
    """Run one spec on a network of flow matching and observe it."""
    walk, (options, own) = flow_walk(inputs), words(inputs)
    spread = spread_of_flow(walk[0].sigma)
    begun = buried(inputs, walk[0].alpha, walk[0].sigma)
    x = inputs.start * spread if inputs.start is not None else inputs.start_noise if begun is None else begun
    try:
        out = sample(Predictor(inputs), x, walk, **options, **own)
    except Refused as error:
        return refused(inputs, error)
    levels = np.stack([at.sigma for at in walk])
    return inputs.probe.observation(levels=levels, level_kind="flow", start=x / spread, sample=out / spread_of_flow(levels[-1]))


def run(sample, inputs: SpecInputs) -> Observation:
    """Run one DPM-Solver spec and observe it."""
    if flowing(inputs):
        return run_flow(sample, inputs)
    if inputs.copies > 1 and sample.whole_batch:
        return stacked([run(sample, single) for single in copies_apart(inputs)])
    case, levels, predict = inputs.case, Levels(inputs), Predictor(inputs)
    levels.ends = levels.ends[::-1] if sample.backwards else levels.ends
    options, own = words(inputs)
    x = inputs.start_noise if inputs.start is None else inputs.start
    if sample.by_itself:
        walk = [levels.point(np.asarray(end, inputs.dtype)) for end in levels.ends]
    elif inputs.levels is not None:
        walk = given_points(inputs, inputs.nudged(inputs.levels.astype(inputs.dtype)))
    else:
        groups = sample.groups(case.steps, options.get("order", 2), own.get("groups")) if sample.groups else [1] * case.steps
        walk = own_points(inputs, levels, groups)
        walk = walk[skipped(inputs, len(walk) - 1) :]
    begun = buried(inputs, walk[0].alpha, walk[0].sigma)
    if inputs.start is None and begun is not None:
        x = begun
    elif inputs.start is None and inputs.knob("start", "unit") == "sigma":
        x = x * walk[0].sigma
    try:
        out = sample(predict, x, walk, levels, **options, **own) if sample.by_itself else sample(predict, x, walk, **options, **own)
    except Refused as error:
        return refused(inputs, error)
    seen = [np.exp(-at.lam) for at in (predict.asked if sample.by_itself else walk[:-1])] + [np.exp(-walk[-1].lam)]
    if case.options.get("denoise_to_zero"):
        out = predict.clean(out, walk[-1], predict.calls)
        seen.append(np.zeros_like(seen[-1]))
    return inputs.probe.observation(levels=np.stack(seen), level_kind="sigma", start=x, sample=out)
