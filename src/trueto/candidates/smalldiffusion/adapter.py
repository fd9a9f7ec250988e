"""Calling smalldiffusion's `samples` on levels of the user's; imported in a worker, where alone the library is imported.

Its state is x / alpha, with noise of size sigma; what the network is shown is scaled back, as its own wrapper of diffusers' models does.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from trueto.candidates._library import Library, bare_package
from trueto.fixtures import tape
from trueto.model import Case, Claim, Layer
from trueto.references.spec import SpecInputs
from trueto.references.vp import rounded_table, strided_times

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["ADAPTER", "SmallDiffusionAdapter"]

LAYERS = {str(layer): {} for layer in (Layer.SCHEDULE, Layer.UPDATE, Layer.TRAJECTORY, Layer.NOISE)}
MU = {0.0: 0.0, 1.0: 0.5}  # by eta: what the library calls DDIM and DDPM

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "ermongroup/ddim",
        "ermongroup/ddim",
        "diffusion:samples",
        "smalldiffusion 0.5.0, smalldiffusion/diffusion.py, above `samples`",
        "Generalizes most commonly-used samplers: DDPM: gam=1, mu=0.5; DDIM: gam=1, mu=0",
        ("[!e]*", "eta1-*"),
        {"layers": LAYERS, "grids": {"uniform": {}}, "parameterizations": {"eps": {}}, "options": {"eta": {}}},
        "on the original's own levels, which are the user's to give; DDPM is the original's at eta 1",
    ),
    Claim(
        "compvis/ddim@shipped",
        "compvis/ddim",
        "diffusion:samples",
        "smalldiffusion 0.5.0, smalldiffusion/diffusion.py, above ScheduleLDM and `samples`",
        "Default parameters recover schedule used in most latent diffusion models, e.g. Stable diffusion [...] DDPM: gam=1, mu=0.5; DDIM: "
        "gam=1, mu=0",
        ("uniform-*", "eta1-[0-9]*"),
        {"grids": {"uniform": {}}, "parameterizations": {"eps": {}}, "options": {"eta": {}}},
        "as shipped: ScheduleLDM(1000).sample_sigmas(n), and the sampler's own first latents",
    ),
)


class SmallDiffusionAdapter(Library):
    """The adapter of smalldiffusion (see `trueto.candidates.Adapter`)."""

    name = "smalldiffusion"
    distribution = "smalldiffusion"
    claims = CLAIMS
    modules = ("smalldiffusion",)

    def load(self) -> None:
        """Import the sampler, without models and data."""
        bare_package(self.name)
        super().load()

    def settings(self, claim: Claim, case: Case) -> Mapping[str, Any]:  # noqa: ARG002 - the same for every claim
        """The two numbers that make the sampler one algorithm or another."""
        return {"gam": 1.0, "mu": MU[case.options.get("eta", 0.0)]}

    def sample(self, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:  # noqa: ARG002 - no flag concerns this sampler
        """Iterate over `samples`, from the first latents on."""
        from trueto.interpose import NUMPY_OF

        case = run.case
        inputs = SpecInputs(case, np.dtype(NUMPY_OF[run.dtype]), run.schedule, run.probe, np.zeros(0), tape(case.seed, case.shape))
        shipped = claim.id.endswith("@shipped")
        times, sigmas = self._shipped(case.steps) if shipped else original(rounded_table(inputs), run)
        levels = 1 / (sigmas**2 + 1)
        start = run.start_noise()
        x = start * sigmas[0] if shipped else start / levels[0].sqrt()
        model = _Model(run, sigmas, times)
        given = {"xt": x, "batchsize": len(x), "accelerator": SimpleNamespace(device="cpu")}
        *_, sample = self.claimed(claim)(model, sigmas, **self.settings(claim, case), **given)
        ends = levels[0].sqrt(), levels[-1].sqrt()
        run.finish(levels=levels, level_kind="alpha_bar", start=x * ends[0], sample=sample * ends[1])

    def _shipped(self, steps: int) -> tuple[Any, Any]:
        """The library's own levels of Stable Diffusion for so many steps, and the training times that they belong to."""
        schedule = importlib.import_module("smalldiffusion.diffusion").ScheduleLDM(1000)
        sigmas = schedule.sample_sigmas(steps)
        return [int((schedule.sigmas == sigma).nonzero()[0]) for sigma in sigmas[:-1]], sigmas


def original(table: Any, run: Run) -> tuple[Any, Any]:
    """Every (T // n)-th training time of a table of alpha_bar, and their levels in units of the clean picture, with 0 at the end."""
    times = strided_times(run.case.steps, len(table))
    levels = run.table(np.append(table[times], 1))
    return times, ((1 - levels) / levels).sqrt()


class _Model:
    """A model as the library calls one: it predicts the noise, and draws the fresh noise.

    Its calls are the steps. What the network is told follows from the level that the library asks at, and not from the step.
    """

    def __init__(self, run: Run, sigmas: Any, times: Any) -> None:
        self.run, self.sigmas, self.times, self.calls = run, sigmas, times, 0

    def eval(self) -> None:
        """Nothing is to be switched."""

    def rand_input(self, batchsize: int) -> Any:
        """Standard normal noise, as the library's ModelMixin draws it."""
        import torch

        return torch.randn((batchsize, *self.run.case.shape[1:]), dtype=self.run.dtype)

    def __call__(self, x: Any, sigma: Any, cond: Any = None) -> Any:
        """The noise in x, as releases before 0.3 ask for it."""
        return self.predict_eps_cfg(x, sigma, cond, 0.0)

    predict_eps = __call__  # as 0.3 asks for it

    def predict_eps_cfg(self, x: Any, sigma: Any, cond: Any, scale: float) -> Any:  # noqa: ARG002 - nothing is guided
        """The noise in x."""
        import torch

        self.run.step = self.run.noise.step = self.calls
        self.calls += 1
        time = self.times[int((self.sigmas - sigma).abs().argmin())]
        return self.run.network(x * (1 / (sigma**2 + 1)).sqrt(), torch.tensor(float(time)))


ADAPTER = SmallDiffusionAdapter()
