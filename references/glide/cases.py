"""The cases (X) that GLIDE's samplers meet: its base model, guided on the cosine schedule, and its upsampler on the linear one."""

from trueto.model import Case

SMALL = (2, 3, 3, 2)
RAISES = ("schedule", "trajectory")
NO_NOISE = ("schedule", "start", "update", "trajectory")


def base(name: str, steps: int, **more) -> Case:
    """A case as the base model is sampled; guided runs draw noise for a doubled batch, so that their draws are no one else's."""
    layers = NO_NOISE if "guidance" in more else Case.__dataclass_fields__["layers"].default
    return Case(name, steps, **{"schedule": "cosine", "grid": "spaced", "shape": SMALL, "layers": layers, **more})


def upsampler(name: str, steps: int, **more) -> Case:
    """A case as the upsampler is sampled."""
    return Case(name, steps, **{"schedule": "linear", "grid": "spaced", "shape": SMALL, **more})
