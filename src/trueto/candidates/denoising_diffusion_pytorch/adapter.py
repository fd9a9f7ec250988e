"""Sampling with denoising-diffusion-pytorch as its README does; imported in a worker, where alone the library is imported.

Its samplers draw the first latents themselves: the first draw is the case's start, and every draw has the shape of the case, since
ElucidatedDiffusion asks for squares only.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any

from trueto.candidates._library import Library, bare_package, stand_in
from trueto.candidates.denoising_diffusion_pytorch.claims import CLAIMS, NO_CLAIMS
from trueto.fixtures import schedule
from trueto.model import Case, Claim

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["ADAPTER", "DenoisingDiffusionAdapter"]

UNUSED = (  # of its Trainer, in some release or other
    *("torchvision", "torchvision.transforms", "ema_pytorch", "accelerate"),
    *("lion_pytorch", "pytorch_fid", "pytorch_fid.inception", "pytorch_fid.fid_score"),
)
CHURN = {"s_churn": "S_churn", "s_min": "S_tmin", "s_max": "S_tmax", "s_noise": "S_noise"}
WITHOUT_CHURN = {"S_churn": 0.0, "S_tmin": 0.0, "S_tmax": float("inf"), "S_noise": 1.0}


class DenoisingDiffusionAdapter(Library):
    """The adapter of denoising-diffusion-pytorch (see `trueto.candidates.Adapter`)."""

    name = "denoising_diffusion_pytorch"
    distribution = "denoising-diffusion-pytorch"
    claims = CLAIMS
    no_claims = NO_CLAIMS
    modules = ("denoising_diffusion_pytorch",)

    def load(self) -> None:
        """Import the samplers, without the training code."""
        stand_in(*UNUSED)
        bare_package(self.name)
        super().load()

    def settings(self, claim: Claim, case: Case) -> dict[str, Any]:
        """The constructor's arguments."""
        options = dict(case.options)
        if case.parameterization == "edm":
            given = {CHURN.get(name, name): value for name, value in options.items()}
            return {"num_sample_steps": case.steps, **WITHOUT_CHURN, **given}
        table = schedule(case.schedule).settings
        times = table.get("num_train_timesteps", 1000)
        eta = {"ddim_sampling_eta": options["eta"]} if "eta" in options else {}
        return {
            "timesteps": times,
            "sampling_timesteps": case.steps,
            "objective": claim.settings["parameterizations"][case.parameterization],
            "beta_schedule": table["beta_schedule"],
            "auto_normalize": False,
            **eta,
        }

    def sample(self, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:  # noqa: ARG002 - no flag concerns these samplers
        """Build the process around the network and call the claimed sampler."""
        module, _, name = claim.implementation.partition(":")
        kind, _, function = name.partition(".")
        home = importlib.import_module(f"{self.name}.{module}")
        given = claim.settings.get("sample", {})
        gaussian = kind == "GaussianDiffusion"
        (_gaussian if gaussian else _elucidated)(home, getattr(home, kind), function, self.settings(claim, run.case), given, run)


def _network(run: Run, **names: Any) -> Any:
    """The network as the library wants one: a module that says how many channels it has, with a parameter that says where it is."""
    import torch

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.where = torch.nn.Parameter(torch.zeros(1, dtype=run.dtype), requires_grad=False)
            self.channels = self.out_dim = run.case.shape[1]
            self.self_condition = self.random_or_learned_sinusoidal_cond = False
            vars(self).update(names)

        def forward(self, x: Any, t: Any, self_cond: None = None) -> Any:  # noqa: ARG002 - nothing is conditioned on itself
            return run.network(x, t)

    return Network()


@contextlib.contextmanager
def _drawn(home: Any, run: Run, steps: Callable[[int], int] = int) -> Generator[list[Any]]:
    """In which the module's first torch.randn is the case's start, and later ones have the shape of the case; yields the starts."""
    import torch

    begun: list[Any] = []

    class Torch:
        def __getattr__(self, name: str) -> Any:
            return getattr(torch, name)

        def randn(self, *_: Any, **__: Any) -> Any:
            if begun:
                return torch.randn(run.case.shape, dtype=run.dtype)
            begun.append(run.start_noise())
            return begun[0]

    before = 1 if run.seeded else 0
    run.noise.step_of = lambda draw: steps(max(draw - before, 0))
    home.torch = Torch()
    try:
        yield begun
    finally:
        home.torch = torch


def _gaussian(home: Any, kind: Any, function: str, settings: Mapping[str, Any], given: Mapping[str, Any], run: Run) -> None:
    """DDPM over all training times, or DDIM on fewer."""
    import torch

    made = kind(_network(run), image_size=run.case.shape[2:], **settings)
    with _drawn(home, run) as begun:
        sample = getattr(made, function)(run.case.shape, **given)
    told = [int(time) for time in run.probe.told]
    run.relabel(range(len(told)))
    levels = torch.cat([made.alphas_cumprod[told], torch.ones_like(made.alphas_cumprod[:1])])
    run.finish(levels=levels, level_kind="alpha_bar", start=begun[0], sample=sample)


def _elucidated(home: Any, kind: Any, function: str, settings: Mapping[str, Any], given: Mapping[str, Any], run: Run) -> None:
    """EDM's sampler, or DPM-Solver++ on its levels."""
    made = kind(_network(run, random_or_learned_sinusoidal_cond=True), image_size=run.case.shape[2], channels=run.case.shape[1], **settings)
    with _drawn(home, run) as begun:
        sample = getattr(made, function)(run.case.shape[0], **given) * 2 - 1
    run.relabel(range(len(run.probe.told)) if function != "sample" else (call // 2 for call in range(len(run.probe.told))))
    sigmas = made.sample_schedule()
    start = begun[0] * sigmas[0] / (sigmas[0] ** 2 + 1) ** 0.5
    run.finish(levels=sigmas, level_kind="sigma", start=start, sample=sample)


ADAPTER = DenoisingDiffusionAdapter()
