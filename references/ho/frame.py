"""The frame of Ho et al.'s spec: that of OpenAI's diffusion code (trueto.references.gaussian), which descends from theirs; no respacing."""

from trueto.references.gaussian import KNOBS as RESPACED
from trueto.references.gaussian import PRECISION_KNOBS, run

__all__ = ["KNOBS", "PRECISION_KNOBS", "run"]

KNOBS = {name: values for name, values in RESPACED.items() if name not in ("spacing", "places")}  # all times are visited: no spacing
