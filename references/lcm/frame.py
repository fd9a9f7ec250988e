"""The frame of the LCM spec: which of the distilled training times are visited. The last step ends at the clean sample itself."""

import numpy as np

from trueto.fixtures import schedule
from trueto.fixtures.schedules import float32_alphas_cumprod
from trueto.observe import Observation
from trueto.references.asked import STRENGTH, skipped
from trueto.references.distilled import Walk, distilled_times, observed, refusal, training_levels
from trueto.references.spec import SpecInputs

KNOWN = 50  # at how many training times the released model was distilled

# Known ways in which implementations differ from the original (whose value comes first).
KNOBS = {
    "start": ("unit", "sigma"),  # scale of the first latents. sigma: k-diffusion style, noise * sigma_max, which is a little less
    "table": ("native", "float32"),  # precision of the table of alpha_bar. float32: diffusers, whatever the dtype of the latents
    # Which of the known times are visited. even: diffusers from 0.24 on, indices floor(i * known / n).
    "spacing": ("slice", "even"),
    "known": ("from_clean", "from_noisy"),  # from where the known times are counted. from_noisy: refiners, down from the last
    "terminal": ("own", "zero"),  # signal left at the noisiest training time; zero: Lin et al. 2023 (arXiv 2305.08891), algorithm 1
    **STRENGTH,
    # Of what a strength takes its share: of the steps asked for, or of the times that the model was distilled at, among which the steps are
    # then spread (the authors' own image to image, and diffusers' set_timesteps).
    "strength_of": ("steps", "known"),
}
PRECISION_KNOBS = ("table",)
DEFAULTS = {"original_inference_steps": KNOWN}


def tabulated(dtype: np.dtype) -> np.ndarray:
    """alpha_bar of Stable Diffusion v1 (T,), in float32 built in float32 as tables of the libraries are."""
    levels = schedule("sd_v1")
    return float32_alphas_cumprod(levels) if dtype == np.float32 else levels.alphas_cumprod.astype(dtype)


def run(sample, inputs: SpecInputs) -> Observation:
    """Run the LCM spec and observe it."""
    table, n = training_levels(inputs), inputs.case.steps
    options = dict(inputs.case.options)
    known = options.pop("original_inference_steps", KNOWN)
    of_known = inputs.knob("strength_of", "steps") == "known"
    part = int(known * float(inputs.knob("strength", "1"))) if of_known else known
    if n > part:
        return refusal(inputs, "slice step cannot be zero", "lcm_scheduler.py: set_timesteps")
    if inputs.levels is None:
        from_noisy = inputs.knob("known", "from_clean") == "from_noisy"
        times = distilled_times(len(table), known, n, inputs.knob("spacing", "slice"), part, from_noisy=from_noisy)
        times = times[0 if of_known else skipped(inputs, n) :]
        levels = np.append(table[times], table.dtype.type(1))
    else:
        levels = inputs.nudged(inputs.levels.astype(inputs.dtype))
        times = np.asarray(inputs.told)
    walk = Walk(np.append(times, 0), levels[:-1], levels[1:], table)
    own = {name: value for name, value in inputs.knobs.items() if name not in KNOBS}
    return observed(sample, inputs, walk, **options, **own)
