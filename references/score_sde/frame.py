"""The frame that all score_sde specs share: the times walked, the score, the corrector, and the start.

Song et al. 2021 (arXiv 2011.13456): data become noise by dx = f(x, t) dt + g(t) dw for t from 0 to 1, and the reverse-time SDE leads back.
Variance exploding (VE): sigma(t) = sigma_min (sigma_max / sigma_min)^t, x = x0 + sigma noise (equation 30). Variance preserving (VP):
beta(t) = 0.1 + 19.9 t (equation 32). sub-VP: the same drift with less noise (appendix B).
"""

from dataclasses import dataclass

import numpy as np

from trueto.observe import EMPTY, Observation, StepError
from trueto.references.spec import SpecInputs

# Known ways in which implementations differ from the original (whose value comes first).
KNOBS = {
    "corrector_at": ("before", "after"),  # after: the paper's algorithms 2 and 3 predict first, then correct at the new level
    "norms": ("batch", "each"),  # of noise and score in the Langevin step size: mean over the batch, or each sample's own
    "sigmas": ("table", "continuous"),  # levels of the predictor: exp(linspace), or sigma(t) at the times, which end at 1e-5
    "draws": ("original", "sequential"),  # where noise comes from: as in the original, or one normal tensor after the other
    "final": ("mean", "noisy"),  # noisy: the noise of the last step stays
}
PRECISION_KNOBS = ()

BETA_MIN, BETA_MAX, SIGMA_MIN = 0.1, 20.0, 0.01
EPS = {"ve": 1e-5, "vp": 1e-3, "subvp": 1e-3}
CORRECTED = {"ve": 1, "vp": 0, "subvp": 0}


@dataclass(frozen=True, slots=True)
class Walk:
    """N steps: times (N,), the levels sigma / alpha before each step and at the end (N + 1,), the times told (N,), DDPM's betas (N,)."""

    kind: str
    times: np.ndarray
    levels: np.ndarray
    told: np.ndarray
    betas: np.ndarray

    def __len__(self) -> int:
        return len(self.times)

    def beta(self, i: int) -> np.ndarray:
        """The rate beta at the time of step i."""
        return BETA_MIN + self.times[i] * (BETA_MAX - BETA_MIN)

    def std(self, i: int) -> np.ndarray:
        """Standard deviation of the noise at step i."""
        t = self.times[i]
        if self.kind == "ve":
            return self.told[i]
        squared = 1 - np.exp(2 * (-0.25 * t**2 * (BETA_MAX - BETA_MIN) - 0.5 * t * BETA_MIN))
        return squared if self.kind == "subvp" else np.sqrt(squared)


def marginal(kind: str, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The factors alpha and sigma at time t (equation 33; appendix B for sub-VP)."""
    log_alpha = -0.25 * t**2 * (BETA_MAX - BETA_MIN) - 0.5 * t * BETA_MIN
    squared = -np.expm1(2 * log_alpha)
    return np.exp(log_alpha), squared if kind == "subvp" else np.sqrt(squared)


def own_walk(kind: str, inputs: SpecInputs, *, by_time: bool) -> Walk:
    """The steps that the original takes: N times evenly spaced from 1 to eps. A nudge moves times, or the table that is looked up."""
    n, options, dtype = inputs.case.steps, inputs.case.options, inputs.dtype
    times = np.linspace(1, options.get("sampling_eps", EPS[kind]), n, dtype=dtype)
    betas = np.linspace(BETA_MIN / n, BETA_MAX / n, n, dtype=dtype)  # DDPM's discretisation, appendix E
    zero = np.zeros(1, dtype)
    if kind == "ve":
        top = float(options.get("sigma_max", 50))
        told = SIGMA_MIN * (top / SIGMA_MIN) ** times
        table = inputs.nudged(np.exp(np.linspace(np.log(SIGMA_MIN), np.log(top), n, dtype=dtype)))[::-1]
        levels = told if inputs.knob("sigmas", "table") == "continuous" else table
        return Walk(kind, times, np.append(levels, zero), told, betas)
    times = inputs.nudged(times) if by_time else times
    alpha, sigma = marginal(kind, times.astype(np.float64))
    told = times * 999 if options.get("continuous", True) else times * (n - 1)
    betas = betas if by_time else inputs.nudged(betas)
    return Walk(kind, times, np.append((sigma / alpha).astype(dtype), zero), told, betas[::-1])


def given_walk(kind: str, inputs: SpecInputs) -> Walk:
    """Steps through a candidate's own levels, with the times that it tells."""
    n, dtype = len(inputs.levels) - 1, inputs.dtype
    calls = corrections(kind, inputs) + 1
    told = np.asarray(inputs.told, dtype)[::calls]
    betas = np.linspace(BETA_MIN / n, BETA_MAX / n, n, dtype=dtype)[::-1]
    levels = inputs.nudged(inputs.levels.astype(dtype))
    return Walk(kind, told / (1 if kind == "ve" else 999), levels, told, betas)


def corrections(kind: str, inputs: SpecInputs) -> int:
    """Corrector steps for each predictor step."""
    return inputs.case.options.get("correct_steps", CORRECTED[kind])


class Score:
    """score(x, i): the gradient of the log density that the network sees in x at step i, and the corrector that uses it."""

    def __init__(self, inputs: SpecInputs, walk: Walk) -> None:
        self.inputs, self.walk = inputs, walk
        self.calls = 0
        self.corrections = corrections(walk.kind, inputs)
        self.after = inputs.knob("corrector_at", "before") == "after"

    def __call__(self, x: np.ndarray, i: int) -> np.ndarray:
        told = self.walk.told[i] if self.inputs.told is None else np.asarray(self.inputs.told[self.calls], self.inputs.dtype)
        self.calls += 1
        out = self.inputs.probe.run(x, told, i)
        if self.walk.kind == "ve":
            return out
        if not self.inputs.case.options.get("continuous", True):  # DDPM's own table
            return -out / np.sqrt(1 - np.cumprod(1 - self.walk.betas[::-1]))[int(told)]
        return -out / self.walk.std(i)

    def corrected(self, x: np.ndarray, i: int, noise) -> np.ndarray:
        """Langevin steps at level i (algorithms 4 and 5), whose size follows the signal-to-noise ratio r; or annealed ones ('ald')."""
        options, ratio = self.inputs.case.options, self.inputs.case.options.get("snr", 0.16)
        alpha = 1 if self.walk.kind == "ve" else 1 - self.walk.betas[i]
        for j in range(self.corrections):
            grad, z = self(x, i), noise(i, j)
            scale = self.walk.std(i) if options.get("corrector") == "ald" else self.norm(z) / self.norm(grad)
            size = (ratio * scale) ** 2 * 2 * alpha
            x = x + size * grad + np.sqrt(size * 2) * z
        return x

    def norm(self, values: np.ndarray) -> np.ndarray:
        """The mean norm of the samples of a batch (B, 1, 1, 1), or each sample's own; stacked runs do not mix."""
        each = np.sqrt((values.reshape(len(values), -1) ** 2).sum(axis=1))
        if self.inputs.knob("norms", "batch") == "batch":
            groups = each.reshape(self.inputs.copies, -1)
            each = np.repeat(groups.mean(axis=1), groups.shape[1])
        return each[:, None, None, None]

    def before(self, x: np.ndarray, i: int, noise) -> np.ndarray:
        """The state that the predictor of step i starts from."""
        return x if self.after else self.corrected(x, i, noise)

    def then(self, x: np.ndarray, i: int, noise) -> np.ndarray:
        """The state after the predictor of step i."""
        return self.corrected(x, i + 1, noise) if self.after and i + 1 < len(self.walk) else x


def canonical(kind: str):
    """How the state is scaled to x / sqrt(alpha^2 + sigma^2), from what the network is fed and told."""
    if kind == "vp":
        return None
    return lambda x, told: x / float(scale(kind, told))


def scale(kind: str, told: float) -> float:
    """sqrt(alpha^2 + sigma^2) at the time told."""
    return np.sqrt(1 + told**2) if kind == "ve" else np.hypot(*marginal(kind, told / 999)) if kind == "subvp" else 1.0


def run(sample, inputs: SpecInputs) -> Observation:
    """Run one score_sde spec and observe it."""
    kind, options = sample.kind, inputs.case.options
    flows = options.get("probability_flow", False)
    if kind == "subvp" and corrections(kind, inputs):
        return refused(
            inputs, StepError("AttributeError", "'subVPSDE' object has no attribute 'alphas'", "sampling.py: update_fn", own=True)
        )
    if flows and getattr(sample, "by_time", False):  # its diffusion is then the number 0, which has no dimensions to index
        return refused(inputs, StepError("TypeError", "'float' object is not subscriptable", "sampling.py: update_fn", own=True, at_call=1))
    walk = (
        own_walk(kind, inputs, by_time=getattr(sample, "by_time", False) and not corrections(kind, inputs))
        if inputs.levels is None
        else given_walk(kind, inputs)
    )
    inputs.probe.canonical = canonical(kind)
    if inputs.start is None:
        x = inputs.start_noise * (float(options.get("sigma_max", 50)) if kind == "ve" else 1)
    else:
        x = inputs.start * float(scale(kind, float(walk.told[0])))
    own = {k: v for k, v in inputs.knobs.items() if k not in KNOBS}
    score = Score(inputs, walk)
    mean, noisy = sample(score, x, walk, inputs.draw, probability_flow=flows, **own)
    kept = options.get("noise_removal", True) and inputs.knob("final", "mean") == "mean"
    start = inputs.probe.states[0]
    return inputs.probe.observation(levels=walk.levels, level_kind="sigma", start=start, sample=mean if kept else noisy)


def refused(inputs: SpecInputs, error: StepError) -> Observation:
    """An observation of a run that ended with `error`."""
    blank = np.zeros(inputs.case.shape, np.float64)
    return Observation(EMPTY, np.zeros(0, np.int64), np.zeros((0, *inputs.case.shape)), EMPTY, "sigma", blank, blank, error=error)
