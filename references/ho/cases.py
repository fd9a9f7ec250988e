"""The cases (X) that Ho et al.'s own sampler meets: it visits every training time, so a case has as many of them as steps."""

from trueto.model import Case

TINY = (1, 2, 2, 2)
SMALL = (2, 3, 3, 2)
WITHOUT_NOISE = ("schedule", "start", "update", "trajectory")
LAYERS = (*WITHOUT_NOISE, "noise")  # one case: whether draws move the sample is asked of each, which takes as many runs


def chain(name: str, steps: int, variance: str, *, options=None, **more) -> Case:
    """A case on the whole of a linear schedule of so many training times."""
    settings = {"schedule": f"linear{steps}", "grid": "spaced", "shape": SMALL, "layers": WITHOUT_NOISE, **more}
    return Case(name, steps, options={"variance": variance, **(options or {})}, **settings)
