"""The frame that both CompVis specs share: the training times visited, their levels, guidance, and the start.

Everything is variance preserving, x = sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) noise (Ho et al. 2020, arXiv 2006.11239, equation 4), so
that the state needs no scaling. Unlike k-diffusion's frame, levels exist only at whole training times.
"""

from dataclasses import dataclass

import numpy as np

from trueto.fixtures.schedules import float32_alphas_cumprod
from trueto.observe import EMPTY, Observation, StepError
from trueto.references.spec import SpecInputs
from trueto.references.vp import BETAS, even_times, training_table, zero_terminal

# Known ways in which implementations differ from the original (whose value comes first), with a library that does so.
KNOBS = {
    # Which training times are visited. clipped: web UI (AUTOMATIC1111). inside: KerasCV and ComfyUI. asked: diffusers, exactly n
    # steps. linspace, trailing: diffusers, `timestep_spacing`. from_top: MONAI's DDIM since 1.6, evenly from the last time to the offset.
    "spacing": ("range", "clipped", "inside", "asked", "linspace", "trailing", "from_top"),
    "offset": ("one", "zero"),  # added to each time; zero: ermongroup/ddim, diffusers' default steps_offset and 0.1.3
    "final_alpha": ("first_time", "one"),  # one: the papers, KerasCV, ComfyUI, diffusers with set_alpha_to_one
    "last_step": ("taken", "dropped"),  # dropped: web UI, whose loop ends at time 1
    # left_out: MONAI's PNDM takes the call at the start of the second step for that at the end of the first, and goes on with the third.
    "second_step": ("taken", "left_out"),
    "start": ("unit", "sigma"),  # sigma: k-diffusion style, start = noise * sigma_max, which is not unit variance
    "guidance": ("from_unconditional", "from_conditional"),  # from_conditional: Ho and Salimans 2022, equation 6, w = scale
    "draws": ("original", "sequential"),  # where noise comes from: as many draws as the original, or one for each step taken
    "refusal": ("at_once", "after_first_call"),  # when a step count whose first time is out of range is refused
    "table": ("float64", "float32"),  # precision in which the beta table is built; float32: diffusers
    **BETAS,
    "terminal": ("own", "zero"),  # signal left at the noisiest training time; zero: Lin et al. 2023 (arXiv 2305.08891), algorithm 1
}
PRECISION_KNOBS = ("table",)
# A knob of every algorithm: where a step ends. stride: diffusers, t - T // n on linspace and trailing too; MONAI since 1.6.
PREVIOUS = {"previous": ("visited", "stride")}


@dataclass(frozen=True, slots=True)
class Walk:
    """The S steps from noisy to clean: step i goes from alpha_bar `before[i]` to `after[i]`.

    `times` (S + 1,) are the training times told to the network, the last one for calls at the end of the last step; `halfway`
    and `halfway_times` (S,) lie in the middle of each step. `strided` (S,) is alpha_bar a stride of T // n below each time, `first_end`
    time and level of a call at the end of the first step, and the level a stride above that time.
    """

    times: np.ndarray
    before: np.ndarray
    after: np.ndarray
    halfway: np.ndarray
    halfway_times: np.ndarray
    strided: np.ndarray
    first_end: tuple[int, np.ndarray, np.ndarray]

    def __len__(self) -> int:
        return len(self.before)

    def ends(self, previous: str) -> np.ndarray:
        """Where each step ends, as the knob `previous` says."""
        return self.after if previous == "visited" else self.strided


def training_levels(inputs: SpecInputs) -> np.ndarray:
    """alpha_bar of every training time, shape (T,)."""
    table = training_table(inputs)
    return (zero_terminal(table) if inputs.knob("terminal", "own") == "zero" else table).astype(inputs.dtype)


def visited_times(n: int, total: int, spacing: str, offset: int, dtype: np.dtype) -> np.ndarray:
    """The training times of an n-step grid, from noisy to clean (the 'linear' sub-sequence tau of DDIM, section 4.2)."""
    if spacing == "from_top":
        return even_times(n, total - 1 - offset, dtype) + offset
    if spacing == "linspace":
        return np.round(np.linspace(0, total - 1, n)).astype(int)[::-1]
    if spacing == "trailing":
        return np.round(np.arange(total, 0, -total / n)[:n]).astype(int) - 1
    stride = total // n
    times = np.arange(n) * stride + offset if spacing == "asked" else np.arange(0, total, stride) + offset
    if spacing == "clipped":
        times = np.minimum(times, total - 1)
    if spacing == "inside":
        times = times[times < total]
    return times[::-1]


def own_walk(inputs: SpecInputs, table: np.ndarray) -> Walk | StepError:
    """The steps that the original takes, as the knobs change them, or the exception with which it refuses a step count."""
    n, total = inputs.case.steps, len(table)
    if n > total:
        return StepError("ValueError", "range() arg 3 must not be zero", "util.py: make_ddim_timesteps", own=True)
    times = visited_times(n, total, inputs.knob("spacing", "range"), 1 if inputs.knob("offset", "one") == "one" else 0, inputs.dtype)
    if times[0] >= total:  # where the stride divides 999, the offset of one pushes the noisiest time out of the table
        message = f"index {times[0]} is out of bounds for dimension 0 with size {total}"
        return StepError("IndexError", message, "util.py: make_ddim_sampling_parameters", own=True)
    final = table[0] if inputs.knob("final_alpha", "first_time") == "first_time" else table.dtype.type(1)
    levels = np.append(table[times], final)
    if inputs.knob("last_step", "taken") == "dropped":
        levels = levels[:-1]
    else:
        times = np.append(times, times[-1])
    before, after, first_end = levels[:-1], levels[1:], (times[min(1, len(times) - 1)], levels[1:2])
    if inputs.knob("second_step", "taken") == "left_out" and len(after) > 1:
        kept = len(after) > 2  # the lone step that is left of two ends where the second would have begun
        times, before, after = np.delete(times, 1), np.delete(before, 1), np.delete(after, 0 if kept else 1)
    return walk_of(inputs, times, before, after, table, first_end)


def walk_of(inputs: SpecInputs, times: np.ndarray, before: np.ndarray, after: np.ndarray, table: np.ndarray, first_end: tuple) -> Walk:
    """The walk with what follows from its times (S + 1,), levels, and the `table` (T,) that those are from."""
    halfway = (times[:-1] + times[1:]) // 2
    below = times[: len(before)] - len(table) // inputs.case.steps
    strided = np.where(below >= 0, table[np.maximum(below, 0)], after[-1:])
    above = table[min(first_end[0] + len(table) // inputs.case.steps, len(table) - 1)]
    return Walk(times, before, after, table[halfway], halfway, strided, (*first_end, above))


def given_walk(inputs: SpecInputs, levels: np.ndarray, table: np.ndarray) -> Walk:
    """Steps through a candidate's own levels; the times are the nearest training times, in case none are given.

    Levels that are not among its own are those of a table of its precision.
    """
    table = float32_alphas_cumprod(inputs.schedule).astype(table.dtype) if levels.dtype == np.float32 else table
    times = np.abs(table[None, :] - levels[:-1, None]).argmin(axis=1)
    times = np.append(times, times[-1])
    first_end = max(times[0] - len(table) // inputs.case.steps, 0)
    return walk_of(inputs, times, levels[:-1], levels[1:], table, (first_end, table[first_end]))


class Predictor:
    """predict(x, told, step): the noise that the network sees in x, with classifier-free guidance where the case has it."""

    def __init__(self, inputs: SpecInputs) -> None:
        self.inputs = inputs
        self.calls = 0

    def __call__(self, x: np.ndarray, told: int, step: int) -> np.ndarray:
        if self.inputs.told is not None:
            told = self.inputs.told[self.calls]
        self.calls += 1
        scale, network = self.inputs.case.guidance, self.inputs.probe.run
        if scale is None:
            return network(x, told, step)
        if scale == 1:  # the original asks for the conditional branch only
            return network(x, told, step, np.ones(len(x)))
        # One doubled batch, unconditional first (Ho and Salimans 2022, arXiv 2207.12598).
        eps = network(np.concatenate([x, x]), told, step, np.repeat([0.0, 1.0], len(x)))
        unconditional, conditional = eps[: len(x)], eps[len(x) :]
        base = conditional if self.inputs.knob("guidance", "from_unconditional") == "from_conditional" else unconditional
        return base + scale * (conditional - unconditional)


def refused(inputs: SpecInputs, error: StepError) -> Observation:
    """An observation of a run that ended with `error` before its first network call."""
    blank = np.zeros(inputs.case.shape, np.float64)
    no_states = np.zeros((0, *inputs.case.shape))
    return Observation(EMPTY, np.zeros(0, np.int64), no_states, EMPTY, "alpha_bar", blank, blank, error=error)


def run(sample, inputs: SpecInputs) -> Observation:
    """Run one CompVis spec and observe it."""
    table = training_levels(inputs)
    if inputs.levels is None:
        walk = own_walk(inputs, table)
        if isinstance(walk, StepError):
            return refused(inputs, walk)
    else:
        walk = given_walk(inputs, inputs.levels.astype(inputs.dtype), table)
    first = walk.before[0] if len(walk) else table[walk.times[0]]
    x = inputs.start_noise if inputs.start is None else inputs.start
    if inputs.start is None and inputs.knob("start", "unit") == "sigma":
        x = x * np.sqrt(1 - first)
    own = {k: v for k, v in inputs.knobs.items() if k not in KNOBS}
    out = sample(Predictor(inputs), x, walk, inputs.draw, **inputs.case.options, **own)
    levels = np.append(walk.before, walk.after[-1] if len(walk) else first)
    return inputs.probe.observation(levels=levels, level_kind="alpha_bar", start=x, sample=out)
