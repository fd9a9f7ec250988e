"""What users may ask of any sampler that no original has: to begin part-way with a picture, or to walk a list of times of their own.

A frame that knows them takes their knobs (`STRENGTH`, `GIVEN`) among its own. A sampler is handed what is left of its grid, and a state
at the level where that begins; the rest of the spec is the certified one, which is what makes its verdicts `consistent with`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from trueto.fixtures.pictures import known_picture
from trueto.references.spec import SpecInputs

__all__ = ["GIVEN", "STRENGTH", "first_picture", "skipped"]

Array = np.ndarray[Any, np.dtype[Any]]

# Meng et al. 2021 (SDEdit, arXiv 2108.01073): how much of the way is walked, from a picture with noise added.
STRENGTH = {"strength": ("whole", "0.3", "0.5", "0.8", "1")}
# A list of times or levels that is given: `original`, k-diffusion's own levels from its float64 table; `ays`, Align Your Steps.
GIVEN = {"given": ("none", "original", "ays")}


def skipped(inputs: SpecInputs, steps: int) -> int:
    """How many of `steps` are left out at the noisy end: all but int(n strength), n the step count that was asked for."""
    strength = inputs.knob("strength", "whole")
    return 0 if strength == "whole" else max(steps - int(inputs.case.steps * float(strength)), 0)


def first_picture(inputs: SpecInputs) -> Array | None:
    """The picture to begin with, for every stacked copy, or None where the whole way is walked."""
    if inputs.knob("strength", "whole") == "whole":
        return None
    return np.concatenate([known_picture(inputs.case.shape).astype(inputs.dtype)] * inputs.copies)
