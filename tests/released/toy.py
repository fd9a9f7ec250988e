"""The adapter of trueto-toy, a library of Euler's method with several releases, which tests/releasing.py builds."""

import importlib
import sys
from importlib.metadata import version
from pathlib import Path

from trueto.model import Claim

SETTINGS = {"grids": {"model": {}}, "parameterizations": {"eps": "eps"}, "options": {}}
IDS = {"k_diffusion/euler": "Euler", "k_diffusion/heun": "Heun"}


class Toy:
    """See `trueto.candidates.Adapter`."""

    name = "toy"
    claims = tuple(Claim(name, name, kind, "tests/released", f"this is {kind}", ("model-20",), SETTINGS) for name, kind in IDS.items())
    no_claims: dict[str, str] = {}  # noqa: RUF012 - data, as the protocol has it
    modules = ("trueto_toy",)

    def version(self):
        """The release that is first on the path."""
        return version("trueto-toy")

    def load(self):
        """Import the library."""
        importlib.import_module("trueto_toy")

    def lacks(self, claim):
        """Heun came late."""
        has = hasattr(importlib.import_module("trueto_toy"), claim.implementation)
        return "" if has else f"has no such class: {claim.implementation}"

    def settings(self, claim, case):  # noqa: ARG002 - the protocol's signature
        """Nothing to configure."""
        return {"steps": case.steps, "smooth": True}

    def ignored(self, claim, case):  # noqa: ARG002 - the protocol's signature
        """A setting that came with 1.2."""
        return [] if hasattr(importlib.import_module("trueto_toy"), "SMOOTH") else ["smooth"]

    def owns(self, filename):
        """Whether an exception started in the library."""
        return filename.endswith("trueto_toy/__init__.py")

    def sample(self, claim, run, flags):  # noqa: ARG002 - the protocol's signature
        """The library's loop, in which trueto only evaluates the network."""
        sys.path.insert(0, str(Path(__file__).parents[1] / "ported"))
        port = importlib.import_module("ported_euler")
        table = port.training_sigmas(run.table(run.schedule.alphas_cumprod))
        sigmas = port.levels(table, run.case.steps)
        x = run.start_noise() * sigmas[0]
        start = x / (sigmas[0] ** 2 + 1) ** 0.5
        for i in range(len(sigmas) - 1):
            run.step = run.noise.step = i
            time = port.time_of(table, sigmas[i]).reshape(1)
            denoised = x - sigmas[i] * run.network(x / (sigmas[i] ** 2 + 1) ** 0.5, time)
            x = getattr(importlib.import_module("trueto_toy"), claim.implementation)(x, denoised, sigmas[i], sigmas[i + 1])
        run.finish(levels=sigmas, level_kind="sigma", start=start, sample=x)


ADAPTER = Toy()
