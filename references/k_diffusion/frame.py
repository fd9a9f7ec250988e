"""The frame that all k-diffusion specs share: noise-level grids, the denoiser around a network, and the start.

Everything lives at x = x0 + sigma * noise (Karras et al. 2022, arXiv 2206.00364, table 1 with s(t) = 1). A network trained at
training times t is wrapped so that it becomes a denoiser D(x, sigma).
"""

import numpy as np

from trueto.observe import Observation
from trueto.references.spec import SpecInputs

# Known ways in which implementations differ from the original (whose value comes first).
KNOBS = {
    "spacing": ("linspace", "drop_last", "leading", "trailing"),  # which training times the grid visits
    "interpolation": ("log_sigma", "sigma"),  # between the tabulated levels
    "told": ("exact", "rounded", "truncated"),  # the time told to the network
    "told_mid": ("exact", "rounded", "truncated"),  # the same for calls between two levels
    "start": ("sigma_max", "unit", "sqrt_1_sigma2"),  # scale of the first latents
    "final_sigma": ("zero", "sigma_min"),
    "table": ("float64", "float32"),  # precision in which the beta table is built
    "grid_dtype": ("native", "float64"),  # precision in which the grid is computed before it is stored
}
PRECISION_KNOBS = ("table", "grid_dtype")


def training_sigmas(inputs: SpecInputs) -> np.ndarray:
    """sigma(t) = sqrt((1 - alpha_bar) / alpha_bar) for every training time, shape (T,)."""
    if inputs.knob("table", "float64") == "float32":
        alpha_bar = float32_alpha_bar(inputs.schedule.settings, len(inputs.schedule)).astype(inputs.dtype)
    else:
        alpha_bar = inputs.schedule.alphas_cumprod.astype(inputs.dtype)
    return np.sqrt((1 - alpha_bar) / alpha_bar)


def float32_alpha_bar(settings: dict, times: int) -> np.ndarray:
    """The table as some libraries build it: betas in float32, products of the float32 alphas, rounded to float32."""
    if settings["beta_schedule"] == "squaredcos_cap_v2":
        u = np.arange(times + 1) / times
        curve = np.cos((u + 0.008) / 1.008 * np.pi / 2) ** 2
        betas = np.minimum(1 - curve[1:] / curve[:-1], 0.999).astype(np.float32)
    else:
        power = 0.5 if settings["beta_schedule"] == "scaled_linear" else 1.0
        first, last = np.float32(settings["beta_start"] ** power), np.float32(settings["beta_end"] ** power)
        stride = (last - first) / np.float32(times - 1)
        up = np.arange(times // 2, dtype=np.float32)
        roots = np.concatenate([first + stride * up, (last - stride * np.arange(times - times // 2, dtype=np.float32))[::-1]])
        betas = roots**2 if power == 0.5 else roots
    return np.cumprod((np.float32(1) - betas).astype(np.float64)).astype(np.float32)


def visited_times(n: int, last: int, spacing: str, dtype: np.dtype) -> np.ndarray:
    """The training times of an n-step grid, from noisy to clean."""
    if spacing == "drop_last":
        return np.round(np.linspace(last, 0, n + 1))[:-1].astype(dtype)
    if spacing == "leading":
        return ((np.arange(n) * ((last + 1) // n))[::-1] + 1).astype(dtype)
    if spacing == "trailing":
        return (np.round(np.arange(last + 1, 0, -(last + 1) / n)) - 1).astype(dtype)
    return np.linspace(last, 0, n, dtype=dtype)


def sigma_of_time(t: np.ndarray, table: np.ndarray, interpolation: str) -> np.ndarray:
    """Level at continuous training time t: linear in log sigma (the original), or in sigma."""
    values = np.log(table) if interpolation == "log_sigma" else table
    low, high = np.floor(t).astype(int), np.ceil(t).astype(int)
    weight = t - np.floor(t)
    mixed = (1 - weight) * values[low] + weight * values[high]
    return np.exp(mixed) if interpolation == "log_sigma" else mixed


def time_of_sigma(sigma: np.ndarray, table: np.ndarray) -> np.ndarray:
    """The training time told to the network: linear in log sigma, clamped to the table."""
    logs = np.log(table)
    low = np.clip(np.searchsorted(logs, np.log(sigma), side="right") - 1, 0, len(logs) - 2)
    weight = np.clip((logs[low] - np.log(sigma)) / (logs[low] - logs[low + 1]), 0, 1)
    return (1 - weight) * low.astype(table.dtype) + weight * (low + 1).astype(table.dtype)


def grid(inputs: SpecInputs, table: np.ndarray) -> np.ndarray:
    """The noise levels sigma_0 > ... > sigma_{n-1} > 0 that the original walks, shape (n + 1,)."""
    n, name = inputs.case.steps, inputs.case.grid
    low, high = table[0], table[-1]
    exact = inputs.knob("grid_dtype", "native") == "float64"
    dtype = np.dtype(np.float64) if exact else inputs.dtype
    low, high = float(low), float(high)
    ramp = np.linspace(0, 1, n, dtype=dtype)
    if name == "karras":  # Karras et al. 2022, equation 5, rho = 7
        rho = 7.0
        top, bottom = high ** (1 / rho), low ** (1 / rho)
        sigmas = (top + ramp * (bottom - top)) ** rho
    elif name == "exponential":
        sigmas = np.exp(np.linspace(np.log(high), np.log(low), n, dtype=dtype))
    elif name == "polyexponential":  # linear in log sigma after the ramp is raised to rho = 1.5
        sigmas = np.exp(ramp[::-1] ** 1.5 * (np.log(high) - np.log(low)) + np.log(low))
    elif name == "vp":  # Song et al. 2021, the continuous VP schedule with beta_d = 19.9, beta_min = 0.1
        t = np.linspace(1, 1e-3, n, dtype=dtype)
        sigmas = np.sqrt(np.exp(19.9 * t**2 / 2 + 0.1 * t) - 1)
    else:
        times = visited_times(n, len(table) - 1, inputs.knob("spacing", "linspace"), dtype)
        sigmas = sigma_of_time(times, table.astype(dtype), inputs.knob("interpolation", "log_sigma"))
    last = table[0] if inputs.knob("final_sigma", "zero") == "sigma_min" else 0
    return np.append(sigmas.astype(inputs.dtype), np.asarray(last, inputs.dtype))


class Denoiser:
    """D(x, sigma) from a network that was trained at discrete times, and the bookkeeping of its calls."""

    def __init__(self, inputs: SpecInputs, table: np.ndarray, sigmas: np.ndarray) -> None:
        self.inputs, self.table, self.sigmas = inputs, table, sigmas
        self.calls = 0

    def told(self, sigma: np.ndarray) -> np.ndarray:
        if self.inputs.told is not None:
            return np.asarray(self.inputs.told[self.calls])
        t = time_of_sigma(np.asarray(sigma), self.table)
        rounding = self.inputs.knob("told", "exact") if sigma in self.sigmas else self.inputs.knob("told_mid", "exact")
        return {"exact": t, "rounded": np.round(t), "truncated": np.floor(t)}[rounding]

    def __call__(self, x: np.ndarray, sigma: np.ndarray, step: int) -> np.ndarray:
        c_in = 1 / np.sqrt(sigma**2 + 1)
        out = self.inputs.probe.run(x * c_in, self.told(sigma), step)
        self.calls += 1
        kind = self.inputs.case.parameterization
        if kind == "eps":
            return x - sigma * out
        if kind == "v":
            return x / (sigma**2 + 1) - out * sigma / np.sqrt(sigma**2 + 1)
        return out


def start_scale(sigma: np.ndarray, rule: str) -> np.ndarray:
    """Standard deviation of the first x: sigma_max, or what makes the network see noise of variance one."""
    return sigma if rule == "sigma_max" else np.sqrt(sigma**2 + 1)


def run(sample, inputs: SpecInputs) -> Observation:
    """Run one k-diffusion spec and observe it."""
    table = training_sigmas(inputs)
    sigmas = grid(inputs, table) if inputs.levels is None else inputs.levels.astype(inputs.dtype)
    denoise = Denoiser(inputs, table, sigmas)
    if inputs.start is None:
        x = inputs.start_noise * start_scale(sigmas[0], inputs.knob("start", "sigma_max"))
    else:
        x = inputs.start * np.sqrt(sigmas[0] ** 2 + 1)
    start = x / np.sqrt(sigmas[0] ** 2 + 1)
    own = {k: v for k, v in inputs.knobs.items() if k not in KNOBS}
    out = sample(denoise, x, sigmas, inputs.draw, **inputs.case.options, **own)
    return inputs.probe.observation(
        levels=sigmas, level_kind="sigma", start=start, sample=out / np.sqrt(sigmas[-1] ** 2 + 1)
    )
