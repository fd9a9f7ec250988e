"""The frame that all specs of generative-models share: its noise levels, its denoisers, and the start.

Everything lives at x = x0 + sigma * noise, as in k-diffusion (Karras et al. 2022, arXiv 2206.00364, table 1 with s(t) = 1). Other than
there, levels are taken from the table of training levels without interpolation, and a level between them counts as the nearest one.
"""

import numpy as np
from trueto_references.k_diffusion.frame import start_scale

from trueto.observe import Observation
from trueto.references.asked import STRENGTH, first_picture, skipped
from trueto.references.spec import SpecInputs
from trueto.references.vp import BETAS, training_table

# Known ways in which implementations differ from the original (whose value comes first).
KNOBS = {
    "spacing": (
        "from_last",
        "leading",
        "trailing",
    ),  # training times visited; leading: diffusers as Stable Diffusion XL was released for it
    "start": ("sqrt_1_sigma2", "sigma_max"),  # scale of the first latents; sigma_max: k-diffusion
    "final_sigma": ("zero", "sigma_min"),
    "between": ("nearest", "as_it_is"),  # how a level between two training levels is read, where it is raised or half-way
    "table": ("float64", "float32"),  # precision in which the table of levels is built; float32: diffusers
    **BETAS,
    **STRENGTH,
}
# What the option is when a case does not give it, for the rules of ledgers; samplers that have no such option do not read it.
DEFAULTS = {"s_churn": 0.0}
PRECISION_KNOBS = ("table",)

RHO = 7.0


def training_sigmas(inputs: SpecInputs) -> np.ndarray:
    """sigma(t) = sqrt((1 - alpha_bar) / alpha_bar) for every training time, shape (T,); none where levels are a formula."""
    if inputs.case.grid != "legacy":
        return np.zeros(0, inputs.dtype)
    alpha_bar = training_table(inputs)
    squared = (1 - alpha_bar) / alpha_bar
    return np.sqrt(squared if squared.dtype == np.float32 else squared.astype(inputs.dtype)).astype(inputs.dtype)


def visited_times(n: int, total: int, spacing: str) -> np.ndarray:
    """The training times of an n-step grid, from noisy to clean."""
    if spacing == "leading":  # for n = total this begins at time `total`, outside of the table
        return np.arange(n)[::-1] * (total // n) + 1
    if spacing == "trailing":
        return np.round(np.arange(total, 0, -total / n)[:n]).astype(int) - 1
    if n == total:
        return np.arange(total)[::-1]
    return np.floor(np.linspace(total - 1, 0, n, endpoint=False)).astype(int)  # from the last one, so that time 0 is never visited


def grid(inputs: SpecInputs, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The levels sigma_0 > ... > sigma_{n-1} > 0, shape (n + 1,), and what the network is told at them, (n,)."""
    n, dtype = inputs.case.steps, inputs.dtype
    if inputs.case.grid == "legacy":
        told = visited_times(n, len(table), inputs.knob("spacing", "from_last"))
        sigmas = table[np.minimum(told, len(table) - 1)]
    else:  # Karras et al. 2022, equation 5
        low, high = 0.002, 700.0 if inputs.case.schedule == "svd" else 80.0
        ramp = np.linspace(0, 1, n, dtype=dtype)
        sigmas = (high ** (1 / RHO) + ramp * (low ** (1 / RHO) - high ** (1 / RHO))) ** RHO
        told = 0.25 * np.log(sigmas)
    clean = table if len(table) else sigmas[::-1]
    last = clean[0] if inputs.knob("final_sigma", "zero") == "sigma_min" else dtype.type(0)
    return np.append(sigmas, last), told


class Denoiser:
    """D(x, sigma) = c_skip x + c_out F(c_in x, told), with the guidance of the case (Karras et al. 2022, equation 7)."""

    def __init__(self, inputs: SpecInputs, table: np.ndarray, sigmas: np.ndarray, times: np.ndarray) -> None:
        self.inputs, self.table, self.sigmas, self.times = inputs, table, sigmas, times
        self.kind, self.steps = inputs.case.parameterization, inputs.case.steps
        self.on_grid = {float(sigma) for sigma in sigmas}
        self.calls = 0

    def read(self, sigma: np.ndarray) -> np.ndarray:
        """The level as which sigma counts: itself, or the nearest training level where it lies between two."""
        free = not len(self.table) or float(sigma) in self.on_grid or self.inputs.knob("between", "nearest") == "as_it_is"
        return sigma if free else self.table[np.abs(self.table - sigma).argmin()]

    def told(self, sigma: np.ndarray, step: int) -> np.ndarray:
        """What the network is told: the number of the training level, or ln(sigma) / 4."""
        if self.inputs.told is not None:
            return self.inputs.told[self.calls]
        here = step + int(np.argmin(np.abs(self.sigmas[step : step + 2] - sigma)))
        if here < len(self.times) and sigma == self.sigmas[here]:
            return self.times[here]
        return np.abs(self.table - sigma).argmin() if len(self.table) else 0.25 * np.log(sigma)

    def scalings(self, sigma: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """c_skip, c_out and c_in of the three kinds of network."""
        data = 0.25 if self.kind == "edm" else 1.0  # sigma_data squared
        c_in = 1 / np.sqrt(sigma**2 + data)
        if self.kind == "eps":
            return np.ones_like(sigma), -sigma, c_in
        if self.kind == "v":
            return c_in**2, -sigma * c_in, c_in
        return data * c_in**2, sigma * 0.5 * c_in, c_in

    def network(self, x: np.ndarray, told: np.ndarray, step: int) -> np.ndarray:
        """The network's answer, for both branches where the case has guidance."""
        if self.inputs.case.guidance is None:
            return self.inputs.probe.run(x, told, step)
        return self.inputs.probe.run(np.concatenate([x, x]), told, step, np.repeat([0.0, 1.0], len(x)))

    def __call__(self, x, sigma, step, *, mid=False, read_as=None):  # noqa: ARG002 - k-diffusion's samplers pass `mid`
        """D(x, sigma), as the samplers of k-diffusion call it; `read_as` is the (x, sigma) for which the answer is taken."""
        level = self.read(sigma)
        out = self.network(x * self.scalings(level)[2], self.told(level, step), step)
        self.calls += 1
        x, level = (x, level) if read_as is None else read_as
        c_skip, c_out, _ = self.scalings(level)
        scale = self.inputs.case.guidance
        if scale is None:
            return c_skip * x + c_out * out
        unconditional, conditional = (c_skip * x + c_out * half for half in np.split(out, 2))
        return unconditional + scale * (conditional - unconditional)  # Ho and Salimans 2022, arXiv 2207.12598


def run(sample, inputs: SpecInputs) -> Observation:
    """Run one spec of generative-models and observe it."""
    table = training_sigmas(inputs)
    sigmas, times = grid(inputs, table)
    first = skipped(inputs, len(times))
    sigmas, times = sigmas[first:], times[first:]
    if inputs.levels is not None:
        sigmas, times = inputs.levels.astype(inputs.dtype), np.zeros(0)
    sigmas = inputs.nudged(sigmas)
    rule, picture = inputs.knob("start", "sqrt_1_sigma2"), first_picture(inputs)
    if inputs.start is None and picture is not None:
        x = picture + inputs.start_noise * sigmas[0]
    elif inputs.start is None:
        x = inputs.start_noise * start_scale(sigmas[0], rule)
    else:
        x = inputs.start * np.sqrt(sigmas[0] ** 2 + 1)
    start = x / np.sqrt(sigmas[0] ** 2 + 1)
    own = {k: v for k, v in inputs.knobs.items() if k not in KNOBS}
    out = sample(Denoiser(inputs, table, sigmas, times), x, sigmas, inputs.draw, **inputs.case.options, **own)
    return inputs.probe.observation(levels=sigmas, level_kind="sigma", start=start, sample=out / np.sqrt(sigmas[-1] ** 2 + 1))
