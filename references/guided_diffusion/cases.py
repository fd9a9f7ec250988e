"""The cases (X) that guided-diffusion's samplers meet: step counts and spacings that hide nothing, on pictures that are partly clipped."""

from trueto.model import Case

TINY = (1, 2, 2, 2)
SMALL = (2, 3, 3, 2)
RAISES = ("schedule", "trajectory")
NO_NOISE = ("schedule", "start", "update", "trajectory")


def linear(name: str, steps: int, **more) -> Case:
    """A case on Ho et al.'s linear schedule, which most of the released models were trained on."""
    return Case(name, steps, **{"schedule": "linear", "grid": "spaced", "shape": SMALL, **more})


# A one-step run divides by a second posterior variance that is not there: the original raises IndexError.
LONE = linear("spaced-1", 1, layers=RAISES)
