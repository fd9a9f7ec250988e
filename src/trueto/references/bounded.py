"""What is done to a predicted clean picture so that its values stay in range: clipping, and the dynamic thresholding of Imagen."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["BOUNDS", "RETURNED", "bounded", "returned"]

Array = np.ndarray[Any, np.dtype[Any]]

# Values of a knob `clip`. x0: to [-1, 1]; half: to [-0.5, 0.5]; dynamic: the 99.5th percentile, held between 1 and 3; strong: the 70th,
# held between 1 and 1.5.
BOUNDS = ("none", "x0", "half", "dynamic", "strong")
# A knob of frames whose originals hand back what they have. clipped: denoising-diffusion-pytorch, which hands back pictures within [-1, 1].
RETURNED = {"returned": ("whole", "clipped")}
RANGES = {"x0": 1.0, "half": 0.5}
DYNAMIC = {"dynamic": (0.995, 3.0), "strong": (0.7, 1.5)}


def returned(sample: Array, how: str) -> Array:
    """The finished sample as it is handed back, by a value of the knob `returned`."""
    return bounded(sample, "x0") if how == "clipped" else sample


def bounded(x0: Array, how: str) -> Array:
    """The picture x0 (B, C, H, W), clipped or thresholded picture by picture (Saharia et al. 2022, arXiv 2205.11487, section 2.3)."""
    if how in RANGES:
        return np.clip(x0, -RANGES[how], RANGES[how])
    if how not in DYNAMIC:
        return x0
    ratio, most = DYNAMIC[how]
    s = np.quantile(np.abs(x0).reshape(len(x0), -1), ratio, axis=1)
    s = np.clip(s, 1, most).astype(x0.dtype).reshape(-1, 1, 1, 1)
    return np.clip(x0, -s, s) / s
