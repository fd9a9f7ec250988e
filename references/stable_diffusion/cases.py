"""What whole pipelines share: how libraries make 8 bits of a picture."""

import numpy as np


def rounded_png(arrays, knobs, case):
    """The outputs of a pipeline with the fraction of the 8-bit pictures rounded where the knob says so, and not cut off."""
    if knobs.get("png") == "rounded":
        for number, picture in enumerate(arrays["image"], 1):
            arrays["png" if number == 1 else f"png#{number}"] = np.rint(255 * (picture + 1) / 2).astype(np.int64)
    return arrays
