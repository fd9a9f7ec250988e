"""The cases (X) that improved-diffusion's samplers meet: 4000 training times, told as they are or rescaled to 1000; learned variance."""

from trueto.model import Case

SMALL = (2, 3, 3, 2)
RAISES = ("schedule", "trajectory")
NO_NOISE = ("schedule", "start", "update", "trajectory")


def long(name: str, steps: int, **more) -> Case:
    """A case on 4000 training times, as the models for ImageNet and CIFAR-10 were trained on."""
    return Case(name, steps, **{"schedule": "linear4000", "grid": "spaced", "shape": SMALL, **more})
