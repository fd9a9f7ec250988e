"""What the specs of OpenAI's diffusion code and its ancestor share: respaced times, their levels, and the two ends of a Gaussian step.

Everything is variance preserving, x = sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) noise (Ho et al. 2020, arXiv 2006.11239, equation 4), and
the chain of the visited times is a diffusion of its own, with betas of its own (Nichol and Dhariwal 2021, arXiv 2102.09672, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trueto.fixtures import variance_channels
from trueto.fixtures.schedules import float32_alphas_cumprod
from trueto.observe import EMPTY, Observation, StepError
from trueto.references.asked import STRENGTH, buried, skipped
from trueto.references.spec import SpecInputs

__all__ = [
    "KNOBS",
    "PRECISION_KNOBS",
    "Model",
    "Walk",
    "clean_from_noise",
    "gradient",
    "known_part",
    "noise_from_clean",
    "posterior_mean",
    "run",
]

Array = np.ndarray[Any, np.dtype[Any]]

# Known ways in which implementations differ from the originals (whose value comes first), with a library that does so.
KNOBS = {
    "spacing": ("respaced", "asked"),  # asked: diffusers' timestep_spacing "leading", every (T // n)-th time from 0
    # How the places of even times come about, which decides what a place halfway between two times is rounded to. added_up: the fractional
    # stride is added again and again; each: a place is worked out by itself, as numpy's linspace does.
    "places": ("added_up", "each"),
    "start": ("unit", "sigma"),  # sigma: start = noise * sqrt(1 - alpha_bar), which is not unit variance
    "draws": ("original", "sequential"),
    "table": ("float64", "float32"),  # precision in which the table of levels is built; float32: diffusers
    **STRENGTH,
}
# A knob of every algorithm: precision of what is worked out from two levels. native: from rounded levels, in the precision of the state.
# table: by way of beta, which in the last step is the table's; diffusers' UnCLIPScheduler.
COEFFICIENTS = {"coefficients": ("float64", "native", "table")}
PRECISION_KNOBS = ("table", "coefficients")
FRAME_OPTIONS = ("sections", "rescale_timesteps", "temperature")  # options that the specs themselves do not see


def even_times(size: int, count: int) -> list[int]:
    """`count` times evenly from 0 to size - 1, rounded half to even; the fractional stride is added up."""
    stride = 1.0 if count <= 1 else (size - 1) / (count - 1)
    place, times = 0.0, []
    for _ in range(count):
        times.append(round(place))
        place += stride
    return times


def visited_times(inputs: SpecInputs) -> list[int] | StepError:
    """The training times of the case's grid, from clean to noisy, without repetition; or how the original refuses them.

    `spaced` is n even times from 0 to T - 1, `ddim` the smallest whole stride from 0 that gives n times, `sections` several even
    spacings one after the other, counted from the clean end.
    """
    n, total, grid = inputs.case.steps, len(inputs.schedule), inputs.case.grid
    if inputs.knob("spacing", "respaced") == "asked":
        return [i * (total // n) for i in range(n)]
    if grid == "ddim":
        for stride in range(1, total):
            if len(range(0, total, stride)) == n:
                return list(range(0, total, stride))
        message = f"cannot create exactly {total} steps with an integer stride"
        return StepError("ValueError", message, "respace.py: space_timesteps", own=True)
    if grid == "fast27":  # GLIDE: five sections, and the noisiest time replaced by the one two below it
        last = total - 3 if inputs.knob("spacing", "respaced") == "respaced" else total - 1
        return sorted({*_sections("10,10,3,2,2", total)} - {total - 1} | {last})
    if grid == "spaced" and inputs.knob("places", "added_up") == "each":
        return sorted({int(time) for time in np.round(np.linspace(0, total - 1, n))})
    return sorted(set(_sections(inputs.case.options.get("sections", str(n)), total)))


def _sections(counts: str, total: int) -> list[int]:
    """Even times section by section; the first sections are one longer where T is no multiple of their number."""
    wanted = [int(count) for count in counts.split(",")]
    times, begin = [], 0
    for index, count in enumerate(wanted):
        size = total // len(wanted) + (index < total % len(wanted))
        times += [begin + time for time in even_times(size, count)]
        begin += size
    return times


@dataclass(frozen=True, slots=True)
class Walk:
    """The S steps from noisy to clean: step i goes from alpha_bar `before[i]` to `after[i]`, both float64, with the step's own `beta[i]`.

    `times` (S,) are the training times, `table` (T,) alpha_bar of all of them.
    """

    times: Array
    before: Array
    after: Array
    beta: Array
    table: Array
    inputs: SpecInputs

    def __len__(self) -> int:
        return len(self.before)

    def after_first(self, count: int) -> Walk:
        """The walk without its first `count` steps."""
        kept = {name: getattr(self, name)[count:] for name in ("times", "before", "after", "beta")}
        return replace(self, **kept)

    def step(self, i: int, coefficients: str = "float64") -> tuple[Any, Any, Any, Any]:
        """alpha_bar before and after step i, its alpha and its beta, in the precision in which coefficients are worked out."""
        if coefficients == "float64":
            return self.before[i], self.after[i], 1 - self.beta[i], self.beta[i]
        a, b = self._rounded(self.before)[i], self._rounded(self.after)[i]
        if coefficients == "native":
            return a, b, a / b, 1 - a / b
        of_table = coefficients == "betas" or i == len(self) - 1
        beta = self.dtype.type(self.inputs.schedule.betas[self.times[i]]) if of_table else 1 - a / b
        return a, b, 1 - beta, beta

    def _rounded(self, levels: Array) -> Array:
        """Levels in the precision of the state; in a nudged repetition they move by one unit of that, but an exact 1 stays."""
        rounded = levels.astype(self.dtype)
        return np.where(rounded == 1, rounded, self.inputs.nudged(rounded))

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of the state."""
        return self.inputs.dtype

    def strided(self, i: int, coefficients: str = "float64") -> Any:
        """alpha_bar at T // S training times below that of step i, 1 below time 0."""
        time = self.times[i] - len(self.table) // len(self)
        levels = self.table if coefficients == "float64" else self._rounded(self.table)
        return levels[time] if time >= 0 else self.dtype.type(1)

    def log_variance(self, i: int, kind: str, learned: Array | None, coefficients: str = "float64") -> Any:
        """Logarithm of the variance of the noise that step i adds: a scalar, or an array where it is learned.

        `fixed_small` is the variance of the posterior, `fixed_large` beta (Ho et al. 2020, section 3.2), `learned_range` lies between their
        logarithms (Nichol and Dhariwal 2021, equation 15), `learned` is what the network says. The last step, whose posterior has no
        variance, borrows that of the step before it.
        """
        if kind == "learned":
            return learned
        last = i == len(self) - 1
        a, b, _, beta = self.step(i - 1 if last else i, coefficients)
        small = np.log((1 - b) / (1 - a) * beta)
        if kind == "fixed_small" or (kind == "fixed_large" and last):
            return self.dtype.type(small)
        large = np.log(self.step(i, coefficients)[3])
        if kind == "fixed_large":
            return self.dtype.type(large)
        assert learned is not None
        v = (learned + 1) / 2
        return v * self.dtype.type(large) + (1 - v) * self.dtype.type(small)


def moved(inputs: SpecInputs, beta: Array) -> Array:
    """The betas of a nudged repetition: every alpha = 1 - beta, then every beta, is moved by one unit in its last place."""
    return beta if inputs.nudge is None else inputs.nudged(1 - inputs.nudged(1 - beta))


def own_walk(inputs: SpecInputs, times: list[int]) -> Walk:
    """The walk through `times` (from clean to noisy): a chain with betas of its own, whose products are taken anew."""
    float32 = inputs.knob("table", "float64") == "float32"
    table = float32_alphas_cumprod(inputs.schedule).astype(np.float64) if float32 else inputs.schedule.alphas_cumprod
    visited = table[times]
    beta = moved(inputs, 1 - visited / np.append(1.0, visited[:-1]))
    visited = visited if float32 else np.cumprod(1 - beta)
    before, after = visited[::-1], np.append(1.0, visited[:-1])[::-1]
    return Walk(np.asarray(times)[::-1], before, after, beta[::-1], table, inputs)


def given_walk(inputs: SpecInputs, levels: Array) -> Walk:
    """Steps through a candidate's own levels, at the times that it tells, or the nearest training times where it tells none."""
    table = float32_alphas_cumprod(inputs.schedule).astype(np.float64) if levels.dtype == np.float32 else inputs.schedule.alphas_cumprod
    levels = levels.astype(np.float64)
    levels = np.where(levels == 1, levels, inputs.nudged(levels))
    before, after = levels[:-1], levels[1:]
    beta = moved(inputs, 1 - before / after)
    told = np.abs(table[None, :] - before[:, None]).argmin(axis=1) if inputs.told is None else inputs.told
    times = np.round(told).astype(int)
    return Walk(times, before, after, beta, table, inputs)


class Model:
    """The network as a spec sees it: model(x, i) is its prediction, with classifier-free guidance where the case has it."""

    def __init__(self, inputs: SpecInputs, walk: Walk) -> None:
        self.inputs, self.walk = inputs, walk
        self.kind = inputs.case.parameterization
        self.scale = 1000 / len(inputs.schedule) if inputs.case.options.get("rescale_timesteps") else 1.0

    def __call__(self, x: Array, i: int, *, learned: bool = False) -> tuple[Array, Array | None]:
        """(prediction, channels of the learned variance or None), both (B, C, H, W), for x at the start of step i."""
        inputs, guidance = self.inputs, self.inputs.case.guidance
        told = self.walk.times[i] * self.scale if inputs.told is None else inputs.told[i]
        if guidance is None:
            out, marks = inputs.probe.run(x, np.asarray(told), i), None
        else:  # one doubled batch, conditional first (Ho and Salimans 2022, arXiv 2207.12598, equation 6 with w = scale - 1)
            doubled = np.repeat([1.0, 0.0], len(x))
            conditional, unconditional = np.split(inputs.probe.run(np.concatenate([x, x]), np.asarray(told), i, doubled), 2)
            out, marks = unconditional + guidance * (conditional - unconditional), np.ones(len(x))
        if not learned:
            return out, None
        return out, variance_channels(inputs.schedule, x.shape, np.full(len(x), float(told)), marks).astype(x.dtype)


def clean_from_noise(x: Array, eps: Array, a: Any, coefficients: str = "float64") -> Array:
    """The clean sample in which the network sees the noise eps (Ho et al. 2020, equation 15).

    In float64 1 / a and 1 / a - 1 are the numbers that are rounded; the latter would lose its digits in the precision of the state.
    """
    weight = x.dtype.type
    if coefficients == "float64":
        return weight(np.sqrt(1 / a)) * x - weight(np.sqrt(1 / a - 1)) * eps
    return (x - weight(np.sqrt(1 - a)) * eps) / weight(np.sqrt(a))


def noise_from_clean(x: Array, x0: Array, a: Any, coefficients: str = "float64") -> Array:
    """The noise that is left of x when the clean sample is x0: the same, turned round."""
    weight = x.dtype.type
    if coefficients == "float64":
        return (weight(np.sqrt(1 / a)) * x - x0) / weight(np.sqrt(1 / a - 1))
    return (x - weight(np.sqrt(a)) * x0) / weight(np.sqrt(1 - a))


def posterior_mean(x0: Array, x: Array, a: Any, b: Any, alpha: Any, beta: Any) -> Array:
    """Mean of the state at alpha_bar b, given the state x at alpha_bar a and the clean sample (Ho et al. 2020, equation 7)."""
    weight = x.dtype.type
    return weight(beta * np.sqrt(b) / (1 - a)) * x0 + weight((1 - b) * np.sqrt(alpha) / (1 - a)) * x


def gradient(x: Array, scale: float) -> Array:
    """What the classifier of a case with classifier guidance answers: the gradient of the logarithm of a normal density around 0.5."""
    return x.dtype.type(scale) * (x.dtype.type(0.5) - x)


def known_part(x0: Array) -> Array:
    """The estimate of the clean sample where the upper half of the picture is known, and is 0.25 everywhere."""
    filled = x0.copy()
    filled[:, :, : x0.shape[2] // 2] = 0.25
    return filled


def refused(inputs: SpecInputs, error: StepError) -> Observation:
    """An observation of a run that ended with `error` before its first network call."""
    blank = np.zeros(inputs.case.shape, np.float64)
    no_states = np.zeros((0, *inputs.case.shape))
    return Observation(EMPTY, np.zeros(0, np.int64), no_states, EMPTY, "alpha_bar", blank, blank, error=error)


def run(sample: Any, inputs: SpecInputs) -> Observation:
    """Run one of these specs and observe it."""
    if inputs.levels is None:
        times = visited_times(inputs)
        if isinstance(times, StepError):
            return refused(inputs, times)
        if len(times) == 1 and inputs.knob("spacing", "respaced") == "respaced":
            message = "index 1 is out of bounds for axis 0 with size 1"
            return refused(inputs, StepError("IndexError", message, "gaussian_diffusion.py: __init__", own=True))
        walk = own_walk(inputs, times).after_first(skipped(inputs, len(times)))
    else:
        walk = given_walk(inputs, inputs.levels)
    temperature = inputs.dtype.type(inputs.case.options.get("temperature", 1.0))
    if inputs.start is None and inputs.knob("start", "unit") == "sigma":
        temperature = temperature * inputs.dtype.type(np.sqrt(1 - walk.before[0]))
    begun = buried(inputs, *(inputs.dtype.type(np.sqrt(share)) for share in (walk.before[0], 1 - walk.before[0])))
    start = inputs.start_noise * temperature if inputs.start is None else inputs.start
    if inputs.start is None and begun is not None:
        start = begun
    options = {k: v for k, v in inputs.case.options.items() if k not in FRAME_OPTIONS}
    own = {k: v for k, v in inputs.knobs.items() if k not in KNOBS}
    out = sample(Model(inputs, walk), start, walk, inputs.draw, **options, **own)
    levels = np.append(walk.before, walk.after[-1]).astype(inputs.dtype)
    return inputs.probe.observation(levels=levels, level_kind="alpha_bar", start=start, sample=out)
