"""What specs of the way from picture to noise share: no network is called; the states are noisy pictures at times that the case names.

Option `times` are the training times, `prepared` the step count for which a sampler was set up before (0: for none), which the forward
process knows nothing of. The known picture and the start noise are mixed, variance preserving, at each time for the whole batch. The
sample is a batch in which each picture has a time of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from trueto.fixtures.noise import first_of
from trueto.fixtures.pictures import known_picture
from trueto.fixtures.schedules import float32_alphas_cumprod
from trueto.observe import Observation, StepError
from trueto.references.spec import SpecInputs

__all__ = ["LOOKUPS", "each_its_own", "forward", "run"]

Array = np.ndarray[Any, np.dtype[Any]]

# The first is the original's; the others name the list (see `listed_times`) and what is done with a time that is not in it.
LOOKUPS = ("any_time", "place", "from_one_or_raise", "tenths_or_raise", "elevenths_or_last", "linspace_or_last")


def forward(mix: Any) -> Any:
    """Mark a spec as one of the forward process."""
    mix.forward = True
    return mix


def each_its_own(times: list[int], batch: int, first: int) -> list[int]:
    """A time for each picture of a batch from `first` on, no two alike if there are enough: the last ones, noisiest first."""
    return [times[-1 - index % len(times)] for index in range(first, first + batch)]


def _table(inputs: SpecInputs) -> Array:
    """alpha_bar of every training time, float64 unless the table is built in float32; betas move in a nudged repetition."""
    if inputs.knob("table", "float64") == "float32":
        return float32_alphas_cumprod(inputs.schedule).astype(np.float64)
    if inputs.nudge is None:
        return inputs.schedule.alphas_cumprod
    return np.cumprod(1 - inputs.nudged(1 - inputs.nudged(1 - inputs.schedule.betas)))


def run(mix: Any, inputs: SpecInputs, frame_knobs: dict[str, tuple[str, ...]]) -> Observation:
    """Run a spec of the forward process at every time of the case, and observe it."""
    options = dict(inputs.case.options)
    times, prepared = [int(t) for t in options.pop("times")], int(options.pop("prepared"))
    own = {k: v for k, v in inputs.knobs.items() if k not in frame_knobs}
    which, _, missing = own.pop("lookup", LOOKUPS[0]).partition("_or_")
    noise, table = inputs.start_noise, _table(inputs)
    x0 = inputs.latents(known_picture(inputs.case.shape, first_of(inputs.case.seed)))
    levels = inputs.schedule.alphas_cumprod[[*times, times[-1]]].astype(inputs.dtype)

    def at(asked: list[int]) -> Array:
        found = _found(asked, listed_times(prepared, len(table), which), which, missing)
        alpha_bar = table[np.resize(found, len(x0))].reshape(-1, 1, 1, 1)
        given = inputs.schedule.alphas_cumprod[np.resize(asked, len(x0))].reshape(-1, 1, 1, 1)
        return mix(x0, noise, alpha_bar, given, **options, **own)

    try:
        for step, time in enumerate(times):
            inputs.probe.record(at([time]), float(time), step)
        sample = at(each_its_own(times, inputs.case.shape[0], first_of(inputs.case.seed)))
    except LookupError as error:
        blank = np.zeros(inputs.case.shape, inputs.dtype)
        stopped = StepError("IndexError", str(error), own=True, at_call=len(inputs.probe.told))
        return Observation(
            np.zeros(0), np.zeros(0, np.int64), np.zeros((0, *blank.shape)), levels, "alpha_bar", blank, blank, error=stopped
        )
    return inputs.probe.observation(levels=levels, level_kind="alpha_bar", start=x0, sample=sample)


def listed_times(prepared: int, total: int, which: str) -> list[int]:
    """The times that a sampler set up for `prepared` steps lists, noisiest first; all of them where it is not set up.

    `tenths` is every (T // n)-th, counted from 1; `elevenths` every (T // (n + 1))-th, without the first; `linspace` n + 1 even ones
    without the last. Not set up they run from T - 1 to 0, or from T to 1 if `from_one`.
    """
    if not prepared:
        first = 1 if which == "from_one" else 0
        return list(range(first, total + first))[::-1]
    if which == "linspace":
        return [int(t) for t in np.round(np.linspace(0, total - 1, prepared + 1))][:0:-1]
    extra = 1 if which == "elevenths" else 0
    return [(index + extra) * (total // (prepared + extra)) + 1 for index in range(prepared)][::-1]


def _found(asked: list[int], listed: list[int], which: str, missing: str) -> list[int]:
    """The training times whose noise level is taken for those asked for; an implementation may look in a sampler's list only."""
    if which == "any_time":
        return asked
    if which == "place":
        return [listed.index(time) for time in asked]
    if missing == "raise" and any(time not in listed for time in asked):
        raise LookupError("index 0 is out of bounds for dimension 0 with size 0")
    return [time if time in listed else listed[-1] for time in asked]
