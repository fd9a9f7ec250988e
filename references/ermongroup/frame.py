"""The frame that both specs of ermongroup/ddim share: the training times visited, their levels, and the clean end.

The sequences of training times are tau of Song et al. 2020 (arXiv 2010.02502), section 4.2: 'uniform' and 'quad'.
"""

from dataclasses import dataclass

import numpy as np

from trueto.observe import Observation, StepError
from trueto.references.asked import STRENGTH, buried, skipped
from trueto.references.spaced import whole_times
from trueto.references.spec import SpecInputs
from trueto.references.vp import (
    Told,
    counted_places,
    even_places,
    even_times,
    first_state,
    nearest_times,
    refused,
    rounded_table,
    strided_times,
)

# Known ways in which implementations differ from the original (whose value comes first), with a library that does so.
KNOBS = {
    # Which training times are visited. asked: diffusers, exactly n steps. from_top: MONAI since 1.6, evenly from the last time to 0.
    # below_zero: denoising-diffusion-pytorch, evenly from the last time to -1, cut down to whole numbers, without the last.
    # linspace (evenly from the last time to 0), trailing (back from the last time): diffusers, `timestep_spacing`.
    # past_last: flaxdiff, evenly from one after the last time, whose level is the last's, to 0, cut down to whole numbers.
    "spacing": ("range", "asked", "from_top", "below_zero", "linspace", "trailing", "past_last"),
    "offset": ("zero", "one"),  # added to each time; one: CompVis, diffusers with steps_offset=1
    "final_alpha": ("one", "first_time"),  # first_time: CompVis, diffusers with set_alpha_to_one=False
    "repeats": ("kept", "refused"),  # times that come twice in a quadratic sequence; refused: diffusers' custom timesteps
    "draws": ("original", "sequential"),  # where noise comes from: as many draws as the original, or one for each step taken
    "start": ("unit", "sigma"),  # sigma: k-diffusion style, start = noise * sigma_max, which is not of variance one here
    "table": ("rounded", "float32"),  # betas rounded once to float32, or computed in float32; float32: diffusers
    **STRENGTH,
}
PRECISION_KNOBS = ("table",)

QUAD_SHARE = 0.8  # a quadratic sequence ends at this share of all training times


@dataclass(frozen=True, slots=True)
class Walk:
    """The S steps from noisy to clean: step i is told `times[i]` and goes from alpha_bar `before[i]` to `after[i]`.

    `table` and `betas` (T,) are alpha_bar and beta of every training time.
    """

    times: np.ndarray
    before: np.ndarray
    after: np.ndarray
    table: np.ndarray
    betas: np.ndarray

    def __len__(self) -> int:
        return len(self.before)

    def below(self, stride: int) -> np.ndarray:
        """alpha_bar so many training times below that of each step (S,), where the walk ends below time 0."""
        times = self.times - stride
        return np.where(times >= 0, self.table[np.maximum(times, 0)], self.after[-1])


def visited_times(inputs: SpecInputs, total: int) -> np.ndarray:
    """The training times of the case, from noisy to clean."""
    n = inputs.case.steps
    if inputs.case.grid == "quad":
        return (np.linspace(0, np.sqrt(total * QUAD_SHARE), n) ** 2).astype(int)[::-1]
    if inputs.knob("spacing", "range") == "from_top":
        return even_times(n, total - 1, inputs.dtype)
    if inputs.knob("spacing", "range") == "below_zero":
        return even_places(-1, total - 1, n + 1, inputs.dtype).astype(int)[:0:-1]
    if inputs.knob("spacing", "range") == "linspace":
        return np.round(np.linspace(0, total - 1, n)).astype(int)[::-1]
    if inputs.knob("spacing", "range") == "past_last":
        return counted_places(total, n, inputs.dtype)
    if inputs.knob("spacing", "range") == "trailing":
        return whole_times("trailing", n, total)[:-1]
    times = strided_times(n, total, asked=inputs.knob("spacing", "range") == "asked")
    return times + (inputs.knob("offset", "zero") == "one")


def run(sample, inputs: SpecInputs) -> Observation:
    """Run one spec of ermongroup/ddim and observe it."""
    table = rounded_table(inputs)
    if inputs.levels is None:
        times = visited_times(inputs, len(table))
        if inputs.knob("repeats", "kept") == "refused" and len(set(times.tolist())) < len(times):
            return refused(inputs, StepError("ValueError", "`custom_timesteps` must be in descending order.", own=True))
        final = table[0] if inputs.knob("final_alpha", "one") == "first_time" else table.dtype.type(1)
        first = skipped(inputs, len(times))
        levels = np.append(table[np.minimum(times, len(table) - 1)], final)[first:]
        times = times[first:]
    else:
        levels = inputs.levels.astype(inputs.dtype)
        times = nearest_times(levels[:-1], table)
    levels = np.where(levels == 1, levels, inputs.nudged_steps(levels))  # an exact 1 stays
    begun = None if inputs.start is not None else buried(inputs, np.sqrt(levels[0]), np.sqrt(1 - levels[0]))
    x = first_state(inputs, levels[0]) if begun is None else begun
    own = {k: v for k, v in inputs.knobs.items() if k not in KNOBS}
    walk = Walk(times, levels[:-1], levels[1:], table, inputs.schedule.betas.astype(inputs.dtype))
    out = sample(Told(inputs), x, walk, inputs.draw, **inputs.case.options, **own)
    return inputs.probe.observation(levels=levels, level_kind="alpha_bar", start=x, sample=out)
