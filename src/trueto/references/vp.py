"""What specs of variance-preserving samplers share: x = sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) noise at whole training times.

That is Ho et al. 2020 (arXiv 2006.11239), equation 4. Such a state needs no scaling. Formulas take the state x (B, C, H, W), the noise
`eps` that the network sees in it, and alpha_bar before (`a`) and after (`b`) a step.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from trueto.fixtures.schedules import float32_alphas_cumprod, short_alphas_cumprod
from trueto.observe import EMPTY, Observation, StepError
from trueto.references.spec import SpecInputs

__all__ = [
    "ADAMS_BASHFORTH",
    "BETAS",
    "PREDICTS",
    "TERMINAL",
    "Told",
    "counted_places",
    "ddim_sigma",
    "ddim_step",
    "even_places",
    "even_times",
    "first_state",
    "mean_slope",
    "nearest_times",
    "nearly_zero_terminal",
    "predicted_x0",
    "read_as",
    "refused",
    "rounded_table",
    "strided_times",
    "training_table",
    "transfer",
    "zero_terminal",
]

Array = np.ndarray[Any, np.dtype[Any]]

# Adams-Bashforth weights for equal steps, newest slope first, with their common divisor (Liu et al. 2022, arXiv 2202.09778, equation 12).
ADAMS_BASHFORTH = {1: ((1,), 1), 2: ((3, -1), 2), 3: ((23, -16, 5), 12), 4: ((55, -59, 37, -9), 24)}


def transfer(x: Array, eps: Array, a: Any, b: Any) -> Array:
    """phi(x, eps): carry the state from a to b (Liu et al. 2022, equation 9); the same as a DDIM step without noise."""
    return np.sqrt(b / a) * x - (b - a) / (np.sqrt(a) * (np.sqrt((1 - b) * a) + np.sqrt((1 - a) * b))) * eps


def mean_slope(slopes: list[Array]) -> Array:
    """The slope of a multistep method from the network's answers, newest first, as many as there are (equation 12)."""
    weights, divisor = ADAMS_BASHFORTH[len(slopes)]
    return np.asarray(sum(w * e for w, e in zip(weights, slopes, strict=True)) / divisor)


def predicted_x0(x: Array, eps: Array, a: Any) -> Array:
    """The clean sample that is left of x without eps: 'predicted x0' of Song et al. 2020 (arXiv 2010.02502), equation 12."""
    return (x - np.sqrt(1 - a) * eps) / np.sqrt(a)


# What the network's answer is taken for, in specs of originals that know noise only: velocity, or the clean picture (Salimans and Ho 2022,
# arXiv 2202.00512, section 4 and appendix D).
PREDICTS = {"predicts": ("eps", "v", "x0")}


def read_as(kind: str, out: Array, x: Array, a: Any) -> tuple[Array, Array]:
    """The clean sample and the noise (x0, eps) in x by an answer of that kind."""
    if kind == "v":
        return np.sqrt(a) * x - np.sqrt(1 - a) * out, np.sqrt(a) * out + np.sqrt(1 - a) * x
    if kind == "x0":
        return out, (x - np.sqrt(a) * out) / np.sqrt(1 - a)
    return predicted_x0(x, out, a), out


def ddim_sigma(a: Any, b: Any) -> Any:
    """The fresh noise of a step from a to b at eta = 1 (Song et al. 2020, equation 16); its square is the posterior variance of DDPM."""
    return np.sqrt((1 - b) / (1 - a) * (1 - a / b))


def ddim_step(x0: Array, eps: Array, b: Any, sigma: Any) -> Array:
    """The state at b without its fresh noise of size sigma: x0 and the 'direction pointing to x_t' (Song et al. 2020, equation 12)."""
    return np.sqrt(b) * x0 + np.sqrt(1 - b - sigma**2) * eps


# Where the even places end that betas are made from. short_of_end: openvino-genai, where the last beta is the last but one of T + 1.
BETAS = {"betas": ("to_end", "short_of_end")}


def training_table(inputs: SpecInputs) -> Array:
    """alpha_bar of every training time (T,), by the knobs `table` and `betas`: in float32 if the table is, else in float64."""
    lower = inputs.knob("table", "float64") == "float32"
    if inputs.knob("betas", "to_end") == "short_of_end":
        return short_alphas_cumprod(inputs.schedule, np.float32 if lower else np.float64)
    return float32_alphas_cumprod(inputs.schedule) if lower else inputs.schedule.alphas_cumprod


def rounded_table(inputs: SpecInputs) -> Array:
    """alpha_bar of every training time (T,): betas rounded to the run's dtype, and their products rounded to it again.

    So do codebases that keep betas in float32. With the knob `table` at float32 betas are computed in float32 as well.
    """
    if inputs.knob("table", "rounded") == "float32":
        return float32_alphas_cumprod(inputs.schedule).astype(inputs.dtype)
    alphas = 1 - inputs.schedule.betas.astype(inputs.dtype)
    return np.cumprod(alphas.astype(np.float64)).astype(inputs.dtype)


def zero_terminal(table: Array) -> Array:
    """The table (T,) moved and stretched so that nothing of the signal is left at its end (Lin et al. 2023, arXiv 2305.08891, algorithm 1).

    In the precision of the table; by way of betas, as the algorithm has it.
    """
    root = np.sqrt(table)
    root = (root - root[-1]) * (root[0] / (root[0] - root[-1]))
    alpha_bar = root**2
    betas = 1 - np.append(alpha_bar[:1], alpha_bar[1:] / alpha_bar[:-1])
    return np.cumprod((1 - betas).astype(np.float64)).astype(table.dtype)


# zero: nothing of the signal is left at the noisiest training time; nearly_zero: alpha_bar is 2^-24 there, so that sigma / alpha is finite
# (diffusers' schedulers that step in sigma).
TERMINAL = ("own", "nearly_zero")
NEARLY = 2.0**-24


def nearly_zero_terminal(table: Array) -> Array:
    """`zero_terminal` with its last entry at 2^-24."""
    found = zero_terminal(table)
    found[-1] = NEARLY
    return found


def strided_times(n: int, total: int, *, asked: bool = False) -> Array:
    """Every (total // n)-th training time from 0 on, from noisy to clean: all below `total`, or just the first n as `asked`."""
    stride = total // n
    return (np.arange(n) * stride if asked else np.arange(0, total, stride))[::-1]


def even_places(first: int, last: int, n: int, dtype: np.dtype[Any]) -> Array:
    """`n` even places from `first` to `last`, worked out in a dtype from both ends, as torch.linspace does."""
    if n == 1:
        return np.array([first], dtype)
    step, index = np.divide(last - first, n - 1, dtype=dtype), np.arange(n).astype(dtype)
    return np.where(index < n // 2, dtype.type(first) + step * index, dtype.type(last) - step * (n - 1 - index))


def counted_places(total: int, n: int, dtype: np.dtype[Any]) -> Array:
    """The whole places at or below n even ones from `total` down to 0, worked out in a dtype as JAX does; a lone one is 0."""
    return np.floor(total * (np.arange(n, dtype=dtype) / dtype.type(max(n - 1, 1)))).astype(int)[::-1]


def even_times(n: int, last: int, dtype: np.dtype[Any]) -> Array:
    """The whole times nearest to n even places from `last` down to 0."""
    return np.round(even_places(last, 0, n, dtype)).astype(int)


def nearest_times(levels: Array, table: Array) -> Array:
    """The training times whose alpha_bar is nearest to each of `levels`."""
    return np.abs(table[None, :] - levels[:, None]).argmin(axis=1)


class Told:
    """network(x, time, step): the network's answer at a time of the spec's own, or at the next of the times that a candidate told."""

    def __init__(self, inputs: SpecInputs) -> None:
        self.inputs = inputs
        self.calls = 0

    def __call__(self, x: Array, time: Any, step: int) -> Array:
        """The network's answer about x in sampling step `step`."""
        told = time if self.inputs.told is None else self.inputs.told[self.calls]
        self.calls += 1
        return self.inputs.probe.run(x, told, step)


def first_state(inputs: SpecInputs, level: Any) -> Array:
    """The first x: the one given, or noise of variance one; with the knob `start` at `sigma` as much noise as there is at `level`."""
    if inputs.start is not None:
        return inputs.start
    return inputs.start_noise * np.sqrt(1 - level) if inputs.knob("start", "unit") == "sigma" else inputs.start_noise


def refused(inputs: SpecInputs, error: StepError) -> Observation:
    """An observation of a run that ended with `error`, after the network calls made so far."""
    blank = np.zeros(inputs.case.shape, np.float64)
    probe = inputs.probe
    states = np.stack(probe.states) if probe.states else np.zeros((0, *inputs.case.shape))
    told, steps = np.asarray(probe.told, np.float64), np.asarray(probe.steps, np.int64)
    return Observation(told, steps, states, EMPTY, "alpha_bar", blank, blank, error=error)
