"""The frame that all UniPC specs share: the grids of times, what the network predicts, and the predictor-corrector loop.

Everything is variance preserving, x = alpha x0 + sigma noise with alpha^2 + sigma^2 = 1, but for networks of flow matching, whose alpha is
1 - sigma. Levels are kept as sigma / alpha, whose negative logarithm is the half log-SNR lambda of the paper (Zhao et al. 2023, arXiv
2302.04867, section 2). Training time i stands at t = (i + 1) / T, and log alpha is linear in t between two of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trueto.fixtures.schedules import float32_alphas_cumprod
from trueto.observe import EMPTY, Observation, StepError
from trueto.references.asked import STRENGTH, buried, skipped
from trueto.references.flow import flow_read, flowing, spread_of_flow
from trueto.references.spaced import FLOW, LEVELS, SPACINGS, flow_levels, spaced_levels, told_times, whole_times
from trueto.references.spec import SpecInputs

# Known ways in which implementations differ from the original (whose value comes first).
KNOBS = {
    # whole: diffusers rounds each time of the even grid to a training time; leading: its `timestep_spacing` of SDXL's configuration
    "times": ("continuous", "whole", *SPACINGS),
    "levels": LEVELS,  # those of the case's grid, or n levels spaced otherwise between the ends of the table, and the last one again
    "told": ("exact", "rounded", "truncated"),  # the time told for such levels
    "start": ("unit", "sigma"),  # sigma: k-diffusion style, start = noise * sigma_max, which is not unit variance
    "final_sigma": ("first_time", "zero"),  # where the last step ends; zero: diffusers' default final_sigmas_type
    "table": ("float64", "float32"),  # precision in which the table of levels is built; float32: diffusers
    **FLOW,
    **STRENGTH,
}
PRECISION_KNOBS = ("table",)
# What the options are when a case does not give them, for the rules of ledgers.
DEFAULTS = {"predict_x0": True, "thresholding": False}
# The same for what happens inside a step: knobs of each variant of UniPC.
STEP_KNOBS = {
    "threshold": ("dynamic", "one"),  # the bound of thresholding: the quantile, at least 1; or 1: diffusers' default sample_max_value
}


@dataclass(frozen=True, slots=True)
class Walk:
    """The n steps from noisy to clean: step i goes from sigmas[i] to sigmas[i + 1] (sigma / alpha); `times` (n + 1,) are told."""

    kind: ClassVar[str] = "sigma"
    times: np.ndarray
    sigmas: np.ndarray

    def __len__(self) -> int:
        return len(self.sigmas) - 1

    def lead(self, i: int, j: int) -> tuple[np.ndarray, np.ndarray]:
        """Ratios of alpha and of sigma at level j to those at level i."""
        alpha = np.sqrt((1 + self.sigmas[i] ** 2) / (1 + self.sigmas[j] ** 2))
        return alpha, alpha * self.sigmas[j] / self.sigmas[i]

    def scales(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Alpha and sigma at level i."""
        alpha = 1 / np.sqrt(1 + self.sigmas[i] ** 2)
        return alpha, alpha * self.sigmas[i]

    def half_snr(self) -> np.ndarray:
        """Lambda at every level, (n + 1,)."""
        return -np.log(self.sigmas)

    def spread(self, i: int) -> np.ndarray:  # noqa: ARG002 - the same at every level
        """sqrt(alpha^2 + sigma^2)."""
        return self.sigmas.dtype.type(1)


class FlowWalk(Walk):
    """The same through levels s of flow matching, at which alpha is 1 - s and sigma is s."""

    kind: ClassVar[str] = "flow"

    def lead(self, i: int, j: int) -> tuple[np.ndarray, np.ndarray]:
        """Ratios of alpha and of sigma at level j to those at level i."""
        return (1 - self.sigmas[j]) / (1 - self.sigmas[i]), self.sigmas[j] / self.sigmas[i]

    def scales(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Alpha and sigma at level i."""
        return 1 - self.sigmas[i], self.sigmas[i]

    def half_snr(self) -> np.ndarray:
        """Lambda at every level, (n + 1,)."""
        return np.log((1 - self.sigmas) / self.sigmas)

    def spread(self, i: int) -> np.ndarray:
        """sqrt(alpha^2 + sigma^2)."""
        return spread_of_flow(self.sigmas[i])


def training_table(inputs: SpecInputs) -> tuple[np.ndarray, np.ndarray]:
    """(t, log alpha) of every training time, each (T,), rising in t."""
    total = len(inputs.schedule)
    if inputs.knob("table", "float64") == "float32":
        alpha_bar = float32_alphas_cumprod(inputs.schedule).astype(inputs.dtype)
    else:
        alpha_bar = inputs.schedule.alphas_cumprod.astype(inputs.dtype)
    return np.linspace(0, 1, total + 1, dtype=inputs.dtype)[1:], np.log(alpha_bar) / 2


def sigma_over_alpha(log_alpha: np.ndarray) -> np.ndarray:
    """sqrt(1 / alpha^2 - 1)."""
    return np.sqrt(np.expm1(-2 * log_alpha))


def own_walk(inputs: SpecInputs) -> Walk:
    """The times and levels that the original walks, as the knobs change them."""
    if flowing(inputs):
        return flow_walk(inputs)
    t, log_alpha = training_table(inputs)
    n, total = inputs.case.steps, len(t)
    rule, spacing = inputs.knob("times", "continuous"), inputs.knob("levels", "original")
    if spacing != "original":
        times, levels = spaced_walk(inputs, spacing, sigma_over_alpha(log_alpha))
    elif rule != "continuous":
        whole = whole_times(rule, n, total)
        times, levels = whole.astype(inputs.dtype), sigma_over_alpha(log_alpha[whole])
    else:
        grid = even_grid(inputs.case.grid, n, t, log_alpha)
        times = (grid - inputs.dtype.type(1 / total)) * 1000
        levels = sigma_over_alpha(np.interp(grid, t, log_alpha).astype(inputs.dtype))
    if inputs.knob("final_sigma", "first_time") == "zero":
        levels[-1] = 0
    first = skipped(inputs, n)
    return Walk(times[first:], inputs.nudged(levels)[first:])


def flow_walk(inputs: SpecInputs) -> FlowWalk:
    """The steps that a library takes for flow matching; the last level is there twice, or 0 follows it."""
    found, told = flow_levels(inputs)
    end = 0.0 if inputs.knob("final_sigma", "first_time") == "zero" else found[-1]
    first = skipped(inputs, len(found))
    levels = inputs.nudged_steps(np.append(found, end).astype(inputs.dtype))
    return FlowWalk(np.append(told, 0).astype(inputs.dtype)[first:], levels[first:])


def spaced_walk(inputs: SpecInputs, spacing: str, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times and levels, (n + 1,) each, that a library spaces by itself; the last level is there twice."""
    found = spaced_levels(spacing, inputs.case.steps, table)
    told = told_times(found, table, inputs.knob("told", "exact"), inputs.knob("table", "float64"))
    return np.append(told, 0).astype(inputs.dtype), np.append(found, found[-1]).astype(inputs.dtype)


def even_grid(name: str, n: int, t: np.ndarray, log_alpha: np.ndarray) -> np.ndarray:
    """N + 1 times from 1 to 1 / T, even in t, in the square root of t, or in lambda."""
    first, last = t[-1], t[0]
    if name == "uniform":
        return np.linspace(first, last, n + 1, dtype=t.dtype)
    if name == "quadratic":
        return np.linspace(np.sqrt(first), np.sqrt(last), n + 1, dtype=t.dtype) ** 2
    half_snr = -np.log(sigma_over_alpha(log_alpha[[-1, 0]]))
    even = np.linspace(half_snr[0], half_snr[1], n + 1, dtype=t.dtype)
    return np.interp(-np.logaddexp(0, -2 * even) / 2, log_alpha[::-1], t[::-1]).astype(t.dtype)


def given_walk(inputs: SpecInputs, sigmas: np.ndarray) -> Walk:
    """Steps through a candidate's own levels; the times are those of the levels, in case none are given."""
    if flowing(inputs):
        return FlowWalk(np.zeros_like(sigmas), inputs.nudged_steps(sigmas))
    t, log_alpha = training_table(inputs)
    grid = np.interp(-np.log1p(sigmas**2) / 2, log_alpha[::-1], t[::-1])
    return Walk((grid - 1 / len(t)) * 1000, inputs.nudged(sigmas))


class Prediction:
    """predict(x, i): the clean sample or the noise that the network sees in x at level i, as `predict_x0` says."""

    def __init__(self, inputs: SpecInputs, walk: Walk, *, predict_x0: bool, threshold: str) -> None:
        self.inputs, self.walk = inputs, walk
        self.predict_x0, self.threshold = predict_x0, threshold
        self.calls = 0

    def __call__(self, x: np.ndarray, i: int) -> np.ndarray:
        return self.clean(x, i) if self.predict_x0 else self.noise(x, i)

    def network(self, x: np.ndarray, i: int) -> np.ndarray:
        """The network's answer, with classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598) where the case has it."""
        told = self.walk.times[i] if self.inputs.told is None else self.inputs.told[self.calls]
        self.calls += 1
        scale, run = self.inputs.case.guidance, self.inputs.probe.run
        if scale is None:
            return run(x, told, i)
        both = run(np.concatenate([x, x]), told, i, np.repeat([0.0, 1.0], len(x)))
        return both[: len(x)] + scale * (both[len(x) :] - both[: len(x)])

    def noise(self, x: np.ndarray, i: int) -> np.ndarray:
        """The noise in x, from a network that predicts it, the velocity or the clean sample."""
        alpha, sigma = self.walk.scales(i)
        out, kind = self.network(x, i), self.inputs.case.parameterization
        if kind == "flow":
            return flow_read(out, x, sigma)[1]
        if kind == "v":
            return alpha * out + sigma * x
        return (x - alpha * out) / sigma if kind == "x0" else out

    def clean(self, x: np.ndarray, i: int) -> np.ndarray:
        """The clean sample in x; with thresholding each picture's values are clipped at a quantile and divided by it.

        Saharia et al. 2022 (Imagen, arXiv 2205.11487), section 2.3: the 99.5 % quantile, at least 1.
        """
        alpha, sigma = self.walk.scales(i)
        if flowing(self.inputs):  # where alpha is nearly 0, the noise would lose its digits
            out = flow_read(self.network(x, i), x, sigma)[0]
        else:
            out = (x - sigma * self.noise(x, i)) / alpha
        if not self.threshold:
            return out
        sizes = np.abs(out).reshape(len(out), -1)
        bound = np.maximum(np.quantile(sizes, 0.995, axis=1), 1).astype(out.dtype)[:, None, None, None]
        if self.threshold == "one":
            bound = np.ones_like(bound)
        return np.clip(out, -bound, bound) / bound


def exponential_integrals(hh: np.ndarray, count: int) -> np.ndarray:
    """H phi_2(h), ..., h phi_{count + 1}(h) with phi_{k + 1}(h) = (phi_k(h) - 1 / k!) / h and h phi_1(h) = exp(h) - 1."""
    found, value, factorial = [], np.expm1(hh), 1
    for k in range(1, count + 1):
        factorial *= k
        value = value / hh - value.dtype.type(1) / factorial
        found.append(value)
    return np.array(found)


def bh_weights(ratios: np.ndarray, hh: np.ndarray, b_of_h: np.ndarray) -> np.ndarray:
    """B(h) a_m of UniPC: the a_m solve R a = phi / B(h), row n of R being ratios^(n - 1) (theorem 3.1 of the paper).

    A lone weight is 1 / 2 whatever B(h) is, which has the same order.
    """
    if len(ratios) == 1:
        return b_of_h * np.full(1, 0.5, ratios.dtype)
    count = len(ratios)
    powers = ratios[None, :] ** np.arange(count, dtype=ratios.dtype)[:, None]
    factorials = np.cumprod(np.arange(1, count + 1)).astype(ratios.dtype)
    return b_of_h * np.linalg.solve(powers, exponential_integrals(hh, count) * factorials / b_of_h)


Weights = Callable[..., np.ndarray]


def multistep(predict: Prediction, x: np.ndarray, walk: Walk, weights: Weights, order: int, *, lower_order_final: bool) -> np.ndarray:
    """Predict each step with UniP, correct it with UniC, the last one excepted (algorithms 1 and 2 of the paper, multistep).

    `weights(ratios, h, corrects=...)` are those of the divided differences D_m = (m_i - m_0) / r_m, where r_m is how far answer m lies
    from the newest one, in steps. The corrector has the answer at the end of the step too, with r = 1.
    """
    half_snr = walk.half_snr()
    answers = [predict(x, 0)]  # newest first
    for i in range(1, len(walk) + 1):
        room = len(walk) + 1 - i if lower_order_final else order
        p = min(order, i, room)
        h = half_snr[i] - half_snr[i - 1]
        ratios = np.array([(half_snr[i - 1 - m] - half_snr[i - 1]) / h for m in range(1, p)] + [h / h], walk.sigmas.dtype)
        lead, gain, hh = _exponential(walk, i, h, predict_x0=predict.predict_x0)
        base = lead * x - gain * np.expm1(hh) * answers[0]
        differences = [(answer - answers[0]) / r for answer, r in zip(answers[1:p], ratios[:-1], strict=True)]
        x = base
        if p > 1:
            x = x - gain * _mixed(weights(ratios[:-1], hh, corrects=False), differences)  # UniP-p
        if i < len(walk):
            answer = predict(x, i)
            x = base - gain * _mixed(weights(ratios, hh, corrects=True), [*differences, answer - answers[0]])  # UniC-p
            answers = [answer, *answers][:order]
    return x


def _exponential(walk: Walk, i: int, h: np.ndarray, *, predict_x0: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What multiplies x, what multiplies the integral, and the signed step: data prediction counts lambda backwards."""
    alpha, sigma = walk.scales(i)
    lead_alpha, lead_sigma = walk.lead(i - 1, i)
    return (lead_sigma, alpha, -h) if predict_x0 else (lead_alpha, sigma, h)


def _mixed(weights: np.ndarray, differences: list[np.ndarray]) -> np.ndarray:
    return sum((w * d for w, d in zip(weights, differences, strict=True)), start=np.zeros_like(differences[0]))


def refused(inputs: SpecInputs, error: StepError) -> Observation:
    """An observation of a run that ended with `error` before its first network call."""
    blank = np.zeros(inputs.case.shape, np.float64)
    return Observation(EMPTY, np.zeros(0, np.int64), np.zeros((0, *inputs.case.shape)), EMPTY, "sigma", blank, blank, error=error)


def run(sample, inputs: SpecInputs) -> Observation:
    """Run one UniPC spec and observe it."""
    options = dict(inputs.case.options)
    own = {k: v for k, v in inputs.knobs.items() if k not in KNOBS}
    denoise, threshold = options.pop("denoise", False), own.pop("threshold", "dynamic")
    if not options.pop("thresholding", False):
        threshold = ""
    if options.get("solver_order", 2) > inputs.case.steps:
        return refused(inputs, StepError("AssertionError", "", "uni_pc.py: sample", own=True))
    if inputs.levels is None:
        walk = own_walk(inputs)
    else:
        given = inputs.levels.astype(inputs.dtype)
        walk = given_walk(inputs, given[:-1] if denoise else given)
    predict = Prediction(inputs, walk, predict_x0=options.pop("predict_x0", True), threshold=threshold)
    begun = buried(inputs, *walk.scales(0))
    start = inputs.start_noise if inputs.start is None else inputs.start * walk.spread(0)
    if inputs.start is None and begun is not None:
        start = begun
    elif inputs.start is None and inputs.knob("start", "unit") == "sigma":
        start = start * walk.scales(0)[1]
    out = sample(predict, start, walk, **options, **own)
    levels = walk.sigmas
    if denoise:  # one more call at the last level, whose clean sample is the picture
        out, levels = predict.clean(out, len(walk)), np.append(levels, levels.dtype.type(0))
    return inputs.probe.observation(levels=levels, level_kind=walk.kind, start=start / walk.spread(0), sample=out / walk.spread(-1))
