"""The frame of GLIDE's specs: that of all of OpenAI's diffusion code (trueto.references.gaussian), and its own list of times."""

from trueto.references import gaussian
from trueto.references.gaussian import PRECISION_KNOBS, run

__all__ = ["KNOBS", "PRECISION_KNOBS", "run"]

# keeps_last: diffusers' fast27_timesteps, made for IF, in which the noisiest time stays 999
KNOBS = {**gaussian.KNOBS, "spacing": (*gaussian.KNOBS["spacing"], "keeps_last")}
