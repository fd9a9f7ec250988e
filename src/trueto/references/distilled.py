"""What the specs of distilled few-step samplers share: the training times that they visit, and the clean sample and noise at each.

Everything is variance preserving, x = sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) noise (Ho et al. 2020, arXiv 2006.11239, equation 4), so
that the state needs no scaling.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from trueto.fixtures.schedules import float32_alphas_cumprod
from trueto.observe import EMPTY, Observation, StepError
from trueto.references.asked import buried
from trueto.references.spec import SpecInputs
from trueto.references.vp import zero_terminal

__all__ = ["Distilled", "Walk", "distilled_times", "observed", "refusal", "training_levels"]

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Walk:
    """The S steps from noisy to clean: step i is taken at training time `times[i]` and goes from alpha_bar `before[i]` to `after[i]`.

    `table` (T,) is alpha_bar of every training time; `times` has S + 1 entries, the last one for the end of the last step.
    """

    times: Array
    before: Array
    after: Array
    table: Array

    def __len__(self) -> int:
        return len(self.before)


def training_levels(inputs: SpecInputs) -> Array:
    """alpha_bar of every training time, (T,), built in the run's own precision as both originals do it."""
    exact = inputs.schedule.alphas_cumprod
    if inputs.knob("terminal", "own") == "zero":
        precision = np.float32 if inputs.knob("table", "native") == "float32" else inputs.dtype
        exact32 = float32_alphas_cumprod(inputs.schedule)
        return inputs.nudged(zero_terminal(exact32 if precision == np.float32 else exact).astype(inputs.dtype))
    lower = inputs.dtype == np.float32 or inputs.knob("table", "native") == "float32"
    table = float32_alphas_cumprod(inputs.schedule) if lower else exact
    return inputs.nudged(table.astype(inputs.dtype))


def distilled_times(total: int, known: int, n: int, spacing: str, part: int | None = None, *, from_noisy: bool = False) -> Array:
    """N of the `known` training times that a model was distilled at, or of the cleanest `part` of them, from noisy to clean.

    They are counted from the clean end, or `from_noisy`, which is another list where `known` does not divide `total`.
    `slice` takes every (known // n)-th and stops after n; `even` spreads n over all of them, rounding down.
    """
    part = known if part is None else part
    grid = (np.arange(1, part + 1) * (total // known) - 1)[::-1]
    grid = grid + (total - 1 - grid[0]) if from_noisy else grid
    if spacing == "slice":
        return grid[:: part // n][:n]
    return grid[np.floor(np.linspace(0, part, n, endpoint=False)).astype(int)]


class Distilled:
    """at(x, step): the clean sample x0 and the noise eps that the network sees in x at the start of a step."""

    def __init__(self, inputs: SpecInputs, walk: Walk) -> None:
        self.inputs, self.walk = inputs, walk
        self.calls = 0

    def __call__(self, x: Array, step: int) -> tuple[Array, Array]:
        """(x0, eps) with x = sqrt(a) x0 + sqrt(1 - a) eps, whatever the network predicts."""
        told = self.walk.times[step] if self.inputs.told is None else self.inputs.told[self.calls]
        self.calls += 1
        out, a = self.inputs.probe.run(x, told, step), self.walk.before[step]
        if self.inputs.case.parameterization == "eps":
            return (x - np.sqrt(1 - a) * out) / np.sqrt(a), out
        if self.inputs.case.parameterization == "v":  # Salimans and Ho 2022, arXiv 2202.00512, appendix D
            return np.sqrt(a) * x - np.sqrt(1 - a) * out, np.sqrt(a) * out + np.sqrt(1 - a) * x
        return out, (x - np.sqrt(a) * out) / np.sqrt(1 - a)


def refusal(inputs: SpecInputs, message: str, where: str) -> Observation:
    """An observation of a run that refused its step count before the first network call."""
    blank = np.zeros(inputs.case.shape, np.float64)
    error = StepError("ValueError", message, where, own=True)
    return Observation(EMPTY, np.zeros(0, np.int64), np.zeros((0, *inputs.case.shape)), EMPTY, "alpha_bar", blank, blank, error=error)


def observed(sample: Callable[..., Array], inputs: SpecInputs, walk: Walk, **options: Any) -> Observation:
    """Run one spec down a walk and observe it."""
    begun = buried(inputs, np.sqrt(walk.before[0]), np.sqrt(1 - walk.before[0]))
    x = inputs.start_noise if inputs.start is None else inputs.start
    if inputs.start is None and begun is not None:
        x = begun
    elif inputs.start is None and inputs.knob("start", "unit") == "sigma":
        x = x * np.sqrt(1 - walk.before[0])
    out = sample(Distilled(inputs, walk), x, walk, inputs.draw, **options)
    return inputs.probe.observation(levels=np.append(walk.before, walk.after[-1]), level_kind="alpha_bar", start=x, sample=out)
