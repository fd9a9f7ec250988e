"""The frame of the TCD spec: which training times are visited. The last step ends at training time 0."""

import numpy as np

from trueto.observe import Observation
from trueto.references.asked import STRENGTH, skipped
from trueto.references.distilled import Walk, distilled_times, observed, refusal, training_levels
from trueto.references.spec import SpecInputs

KNOWN = 50  # at how many training times the released models are taken to have been distilled

# Known ways in which implementations differ from the original (whose value comes first).
KNOBS = {
    "start": ("unit", "sigma"),  # scale of the first latents. sigma: k-diffusion style, noise * sigma_max, which is a little less
    "table": ("native", "float32"),  # precision of the table of alpha_bar. float32: diffusers, whatever the dtype of the latents
    # Where the visited times are taken from. every: diffusers, when original_inference_steps is given to set_timesteps.
    "source": ("known", "every"),
    "terminal": ("own", "zero"),  # signal left at the noisiest training time; zero: Lin et al. 2023 (arXiv 2305.08891), algorithm 1
    **STRENGTH,
}
PRECISION_KNOBS = ("table",)
DEFAULTS = {"original_inference_steps": None}  # in a rule: not given, so that there are 50


def run(sample, inputs: SpecInputs) -> Observation:
    """Run the TCD spec and observe it. `original_inference_steps` None visits n of all T training times."""
    table, n = training_levels(inputs), inputs.case.steps
    options = dict(inputs.case.options)
    known = options.pop("original_inference_steps", KNOWN)
    if known is None or inputs.knob("source", "known") == "every":
        known = len(table)
    if n > known:
        return refusal(inputs, f"{n} steps are more than {known}", "scheduling_tcd.py: set_timesteps")
    times = np.append(distilled_times(len(table), known, n, "even"), 0)[skipped(inputs, n) :]
    levels = table[times]
    if inputs.levels is not None:
        times = np.append(np.asarray(inputs.told), 0)
        levels = inputs.nudged(inputs.levels.astype(inputs.dtype))
    own = {name: value for name, value in inputs.knobs.items() if name not in KNOBS}
    return observed(sample, inputs, Walk(times, levels[:-1], levels[1:], table), **options, **own)
