"""The frame of the RePaint spec: the training times visited, the jumps back to more noise, and the known part of the picture.

Everything is variance preserving, x = sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) noise (Ho et al. 2020, arXiv 2006.11239, equation 4).
"""

from dataclasses import dataclass

import numpy as np

from trueto.fixtures.noise import first_of
from trueto.fixtures.pictures import keep_mask, known_picture
from trueto.fixtures.schedules import float32_alphas_cumprod
from trueto.observe import EMPTY, Observation, StepError
from trueto.references.spec import SpecInputs

# Known ways in which implementations differ from the original (whose value comes first).
KNOBS = {
    "spacing": ("sections", "leading"),  # n times evenly from 0 to 999, rounded; leading: diffusers, multiples of 1000 // n
    # Where the schedule turns back to more noise. departed: diffusers takes one more step down, from the level of the turning point.
    "turn": ("arrived", "departed"),
    "draws": ("original", "sequential"),  # where noise comes from: as in the original, or one normal tensor after the other
    "table": ("float64", "float32"),  # precision in which the beta table is built; float32: diffusers
}
PRECISION_KNOBS = ("table",)


@dataclass(frozen=True, slots=True)
class Walk:
    """The network calls and the steps between them.

    `calls` (K,) are places in the grid of visited times, `told`, `a` and `beta` the time, alpha_bar and 1 - a / b of each, where `b` is
    alpha_bar after its step down; `grid` holds all visited times and `steps` their betas; `betas` are those of every training time.
    """

    calls: list[int]
    told: np.ndarray
    a: np.ndarray
    b: np.ndarray
    beta: np.ndarray
    grid: np.ndarray
    steps: np.ndarray
    betas: np.ndarray

    def __len__(self) -> int:
        return len(self.calls)

    def jumps(self, k: int) -> range:
        """The places in the grid from which the state goes up by one after call k, none in a run without jumps."""
        return range(self.calls[k] - 1, self.calls[k + 1]) if k + 1 < len(self) else range(0)


def visited(n: int, total: int, spacing: str) -> np.ndarray:
    """The training times visited, from clean to noisy."""
    if spacing == "leading":
        return np.arange(n) * (total // n)
    return np.array([round(i * ((total - 1) / (n - 1))) for i in range(n)]) if n > 1 else np.zeros(1, int)


def turning(n: int, length: int, count: int, turn: str) -> list[int]:
    """The network calls as places in the grid: back up by `length` at each of its multiples, `count` - 1 times (the paper, section 4.2)."""
    left = dict.fromkeys(range(0, n - length, length), count - 1)
    calls, place = [], n
    while place >= 1:
        place -= 1  # the state has arrived at this place
        if left.get(place, 0) > 0:
            left[place] -= 1
            if turn == "departed":
                calls.append(place)
            place += length
            if turn == "departed":
                continue
        calls.append(place)
    return calls


def training_levels(inputs: SpecInputs) -> np.ndarray:
    """alpha_bar of every training time, float64 as the original keeps it, shape (T,)."""
    if inputs.knob("table", "float64") == "float32":
        return float32_alphas_cumprod(inputs.schedule).astype(np.float64)
    betas = inputs.schedule.betas
    if inputs.nudge is None:
        return np.cumprod(1 - betas)
    moved = inputs.nudged(betas.astype(inputs.dtype)).astype(np.float64)
    return np.cumprod(inputs.nudged(1 - moved))


def own_walk(inputs: SpecInputs) -> Walk:
    """The steps that the original takes, as the knobs change them."""
    n, options, table = inputs.case.steps, inputs.case.options, training_levels(inputs)
    grid = visited(n, len(table), inputs.knob("spacing", "sections"))
    length, count = options.get("jump_length", 10), options.get("jump_n_sample", 1)
    calls = turning(n, length, count, inputs.knob("turn", "arrived"))
    steps = respaced(table[grid])
    return walk_of(calls, grid, np.cumprod(1 - steps), steps, inputs.schedule.betas)


def respaced(levels: np.ndarray) -> np.ndarray:
    """The beta from each alpha_bar to the next (Nichol and Dhariwal 2021, section 4)."""
    return 1 - levels / np.append(1.0, levels[:-1])


def walk_of(calls: list[int], grid: np.ndarray, levels: np.ndarray, steps: np.ndarray, betas: np.ndarray) -> Walk:
    """A walk from the places called."""
    after = np.append(1.0, levels)[calls]
    return Walk(calls, grid[calls], levels[calls], after, steps[calls], grid, steps, betas)


def given_walk(inputs: SpecInputs) -> Walk:
    """Steps through a candidate's own levels and times, whose order says where it turns back."""
    told = np.asarray(inputs.told, int)
    levels = inputs.nudged(inputs.levels.astype(inputs.dtype)).astype(np.float64)
    grid, first = np.unique(told, return_index=True)
    levels = levels[first]
    return walk_of(np.searchsorted(grid, told).tolist(), grid, levels, respaced(levels), inputs.schedule.betas)


class Picture:
    """The known part of the picture, and what is recorded of network calls."""

    def __init__(self, inputs: SpecInputs) -> None:
        shape, copies = inputs.case.shape, inputs.copies
        self.inputs = inputs
        self.known = np.concatenate([known_picture(shape, first_of(inputs.case.seed))] * copies).astype(inputs.dtype)
        self.mask = np.concatenate([keep_mask(shape)] * copies).astype(inputs.dtype)

    def predict(self, x: np.ndarray, told: int, step: int) -> np.ndarray:
        """The noise that the network sees in x."""
        return self.inputs.probe.run(x, told, step)

    def put(self, x: np.ndarray, alpha_bar: np.ndarray, z: np.ndarray) -> np.ndarray:
        """The state with its known part replaced by the picture at that level (the paper's equations 8a and 8c)."""
        dtype = x.dtype.type
        noised = dtype(np.sqrt(alpha_bar)) * self.known + dtype(np.sqrt(1 - alpha_bar)) * z
        return self.mask * noised + (1 - self.mask) * x


def run(sample, inputs: SpecInputs) -> Observation:
    """Run the RePaint spec and observe it."""
    if inputs.levels is None and inputs.case.steps == 1:
        return refused(inputs)
    walk = own_walk(inputs) if inputs.levels is None else given_walk(inputs)
    x = inputs.start_noise if inputs.start is None else inputs.start
    own = {k: v for k, v in inputs.knobs.items() if k not in KNOBS}
    options = {k: v for k, v in inputs.case.options.items() if k not in ("jump_length", "jump_n_sample")}
    out = sample(Picture(inputs), x, walk, inputs.draw, **options, **own)
    levels = inputs.levels if inputs.levels is not None else np.append(walk.a, 1.0)
    return inputs.probe.observation(levels=levels.astype(inputs.dtype), level_kind="alpha_bar", start=x, sample=out)


def refused(inputs: SpecInputs) -> Observation:
    """An observation of a run that ended before its first network call: a lone step has no second entry in the table of variances."""
    blank = np.zeros(inputs.case.shape, np.float64)
    message = "index 1 is out of bounds for axis 0 with size 1"
    error = StepError("IndexError", message, "gaussian_diffusion.py: __init__", own=True)
    return Observation(EMPTY, np.zeros(0, np.int64), np.zeros((0, *inputs.case.shape)), EMPTY, "alpha_bar", blank, blank, error=error)
