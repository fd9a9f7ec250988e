"""The frame that all k-diffusion specs share: noise-level grids, the denoiser around a network, and the start.

Everything lives at x = x0 + sigma * noise (Karras et al. 2022, arXiv 2206.00364, table 1 with s(t) = 1). A network trained at
training times t is wrapped so that it becomes a denoiser D(x, sigma); so is one in EDM form, which has no table of training times.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from trueto.errors import DataError
from trueto.fixtures.lists import ays_times
from trueto.fixtures.schedules import Continuous
from trueto.observe import Observation, Probe
from trueto.references import edm
from trueto.references.asked import GIVEN, STRENGTH, beta_quantiles, first_picture, skipped
from trueto.references.bounded import bounded, returned
from trueto.references.spec import SpecInputs
from trueto.references.vp import BETAS, TERMINAL, nearly_zero_terminal, training_table

# Known ways in which implementations differ from the original (whose value comes first).
KNOBS = {
    **STRENGTH,
    **GIVEN,
    # Which training times the grid visits. from_zero counts from the clean end, so that a lone step is there, on every grid;
    # whole_from_zero visits the whole times nearest to those, openvino-genai.
    "spacing": ("linspace", "from_zero", "whole_from_zero", "drop_last", "leading", "leading_drop_last", "trailing"),
    "interpolation": ("log_sigma", "sigma"),  # between the tabulated levels
    "told": ("exact", "visited", "rounded", "truncated"),  # the time told: from the level, or the one that the level was made from
    "told_mid": ("exact", "rounded", "truncated"),  # the same for calls between two levels
    # Scale of the first latents; sqrt_1_largest: by the model's largest level, wherever the grid begins.
    "start": ("sigma_max", "unit", "sqrt_1_sigma2", "sqrt_1_largest"),
    "final_sigma": ("zero", "sigma_min"),
    "terminal": TERMINAL,
    "draws": ("original", "sequential"),  # where noise comes from: the original's sampler, or one normal tensor a step
    "table": ("float64", "float32"),  # precision in which the table of levels is built
    **BETAS,
    "grid_dtype": ("native", "float64"),  # precision in which the grid is computed before it is stored
    "log_table": ("native", "float32"),  # precision of the logarithms through which levels become times
}
PRECISION_KNOBS = ("table", "grid_dtype", "log_table")


def training_sigmas(inputs: SpecInputs) -> np.ndarray:
    """sigma(t) = sqrt((1 - alpha_bar) / alpha_bar) for every training time, shape (T,); only the two ends for a network in EDM form."""
    if isinstance(inputs.schedule, Continuous):
        return np.array([edm.SIGMA_MIN, edm.SIGMA_MAX])
    alpha_bar = training_table(inputs)
    alpha_bar = alpha_bar if alpha_bar.dtype == np.float32 else alpha_bar.astype(inputs.dtype)
    if inputs.knob("terminal", "own") == "nearly_zero":
        alpha_bar = nearly_zero_terminal(alpha_bar)
    return np.sqrt((1 - alpha_bar) / alpha_bar).astype(inputs.dtype)


def visited_times(n: int, last: int, spacing: str, dtype: np.dtype) -> np.ndarray:
    """The training times of an n-step grid, from noisy to clean."""
    if spacing == "drop_last":
        return np.round(np.linspace(0, last, n + 1))[::-1][:-1].astype(dtype)
    if spacing == "leading":
        return ((np.arange(n) * ((last + 1) // n))[::-1] + 1).astype(dtype)
    if spacing == "leading_drop_last":  # the same of n + 1 steps without the last, at the clean end
        return ((np.arange(n + 1) * ((last + 1) // (n + 1)))[::-1][:-1] + 1).astype(dtype)
    if spacing == "trailing":
        return (np.round(np.arange(last + 1, 0, -(last + 1) / n)[:n]) - 1).astype(dtype)
    if spacing == "whole_from_zero":  # places are worked out in float32, and halves go up
        places = np.arange(n, dtype=np.float32) * (np.float32(last) / np.float32(max(n - 1, 1)))
        return np.floor(places + np.float32(0.5))[::-1].astype(dtype)
    if spacing == "from_zero":  # the same from 2 steps on; a lone step is at time 0 instead of the last
        return np.linspace(0, last, n, dtype=dtype)[::-1]
    return np.linspace(last, 0, n, dtype=dtype)


def sigma_of_time(t: np.ndarray, table: np.ndarray, interpolation: str) -> np.ndarray:
    """Level at continuous training time t: linear in log sigma (the original), or in sigma."""
    values = np.log(table) if interpolation == "log_sigma" else table
    low, high = np.floor(t).astype(int), np.ceil(t).astype(int)
    weight = t - np.floor(t)
    mixed = (1 - weight) * values[low] + weight * values[high]
    return np.exp(mixed) if interpolation == "log_sigma" else mixed


def time_of_sigma(sigma: np.ndarray, table: np.ndarray, log_table: str = "native") -> np.ndarray:
    """The training time told to the network: linear in log sigma, clamped to the table."""
    logs = np.log(table) if log_table == "native" else np.log(table.astype(np.float32)).astype(np.float64)
    low = np.clip(np.searchsorted(logs, np.log(sigma), side="right") - 1, 0, len(logs) - 2)
    weight = np.clip((logs[low] - np.log(sigma)) / (logs[low] - logs[low + 1]), 0, 1)
    return (1 - weight) * low.astype(logs.dtype) + weight * (low + 1).astype(logs.dtype)


def times_of(inputs: SpecInputs, sigmas: np.ndarray, table: np.ndarray) -> np.ndarray:
    """What the network is told at levels: their training times, or c_noise = ln(sigma) / 4 in EDM form (table 1)."""
    if isinstance(inputs.schedule, Continuous):
        return np.log(sigmas) / 4
    return time_of_sigma(sigmas, table, inputs.knob("log_table", "native"))


def model_grid(inputs: SpecInputs, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The training times visited, (n,), and their levels: the model's own for n steps, or those of a list that is given."""
    n, last, given = inputs.case.steps, len(table) - 1, inputs.knob("given", "none")
    if given == "original":
        alpha_bar, times = inputs.schedule.alphas_cumprod, np.linspace(last, 0, n)
        return times, sigma_of_time(times, np.sqrt((1 - alpha_bar) / alpha_bar), "log_sigma").astype(table.dtype)
    if given == "beta" and inputs.knob("beta_of", "time") == "sigma":
        sigmas = table[0] + beta_quantiles(n) * (table[-1] - table[0])
        return time_of_sigma(sigmas, table), sigmas.astype(table.dtype)
    if given == "beta":
        times = (beta_quantiles(n) * last).astype(table.dtype)
    elif given == "ays":
        times = ays_times(n).astype(table.dtype)
    else:
        times = visited_times(n, last, inputs.knob("spacing", "linspace"), table.dtype)
    return times, sigma_of_time(times, table, inputs.knob("interpolation", "log_sigma"))


def grid(inputs: SpecInputs, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The levels sigma_0 > ... > sigma_{n-1} > 0 that the original walks, shape (n + 1,), and the times told there, (n,)."""
    n, name = inputs.case.steps, inputs.case.grid
    low, high = table[0], table[-1]
    exact = inputs.knob("grid_dtype", "native") == "float64"
    dtype = np.dtype(np.float64) if exact else inputs.dtype
    low, high = float(low), float(low if n == 1 and inputs.knob("spacing", "linspace") == "from_zero" else high)
    ramp = np.linspace(0, 1, n, dtype=dtype)
    if name == "karras":  # Karras et al. 2022, equation 5, rho = 7
        sigmas = edm.karras_levels(ramp, low, high)
    elif name == "exponential":
        logs = np.linspace(np.log(high), np.log(low), n, dtype=dtype)
        from_low = inputs.knob("spacing", "linspace") == "from_zero"
        sigmas = np.exp(np.linspace(np.log(low), np.log(high), n, dtype=dtype)[::-1] if from_low else logs)
    elif name == "polyexponential":  # linear in log sigma after the ramp is raised to rho = 1.5
        sigmas = np.exp(ramp[::-1] ** 1.5 * (np.log(high) - np.log(low)) + np.log(low))
    elif name == "vp":  # Song et al. 2021, the continuous VP schedule with beta_d = 19.9, beta_min = 0.1
        t = np.linspace(1, 1e-3, n, dtype=dtype)
        sigmas = np.sqrt(np.exp(19.9 * t**2 / 2 + 0.1 * t) - 1)
    else:
        times, sigmas = model_grid(inputs, table.astype(dtype))
    last = table[0] if inputs.knob("final_sigma", "zero") == "sigma_min" else 0
    visited = name == "model" and inputs.knob("told", "exact") == "visited"
    told = times if visited else times_of(inputs, sigmas, table)
    return np.append(sigmas.astype(inputs.dtype), np.asarray(last, inputs.dtype)), told


class Denoiser:
    """D(x, sigma) from a network that was trained at discrete times or in EDM form, and the bookkeeping of its calls."""

    clip = "none"

    def __init__(self, inputs: SpecInputs, table: np.ndarray, sigmas: np.ndarray, times: np.ndarray, before: np.ndarray) -> None:
        self.inputs, self.table, self.before = inputs, table, before  # before: the levels left out at the noisy end
        self.steps, self.kind = inputs.case.steps, inputs.case.parameterization
        self.at_level = {float(sigma): t for sigma, t in zip(sigmas, times, strict=False)}
        self.calls = 0

    def told(self, sigma: np.ndarray, *, mid: bool) -> np.ndarray:
        if self.inputs.told is not None:
            return np.asarray(self.inputs.told[self.calls])
        if self.kind == "edm":
            return times_of(self.inputs, np.asarray(sigma), self.table)
        between = mid or float(sigma) not in self.at_level
        t = time_of_sigma(np.asarray(sigma), self.table) if between else self.at_level[float(sigma)]
        rounding = self.inputs.knob("told_mid" if between else "told", "exact")
        return {"exact": t, "visited": t, "rounded": np.round(t), "truncated": np.floor(t)}[rounding]

    def __call__(
        self, x: np.ndarray, sigma: np.ndarray, step: int, *, mid: bool = False, read_as: tuple[np.ndarray, np.ndarray] | None = None
    ) -> np.ndarray:
        """D(x, sigma), the clean sample that the network sees in x.

        `mid` says that sigma lies inside a step (it can fall on a level of the grid by chance, up to rounding).
        `read_as` is the (x, sigma) for which the network's answer is taken, where an implementation calls the network before it changes x.
        """
        c_in = edm.scalings(sigma)[2] if self.kind == "edm" else 1 / np.sqrt(sigma**2 + 1)
        out = self.inputs.probe.run(x * c_in, self.told(sigma, mid=mid), step)
        self.calls += 1
        return bounded(self.denoised(out, *((x, sigma) if read_as is None else read_as)), self.clip)

    def denoised(self, out: np.ndarray, x: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        """The clean sample in x by the network's answer."""
        if self.kind == "eps":
            return x - sigma * out
        if self.kind == "edm":
            return edm.wrapped(x, out, sigma)
        if self.kind == "v":
            return x / (sigma**2 + 1) - out * sigma / np.sqrt(sigma**2 + 1)
        return out


def churned(x, sigma, draw, steps, s_churn, s_tmin, s_tmax, s_noise):
    """Raise the level by a factor 1 + gamma and add the noise that makes up for it (Karras et al. 2022, algorithm 2).

    Returns (x_hat, sigma_hat).
    """
    sigma_hat = edm.churned_level(sigma, steps, s_churn, s_tmin, s_tmax)
    if sigma_hat == sigma:
        return x, sigma
    return x + s_noise * np.sqrt(sigma_hat**2 - sigma**2) * draw, sigma_hat


def ancestral_split(sigma, sigma_next, eta):
    """Split a step into a deterministic one to `down` and fresh noise of size `up`, down^2 + up^2 = sigma_next^2.

    Song, Meng and Ermon 2021 (arXiv 2010.02502), equation 16, in terms of sigma: eta = 1 is the posterior of DDPM, eta = 0 is DDIM.
    More noise than sigma_next is cut off.
    """
    up = np.minimum(sigma_next, eta * np.sqrt(sigma_next**2 * (sigma**2 - sigma_next**2) / sigma**2))
    return np.sqrt(sigma_next**2 - up**2), up


def start_scale(sigma: np.ndarray, rule: str, largest: np.ndarray | None = None) -> np.ndarray:
    """Standard deviation of the first x: sigma_max, or what makes the network see noise of variance one, at sigma or the largest level."""
    if rule == "sqrt_1_largest" and largest is not None:
        return np.sqrt(largest**2 + 1).astype(sigma.dtype)
    return sigma if rule == "sigma_max" else np.sqrt(sigma**2 + 1)


def walks(*, by_range: bool = False, whole_batch: bool = False) -> Callable:
    """Mark a sampler that chooses its own levels between the two ends, or decides by a norm over the whole batch."""

    def mark(sample: Callable) -> Callable:
        sample.by_range, sample.whole_batch = by_range, whole_batch
        return sample

    return mark


def run(sample, inputs: SpecInputs) -> Observation:
    """Run one k-diffusion spec and observe it."""
    if inputs.copies > 1 and getattr(sample, "whole_batch", False):
        return stacked([run(sample, single) for single in copies_apart(inputs)])
    table = training_sigmas(inputs)
    by_range = getattr(sample, "by_range", False)
    if inputs.levels is None and not by_range:
        sigmas, times = grid(inputs, table)
        first = skipped(inputs, len(times))
        before, sigmas, times = sigmas[:first], sigmas[first:], times[first:]
    else:
        before, sigmas = table[:0], table[[-1, 0]] if inputs.levels is None else inputs.levels.astype(inputs.dtype)
        times = times_of(inputs, sigmas[:-1], table)
    sigmas = sigmas if by_range else inputs.nudged(sigmas)  # as record.py: the ends are the model's own
    denoise = Denoiser(inputs, table, sigmas, times, before)
    picture = first_picture(inputs)
    if inputs.start is not None:
        x = inputs.start * np.sqrt(sigmas[0] ** 2 + 1)
    elif picture is not None:
        x = picture + inputs.start_noise * sigmas[0]
    else:
        x = inputs.start_noise * start_scale(sigmas[0], inputs.knob("start", "sigma_max"), table[-1])
    start = x / np.sqrt(sigmas[0] ** 2 + 1)
    own = {k: v for k, v in inputs.knobs.items() if k not in KNOBS}
    denoise.clip = own.pop("clip", "none")
    handed = own.pop("returned", "whole")
    out = returned(sample(denoise, x, sigmas, inputs.draw, **inputs.case.options, **own), handed)
    return inputs.probe.observation(levels=sigmas, level_kind="sigma", start=start, sample=out / np.sqrt(sigmas[-1] ** 2 + 1))


def copies_apart(inputs: SpecInputs) -> list[SpecInputs]:
    """The stacked runs of `inputs` as runs of their own: a norm over the batch must not mix them."""
    starts = [None] * inputs.copies if inputs.start is None else np.split(inputs.start, inputs.copies)
    noises = np.split(inputs.start_noise, inputs.copies)
    return [
        replace(inputs, probe=Probe(inputs.probe.net), start_noise=noise, start=start, copies=1)
        for noise, start in zip(noises, starts, strict=True)
    ]


def stacked(runs: list[Observation]) -> Observation:
    """Runs of their own, stacked along the batch again."""
    if len({run.states.shape for run in runs}) > 1:
        raise DataError(
            "a nudge of one unit in the last place changes the number of network calls of this adaptive sampler",
            "choose another case: this one says nothing about any implementation",
        )
    return replace(
        runs[0],
        states=np.concatenate([run.states for run in runs], axis=1),
        start=np.concatenate([run.start for run in runs]),
        sample=np.concatenate([run.sample for run in runs]),
    )
