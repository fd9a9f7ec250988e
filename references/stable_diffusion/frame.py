"""The frame of CompVis' image to image: the grid of its DDIM from a step on that the strength names, and a picture mixed with noise.

Grid, guidance and levels are those of the frame of compvis, where the sampler without a first picture is.
"""

from dataclasses import replace

import numpy as np

from trueto.fixtures.noise import first_of
from trueto.fixtures.pictures import known_picture
from trueto.observe import Observation, StepError
from trueto.references.rounded import as_latents
from trueto.references.spec import SpecInputs

from ..compvis import frame as compvis  # noqa: TID252 - folders of references are imported under a name that is made for them

# Known ways in which implementations differ from the original (whose value comes first).
KNOBS = {
    **{name: compvis.KNOBS[name] for name in ("offset", "final_alpha", "guidance", "draws", "table")},
    # clipped and inside, which compvis has besides, are no other spacing where the first times are left out.
    "spacing": tuple(value for value in compvis.KNOBS["spacing"] if value not in ("clipped", "inside")),
    # The level to which noise is added: that of the step before the first one taken, or that of the first one (diffusers).
    "encoded_at": ("step_before", "first_step"),
    # Precision of the two weights of picture and noise: that of the table, or of the latents from alpha_bar on.
    "coefficients": ("table", "latents"),
    # The steps taken, int(strength n): the first that many of the grid counted from the clean end, or one more (off by one).
    "taken": ("strength", "one_more"),
}
PRECISION_KNOBS = ("table",)


def mixed(x0: np.ndarray, noise: np.ndarray, alpha_bar: np.ndarray) -> np.ndarray:
    """The picture with as much noise as belongs to alpha_bar (Ho et al. 2020, arXiv 2006.11239, equation 4)."""
    return np.sqrt(alpha_bar) * x0 + np.sqrt(1 - alpha_bar) * noise


def first_picture(inputs: SpecInputs, level: np.ndarray) -> np.ndarray:
    """The start: the known picture and noise, mixed at a level (alpha_bar)."""
    x0 = inputs.latents(known_picture(inputs.case.shape, first_of(inputs.case.seed)))
    return mixed(x0, inputs.start_noise, as_latents(level, x0) if inputs.knob("coefficients", "table") == "latents" else level)


def part(walk: compvis.Walk, count: int) -> compvis.Walk:
    """The last `count` steps of a walk: those nearest to the clean end."""
    skipped = max(len(walk) - count, 0)
    names = ("times", "before", "after", "halfway", "halfway_times", "strided")
    return replace(walk, **{name: getattr(walk, name)[skipped:] for name in names})


def encoded_level(inputs: SpecInputs, whole: compvis.Walk, count: int) -> np.ndarray | StepError:
    """alpha_bar to which noise is added before the last `count` steps, or the exception where there is no level before them."""
    from_clean = whole.before[::-1]
    place = count if inputs.knob("encoded_at", "step_before") == "step_before" else count - 1
    if place < len(from_clean):
        return from_clean[place]
    message = f"index {place} is out of bounds for dimension 0 with size {len(from_clean)}"
    return StepError("RuntimeError", message, "util.py: extract_into_tensor", own=True)


def run(sample, inputs: SpecInputs) -> Observation:
    """Run the spec and observe it."""
    table = compvis.training_levels(inputs)
    options = inputs.case.options
    count = int(options["strength"] * inputs.case.steps) + (inputs.knob("taken", "strength") == "one_more")
    x = inputs.start
    if inputs.levels is None:
        whole = compvis.own_walk(inputs, table)
        if isinstance(whole, StepError):
            return compvis.refused(inputs, whole)
        level = encoded_level(inputs, whole, count)
        if isinstance(level, StepError):
            return compvis.refused(inputs, level)
        walk = part(whole, count)
        if x is None:
            x = first_picture(inputs, level)
    else:
        walk = compvis.given_walk(inputs, inputs.levels.astype(inputs.dtype), table)
    assert x is not None
    own = {k: v for k, v in inputs.knobs.items() if k not in KNOBS}
    out = sample(compvis.Predictor(inputs), x, walk, inputs.draw, **options, **own)
    levels = np.append(walk.before, walk.after[-1])
    return inputs.probe.observation(levels=levels, level_kind="alpha_bar", start=x, sample=out)
