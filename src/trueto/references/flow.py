"""What specs of flow-matching samplers share: the shift of noise levels, the velocity that a network predicts, and the run.

The state is x = (1 - s) x0 + s noise with s from 1 (noise) to 0 (clean), and the network predicts dx/ds = noise - x0 (Liu et al. 2022,
arXiv 2209.03003, equation 1, with time running the other way; Esser et al. 2024, arXiv 2403.03206, section 3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from trueto.observe import Observation
from trueto.references.spec import SpecInputs

__all__ = ["Velocity", "flow_read", "flowing", "left_out", "observe", "shifted", "spread_of_flow"]

Array = np.ndarray[Any, np.dtype[Any]]
Sample = Callable[..., Array]


def shifted(level: Array, shift: float) -> Array:
    """Move levels towards noise: shift s / (1 + (shift - 1) s) (Esser et al. 2024, arXiv 2403.03206, equation 23)."""
    return shift * level / (1 + (shift - 1) * level)


def flowing(inputs: SpecInputs) -> bool:
    """Whether the network of a run was trained for flow matching, so that a variance-preserving sampler is walked in the frame above."""
    return inputs.case.parameterization == "flow"


def flow_read(out: Array, x: Array, s: Any) -> tuple[Array, Array]:
    """The clean sample and the noise (x0, eps) in x (B, C, H, W) at level s, by the velocity noise - x0."""
    return x - s * out, x + (1 - s) * out


def spread_of_flow(s: Any) -> Any:
    """sqrt(alpha^2 + sigma^2) at level s: what a state of flow matching is divided by to have variance one in the noise."""
    return np.hypot(1 - s, s)


def left_out(inputs: SpecInputs) -> int:
    """How many steps a strength leaves out at the noisy end, as the pipelines of image to image count them."""
    strength, n = inputs.knob("strength", "whole"), inputs.case.steps
    return 0 if strength == "whole" else int(max(n - min(n * float(strength), n), 0))


class Velocity:
    """velocity(x, level, step): the network's dx/ds, with classifier-free guidance where the case has it; counts its calls.

    `tell` gives the time that is told to the network at a level; a run on a candidate's own grid tells that candidate's times.
    """

    def __init__(self, inputs: SpecInputs, tell: Callable[[Array], Array]) -> None:
        self.inputs = inputs
        self.tell = tell
        self.calls = 0

    def __call__(self, x: Array, level: Array, step: int) -> Array:
        """The velocity for x (B, C, H, W) at a level."""
        told = self.tell(level) if self.inputs.told is None else self.inputs.told[self.calls]
        self.calls += 1
        scale, network = self.inputs.case.guidance, self.inputs.probe.run
        if scale is None:
            return network(x, told, step)
        # One doubled batch (Ho and Salimans 2022, arXiv 2207.12598).
        both = network(np.concatenate([x, x]), told, step, np.repeat([0.0, 1.0], len(x)))
        unconditional, conditional = both[: len(x)], both[len(x) :]
        return unconditional + scale * (conditional - unconditional)


def observe(
    sample: Sample,
    inputs: SpecInputs,
    levels: Array,
    tell: Callable[[Array], Array],
    own: Mapping[str, Any],
    picture: Array | None = None,
) -> Observation:
    """Run one spec from its levels (S + 1,), or on a candidate's own, and observe it; `own` are the arguments of `sample`.

    With a `picture` the run begins with that much of it as the first level leaves, and noise in the rest.
    """
    if inputs.levels is not None:
        levels = inputs.levels
    levels = levels.astype(inputs.dtype)
    if inputs.start is not None:
        x = inputs.start * spread_of_flow(levels[0])
    elif inputs.knob("start", "unit") == "sqrt_1_sigma2":
        x = inputs.start_noise * np.sqrt(levels[0] ** 2 + 1)
    elif picture is not None:
        x = levels[0] * inputs.start_noise + (1 - levels[0]) * picture
    else:
        x = inputs.start_noise
    start = x / spread_of_flow(levels[0])
    out = sample(Velocity(inputs, tell), x, levels, inputs.draw, **own)
    return inputs.probe.observation(levels=levels, level_kind="flow", start=start, sample=out / spread_of_flow(levels[-1]))
