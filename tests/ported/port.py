"""The adapter of ported_euler, a faithful port of k-diffusion's Euler method."""

import importlib
import sys
from pathlib import Path

from trueto.model import Claim

SETTINGS = {"grids": {"model": {}}, "parameterizations": {"eps": "eps"}, "options": {}}


class Port:
    """See `trueto.candidates.Adapter`."""

    name = "port"
    claims = (Claim("k_diffusion/euler", "k_diffusion/euler", "Euler", "tests/ported", "this is Euler", ("model-*",), SETTINGS),)
    no_claims: dict[str, str] = {}  # noqa: RUF012 - data, as the protocol has it
    modules = ("ported_",)

    def version(self):
        """The version of the port."""
        return "1.0"

    def load(self):
        """Import the library."""
        sys.path.insert(0, str(Path(__file__).parent))
        importlib.import_module("ported_euler")

    def settings(self, claim, case):  # noqa: ARG002 - the protocol's signature
        """Nothing to configure."""
        return {"steps": case.steps}

    def owns(self, filename):
        """Whether an exception started in the library."""
        return filename.endswith("ported_euler.py")

    def sample(self, claim, run, flags):  # noqa: ARG002 - the protocol's signature
        """Euler's loop."""
        library = sys.modules["ported_euler"]
        table = library.training_sigmas(run.table(run.schedule.alphas_cumprod))
        sigmas = library.levels(table, run.case.steps)
        x = run.start_noise() * sigmas[0]
        start = x / (sigmas[0] ** 2 + 1) ** 0.5
        for i in range(len(sigmas) - 1):
            run.step = run.noise.step = i
            time = library.time_of(table, sigmas[i]).reshape(1)
            denoised = x - sigmas[i] * run.network(x / (sigmas[i] ** 2 + 1) ** 0.5, time)
            x = library.euler_step(x, denoised, sigmas[i], sigmas[i + 1])
        run.finish(levels=sigmas, level_kind="sigma", start=start, sample=x)


ADAPTER = Port()
