"""The frame of guided-diffusion's specs: that of all of OpenAI's diffusion code (trueto.references.gaussian)."""

from trueto.references.gaussian import KNOBS, PRECISION_KNOBS, run

__all__ = ["KNOBS", "PRECISION_KNOBS", "run"]
