"""The frame of F-PNDM: the training times visited, the levels that belong to them and lie halfway between, and what it refuses.

The original keeps alpha_bar in a table from training time 0 on, and reads it one entry further than the time that it tells the network.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from trueto.observe import Observation, StepError
from trueto.references.spec import SpecInputs
from trueto.references.vp import Told, first_state, nearest_times, refused, rounded_table, strided_times

# Known ways in which implementations differ from the original (whose value comes first), with a library that does so.
KNOBS = {
    "spacing": ("range", "asked"),  # which training times are visited; asked: diffusers, exactly n steps
    "level": ("of_next_time", "of_told_time"),  # which level belongs to a time told; of_told_time: the paper, CompVis, diffusers
    "final_alpha": ("first_time", "one"),  # where the last step ends; one: the paper
    "told_halfway": ("exact", "truncated"),  # times halfway that are no whole numbers; truncated: diffusers
    "fewest": ("one", "four"),  # the smallest number of steps that is taken; four: diffusers, which raises ValueError below
    "start": ("unit", "sigma"),  # sigma: k-diffusion style, start = noise * sigma_max, which is not of variance one here
    "table": ("rounded", "float32"),  # betas rounded once to float32, or computed in float32; float32: diffusers
}
PRECISION_KNOBS = ("table",)
MULTISTEP_FROM = 4
RUNGE_KUTTA = 3  # steps that take four calls, three more than the others


@dataclass(frozen=True, slots=True)
class Walk:
    """The S steps from noisy to clean: step i goes from alpha_bar `before[i]` to `after[i]`.

    `told` (S,) are the times told at the start of each step, `told_halfway` and `told_end` (S,) those in its middle and at its end.
    Where the middle falls between two training times, `lower[i]` is the level of the cleaner of them and `upper[i]` of the noisier. The
    last call of a Runge-Kutta step is at `end[i]`. `places` and `middles` (S,) say where `before` and `lower` stand in `table` (T,).
    """

    told: np.ndarray
    told_halfway: np.ndarray
    told_end: np.ndarray
    before: np.ndarray
    after: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    end: np.ndarray
    places: np.ndarray
    middles: np.ndarray
    table: np.ndarray

    def __len__(self) -> int:
        return len(self.before)

    def by_calls(self) -> Self:
        """The walk with strides of T // (network calls), which are shorter than those between its times; the network is told the same.

        The first of the two middles lies half such a stride below the start of a Runge-Kutta step, and its last call half of one below
        the middle; its end, and where a multistep begins, are as they were.
        """
        stride = len(self.table) // (len(self) + 3 * RUNGE_KUTTA)

        def below(places: np.ndarray, count: int) -> np.ndarray:
            found = places - count
            return np.where(found >= 0, self.table[np.maximum(found, 0)], self.after[-1])

        after = np.where(np.arange(len(self)) < RUNGE_KUTTA, self.after, below(self.places, stride))
        return replace(self, after=after, upper=below(self.places, stride // 2), end=below(self.middles, stride // 2))


def walk_of(inputs: SpecInputs, times: np.ndarray, shift: int, table: np.ndarray, levels: np.ndarray) -> Walk:
    """Steps that tell `times` (S + 1,) and have `levels` (S + 1,); the level halfway is `shift` entries beyond the time halfway."""
    halfway = (times[:-1] + times[1:]) / 2
    told = np.trunc(halfway) if inputs.knob("told_halfway", "exact") == "truncated" else halfway
    lower, upper = np.trunc(halfway).astype(int), np.ceil(halfway).astype(int)
    last = len(table) - 1
    lower, upper = (np.clip(middle + shift, 0, last) for middle in (lower, upper))
    places = times[:-1] + shift
    return Walk(times[:-1], told, times[1:], levels[:-1], levels[1:], table[lower], table[upper], levels[1:], places, lower, table)


def own_walk(inputs: SpecInputs, table: np.ndarray) -> Walk | StepError:
    """The steps that the original takes, as the knobs change them, or the exception with which it refuses a step count."""
    n, total = inputs.case.steps, len(table)
    if n < MULTISTEP_FROM and inputs.knob("fewest", "one") == "four":
        shapes = f"({2 * n},) (8,)"
        return StepError("ValueError", f"operands could not be broadcast together with shapes {shapes} ", own=True)
    if n > total:
        return StepError("ValueError", "range() arg 3 must not be zero", own=True)
    times = np.append(strided_times(n, total, asked=inputs.knob("spacing", "range") == "asked"), -1)
    shift = 1 if inputs.knob("level", "of_next_time") == "of_next_time" else 0
    if times[0] + shift >= total:
        inputs.probe.run(inputs.start_noise, times[0], 0)
        message = f"index {times[0] + shift} is out of bounds for dimension 0 with size {total}"
        return StepError("IndexError", message, "method.py: transfer", own=True, at_call=1)
    final = table[0] if inputs.knob("final_alpha", "first_time") == "first_time" else table.dtype.type(1)
    return walk_of(inputs, times, shift, table, np.append(table[times[:-1] + shift], final))


def given_walk(inputs: SpecInputs, levels: np.ndarray, table: np.ndarray) -> Walk:
    """Steps through a candidate's own levels: halfway lies the level halfway between the training times nearest to both ends."""
    return walk_of(inputs, nearest_times(levels, table) - 1, 1, table, levels)


def run(sample, inputs: SpecInputs) -> Observation:
    """Run the spec and observe it."""
    table = inputs.nudged(rounded_table(inputs))
    walk = own_walk(inputs, table) if inputs.levels is None else given_walk(inputs, inputs.levels.astype(inputs.dtype), table)
    if isinstance(walk, StepError):
        return refused(inputs, walk)
    x = first_state(inputs, walk.before[0])
    own = {k: v for k, v in inputs.knobs.items() if k not in KNOBS}
    out = sample(Told(inputs), x, walk, inputs.draw, **inputs.case.options, **own)
    levels = np.append(walk.before, walk.after[-1])
    return inputs.probe.observation(levels=levels, level_kind="alpha_bar", start=x, sample=out)
