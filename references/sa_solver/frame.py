"""The frame that both SA-Solver specs share: grids of continuous time, their levels, the network's answers, and tau.

Variance preserving, x = alpha x0 + sigma noise. Continuous time t = (training time + 1) / T runs from 1 to 1 / T; log(alpha) is linear in
t between training times.
"""

from dataclasses import dataclass, fields

import numpy as np

from trueto.fixtures import network, schedule, tape
from trueto.fixtures.schedules import float32_alphas_cumprod
from trueto.model import Case
from trueto.observe import EMPTY, Observation, Probe, StepError
from trueto.references.asked import STRENGTH, buried, skipped
from trueto.references.flow import flow_read, flowing, spread_of_flow
from trueto.references.spaced import FLOW, LEVELS, SPACINGS, flow_levels, spaced_levels, told_times, whole_times
from trueto.references.spec import SpecInputs
from trueto.references.stochastic_adams import Levels

# Known ways in which implementations differ from the original (whose value comes first).
KNOBS = {
    "start": ("unit", "sigma"),  # scale of the first latents. sigma: k-diffusion style, noise * sigma_max, which is a little less
    "spacing": ("continuous", "rounded", *SPACINGS),  # grid 'time': rounded: diffusers, to whole training times
    "levels": LEVELS,  # those of the case's grid, or n levels spaced otherwise between the ends of the table, and the last one again
    "last_level": ("own", "repeated"),  # grids 'karras' and 'logSNR': repeated: diffusers, whose last step is of size zero
    "told": ("exact", "rounded", "truncated"),  # the training time told to the network at repeated levels
    "draws": ("original", "sequential"),  # which draws of the seed are used: the original draws one for nothing before the first step
    "table": ("float64", "float32"),  # precision in which the beta table is built; float32: diffusers
    "log_table": ("native", "float32"),  # precision of the logarithms through which told times are found
    **FLOW,
    **STRENGTH,
    # Whose noise the picture gets where a run begins part-way. whole_time: diffusers, that of the time told, which is near the level's.
    "noised_at": ("level", "whole_time"),
}
# What the options are when a case does not give them, for the rules of ledgers.
DEFAULTS = {"predictor_order": 3, "corrector_order": 4, "algorithm_type": "data_prediction", "correcting_x0_fn": "none"}
PRECISION_KNOBS = ("table", "log_table")
KARRAS_ENDS = (0.002, 80.0)


@dataclass(frozen=True, slots=True)
class Walk:
    """The S + 1 levels from noisy to clean, and the training times `told` (S + 1,) at each."""

    levels: Levels
    told: np.ndarray

    def __len__(self) -> int:
        return len(self.told) - 1


def alpha_bars(inputs: SpecInputs) -> np.ndarray:
    """alpha_bar of every training time, shape (T,)."""
    lower = inputs.knob("table", "float64") == "float32"
    return (float32_alphas_cumprod(inputs.schedule) if lower else inputs.schedule.alphas_cumprod).astype(inputs.dtype)


def log_alphas(inputs: SpecInputs) -> np.ndarray:
    """log(alpha) of every training time, shape (T,)."""
    return inputs.nudged((np.log(alpha_bars(inputs)) / 2).astype(inputs.dtype))


def levels_of(log_alpha: np.ndarray) -> Levels:
    """alpha, sigma and lambda from log(alpha)."""
    square = 1 - np.exp(2 * log_alpha)
    return Levels(np.exp(log_alpha), np.sqrt(square), log_alpha - np.log(square) / 2)


def levels_of_sigma(sigma: np.ndarray) -> Levels:
    """The same from sigma / alpha, as k-diffusion and diffusers keep levels."""
    alpha = 1 / np.sqrt(1 + sigma**2)
    return Levels(alpha, sigma * alpha, -np.log(sigma))


def times_of_lambda(lam: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Continuous training times at which lambda is reached: linear in log(alpha)."""
    log_alpha = -np.logaddexp(0, -2 * lam) / 2
    return np.interp(log_alpha, table[::-1], np.arange(len(table))[::-1]).astype(table.dtype)


def grid(inputs: SpecInputs, table: np.ndarray) -> Walk:
    """The levels of the case's grid and the times told there."""
    n, last, dtype = inputs.case.steps, len(table) - 1, inputs.dtype
    ends = levels_of(table[[last, 0]])
    if inputs.knob("levels", "original") != "original":
        return repeated(inputs, table, inputs.knob("levels", "original"))
    if inputs.case.grid == "time":
        told = np.linspace(last, 0, n + 1, dtype=dtype)
        if (spacing := inputs.knob("spacing", "continuous")) != "continuous":
            told = whole_times(spacing, n, last + 1).astype(dtype)
        return Walk(levels_of(np.interp(told, np.arange(last + 1), table).astype(dtype)), told)
    if inputs.knob("last_level", "own") == "repeated":
        return repeated(inputs, table, "karras" if inputs.case.grid == "karras" else "exponential")
    if inputs.case.grid == "karras":
        high, low = ends.sigma / ends.alpha
        lam = karras(min(high, KARRAS_ENDS[1]), max(low, KARRAS_ENDS[0]), n + 1, dtype)
    else:
        lam = np.linspace(ends.lam[0], ends.lam[1], n + 1, dtype=dtype)
    told = times_of_lambda(lam, table)
    return Walk(levels_of(np.interp(told, np.arange(last + 1), table).astype(dtype)), told)


def karras(high, low, count: int, dtype) -> np.ndarray:
    """Lambda at evenly spaced sigma^(1 / 7) (Karras et al. 2022, arXiv 2206.00364, equation 5, rho = 7)."""
    return -np.log(np.linspace(high ** (1 / 7), low ** (1 / 7), count, dtype=dtype) ** 7)


def repeated(inputs: SpecInputs, table: np.ndarray, spacing: str) -> Walk:
    """The levels of diffusers, computed in float64 and rounded once: n between the same ends, and the last one again."""
    alpha_bar = alpha_bars(inputs)
    sigmas = np.sqrt((1 - alpha_bar) / alpha_bar)
    lam = -np.log(spaced_levels(spacing, inputs.case.steps, sigmas))
    lam = np.append(lam, lam[-1])
    told = times_of_lambda(lam.astype(inputs.dtype), table)
    if inputs.knob("told", "exact") != "exact":
        told = told_times(np.exp(-lam), sigmas, inputs.knob("told", "exact"), inputs.knob("log_table", "native"))
    return Walk(levels_of_sigma(np.exp(-lam).astype(inputs.dtype)), told)


class Model:
    """see(x, level): what the network sees in x, the clean sample (`data`) or the noise, with guidance and thresholding."""

    def __init__(self, inputs: SpecInputs, walk: Walk, *, data: bool, threshold: str) -> None:
        self.inputs, self.walk, self.data, self.threshold = inputs, walk, data, threshold
        self.calls = 0

    def __call__(self, x: np.ndarray, level: int) -> np.ndarray:
        told = self.walk.told[level] if self.inputs.told is None else self.inputs.told[self.calls]
        self.calls += 1
        alpha, sigma = self.walk.levels.alpha[level], self.walk.levels.sigma[level]
        if self.data and flowing(self.inputs):  # where alpha is nearly 0, the noise would lose its digits
            return thresholded(self.guided(x, told, level, lambda out, state: flow_read(out, state, sigma)[0]), self.threshold)
        eps = self.guided(x, told, level, lambda out, state: self.as_noise(out, state, alpha, sigma))
        if not self.data:
            return eps
        return thresholded((x - sigma * eps) / alpha, self.threshold)

    def guided(self, x, told, level, read) -> np.ndarray:
        """What `read(out, x)` makes of the answer, with guidance from one doubled batch, unconditional first.

        Ho and Salimans 2022, arXiv 2207.12598.
        """
        scale, network = self.inputs.case.guidance, self.inputs.probe.run
        if scale is None:
            return read(network(x, told, level), x)
        twice = np.concatenate([x, x])
        out = read(network(twice, told, level, np.repeat([0.0, 1.0], len(x))), twice)
        unconditional, conditional = out[: len(x)], out[len(x) :]
        return unconditional + scale * (conditional - unconditional)

    def as_noise(self, out, x, alpha, sigma) -> np.ndarray:
        """The noise that a prediction of noise, velocity, v or x0 stands for."""
        if flowing(self.inputs):
            return flow_read(out, x, sigma)[1]
        if self.inputs.case.parameterization == "v":
            return alpha * out + sigma * x
        return (x - alpha * out) / sigma if self.inputs.case.parameterization == "x0" else out


def thresholded(x0: np.ndarray, how: str) -> np.ndarray:
    """Dynamic thresholding (Saharia et al. 2022, arXiv 2205.11487) with the 99.5th percentile; `static` clips to [-1, 1]."""
    if how == "none":
        return x0
    if how == "static":
        return np.clip(x0, -1, 1)
    size = np.quantile(np.abs(x0).reshape(len(x0), -1), 0.995, axis=1).astype(x0.dtype)[:, None, None, None]
    size = np.maximum(size, 1)
    return np.clip(x0, -size, size) / size


def orders(s: int, n: int, predictor: int, corrector: int, startup: str) -> tuple[int, int]:
    """Orders of predictor and corrector of the step to level s: rising at first, falling at the end.

    The original applies one of the two bounds at a time; `lowered` both in every step, which differs in the shortest runs of order 4;
    `kept` does not lower them at the end.
    """
    rising, falling = (s, s + 1), (n - s + 1, n - s + 2)
    if startup == "kept":
        bounds = rising
    elif startup == "lowered":
        bounds = np.minimum(rising, falling)
    else:
        bounds = rising if s < max(predictor, corrector - 1) else falling
    return min(predictor, int(bounds[0])), min(corrector, int(bounds[1]))


def strength(tau, walk: Walk, s: int, tau_from: str) -> float:
    """Tau of the step to level s: a constant, or the README's 'middle', which is asked at the level that the step ends at.

    `start`: diffusers asks at the level where it begins, and in training times, 200 to 800, which are the original's less one.
    """
    if tau != "middle":
        return tau
    if tau_from == "start":
        return float(200 <= walk.told[s - 1] <= 800)
    return float(200 <= walk.told[s] + 1 <= 800)


def drawn(case: Case, knobs) -> list[int]:
    """Which of the seed's normal tensors (0: the start) move the sample where each step draws one and none is drawn before."""
    levels, nothing = schedule(case.schedule), np.zeros(case.shape)
    inputs = SpecInputs(case, np.dtype(np.float64), levels, Probe(network("open", levels)), nothing, tape(case.seed, case.shape), knobs)
    walk = grid(inputs, log_alphas(inputs))
    last = case.steps if knobs.get("last_tau") == "as_any" else case.steps - 1
    tau, tau_from = case.options["tau"], knobs.get("tau_from", "end")
    return [0, *(s for s in range(1, last + 1) if strength(tau, walk, s, tau_from))]


def refused(inputs: SpecInputs) -> Observation:
    """An observation of a run with fewer steps than its orders need."""
    blank, none = np.zeros(inputs.case.shape), np.zeros((0, *inputs.case.shape))
    error = StepError("AssertionError", "", "sa_solver.py: sample", own=True)
    return Observation(EMPTY, np.zeros(0, np.int64), none, EMPTY, "sigma", blank, blank, error=error)


def run(sample, inputs: SpecInputs) -> Observation:
    """Run one SA-Solver spec and observe it."""
    options = {"predictor_order": 3, "corrector_order": 4, "pc_mode": "PEC", **inputs.case.options}
    if inputs.case.steps - skipped(inputs, inputs.case.steps) < max(options["predictor_order"], options["corrector_order"] - 1):
        return refused(inputs)
    own = {name: value for name, value in inputs.knobs.items() if name not in KNOBS}
    data = options.pop("algorithm_type", "data_prediction") == "data_prediction"
    threshold = own.pop("threshold", "dynamic")
    threshold = threshold if options.pop("correcting_x0_fn", None) else "none"
    walk, levels = (flow_walk if flowing(inputs) else own_walk)(inputs, options)
    at = walk.levels
    if inputs.knob("noised_at", "level") == "whole_time":
        at = levels_of((np.log(alpha_bars(inputs)[walk.told.astype(int)]) / 2).astype(inputs.dtype))
    begun = buried(inputs, at.alpha[0], at.sigma[0])
    spread, spread_at_end = spread_of_flow(levels[[0, -1]]) if flowing(inputs) else np.ones(2, inputs.dtype)
    x = inputs.start_noise if inputs.start is None else inputs.start * spread
    if inputs.start is None and begun is not None:
        x = begun
    elif inputs.start is None and inputs.knob("start", "unit") == "sigma":
        x = x * walk.levels.sigma[0]
    out, clean = sample(Model(inputs, walk, data=data, threshold=threshold), x, walk, inputs.draw, **options, **own)
    levels = np.append(levels, levels.dtype.type(0)) if clean else levels
    kind = "flow" if flowing(inputs) else "sigma"
    return inputs.probe.observation(levels=levels, level_kind=kind, start=x / spread, sample=out / spread_at_end)


def own_walk(inputs: SpecInputs, options) -> tuple[Walk, np.ndarray]:
    """The steps of a run, and its levels sigma / alpha."""
    walk = grid(inputs, log_alphas(inputs))
    left = len(walk) if inputs.levels is None else len(inputs.levels) - 1
    if first := max(skipped(inputs, len(walk)), len(walk) - left):
        walk = Walk(Levels(*(getattr(walk.levels, f.name)[first:] for f in fields(Levels))), walk.told[first:])
    if inputs.levels is None:
        return walk, walk.levels.sigma / walk.levels.alpha
    sigma = inputs.nudged(inputs.levels.astype(inputs.dtype))[: len(walk) + 1]
    return Walk(levels_of_sigma(sigma), walk.told if inputs.told is None else told_at(inputs, len(walk), options)), sigma


def flow_walk(inputs: SpecInputs, options) -> tuple[Walk, np.ndarray]:
    """The same for a network of flow matching, whose levels are s: alpha is 1 - s there. The last one is there twice."""
    found, told = flow_levels(inputs)
    s, told = (np.append(each, each[-1]) for each in (found, told))
    if inputs.levels is not None:
        s, told = inputs.levels, told_at(inputs, len(inputs.levels) - 1, options)
    s = inputs.nudged_steps(s.astype(inputs.dtype))
    return Walk(Levels(1 - s, s, np.log((1 - s) / s)), told.astype(inputs.dtype)), s


def told_at(inputs: SpecInputs, n: int, options) -> np.ndarray:
    """The times told at each of n + 1 levels, from those told in each call."""
    calls = np.asarray(inputs.told, np.float64)
    each = 2 if options["pc_mode"] == "PECE" and options["corrector_order"] > 0 else 1
    firsts = [0, *(1 + each * k for k in range(n))]
    return np.array([calls[i] if i < len(calls) else 0.0 for i in firsts])
