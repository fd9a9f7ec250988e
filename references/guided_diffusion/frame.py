"""The frame of guided-diffusion's specs: that of all of OpenAI's diffusion code (trueto.references.gaussian), and the way to noise."""

from trueto.observe import Observation
from trueto.references import forward, gaussian
from trueto.references.gaussian import KNOBS, PRECISION_KNOBS
from trueto.references.spec import SpecInputs

__all__ = ["KNOBS", "PRECISION_KNOBS", "run"]


def run(sample, inputs: SpecInputs) -> Observation:
    """Run one of the specs, a sampler or the forward process, and observe it."""
    if getattr(sample, "forward", False):
        return forward.run(sample, inputs, KNOBS)
    return gaussian.run(sample, inputs)
