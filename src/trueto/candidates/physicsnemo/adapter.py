"""Calling PhysicsNeMo's diffusion samplers around a raw network; imported in a worker, where alone the library is imported."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trueto.candidates._library import Library, bare_package, stand_in
from trueto.candidates.physicsnemo.claims import CLAIMS
from trueto.model import Case, Claim
from trueto.references import reference

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["ADAPTER", "PhysicsNeMoAdapter"]

CHURN = {"s_churn": "S_churn", "s_min": "S_min", "s_max": "S_max", "s_noise": "S_noise"}
OF_SOLVER = ("S_churn", "S_min", "S_max", "S_noise", "alpha")
SIGMA_DATA = 0.5


class _Unused:
    """In the place of a class that the samplers only ask whether something is one of."""


class PhysicsNeMoAdapter(Library):
    """The adapter of PhysicsNeMo (see `trueto.candidates.Adapter`)."""

    name = "physicsnemo"
    distribution = "nvidia-physicsnemo"
    claims = CLAIMS
    no_claims: Mapping[str, str] = {}
    modules = ("physicsnemo.diffusion",)

    def load(self) -> None:
        """Import the samplers and noise schedulers, without models, patches and meshes of devices."""
        for package in ("", ".core", ".domain_parallel", ".diffusion", ".diffusion.samplers"):
            bare_package(f"physicsnemo{package}")
        bare_package("physicsnemo.diffusion.multi_diffusion", GridPatching2D=_Unused)
        bare_package("physicsnemo.diffusion.preconditioners", EDMPrecond=_Unused)
        stand_in("tensordict", "physicsnemo.domain_parallel.shard_tensor")
        importlib.import_module("physicsnemo.diffusion.noise_schedulers")
        super().load()

    def settings(self, claim: Claim, case: Case) -> dict[str, Any]:
        """The arguments of the function that is called."""
        options = {CHURN.get(name, name): value for name, value in case.options.items()}
        if claim.reference != "edm/heun":
            options = {"discretization": case.grid, **options}
        if "range" in claim.settings:
            low, high = reference(claim.reference).frame.RANGES[case.grid]
            options = {"sigma_min": low, "sigma_max": high, **options}
        return {"num_steps": case.steps, **claim.settings["given"], **options}

    def sample(self, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:  # noqa: ARG002 - no flag concerns these samplers
        """Call the claimed sampler."""
        before = 1 if run.seeded else 0
        run.noise.step_of = lambda draw: max(draw - before, 0)
        given = self.settings(claim, run.case)
        (_by_solver if claim.implementation.endswith(":sample") else _by_function)(self.claimed(claim), given, run)
        calls = len(run.probe.told)
        run.relabel(range(calls) if "euler" in given.get("solver", "") else (call // 2 for call in range(calls)))


class _Network:
    """D(x, sigma) around the network, asked in the dtype of the run, as the library's functions call one; notes the levels."""

    def __init__(self, run: Run) -> None:
        self.run, self.levels = run, list[Any]()
        score = run.case.parameterization == "score"
        self.sigma_min, self.sigma_max = (0.02, 100) if score else (0.0, float("inf"))

    def round_sigma(self, sigma: Any) -> Any:
        """The level as it is."""
        self.levels.append(sigma)
        return sigma

    def denoised(self, x: Any, sigma: Any) -> Any:
        """The clean picture in x, which has noise of that size (Karras et al. 2022, equation 7, or equation 3 for scores)."""
        import torch

        x, sigma = x.to(self.run.table_dtype), torch.as_tensor(sigma).to(self.run.table_dtype)
        told, sigma = sigma.reshape(-1), sigma.reshape(-1, 1, 1, 1)
        if self.run.case.parameterization == "score":
            return x + sigma**2 * self.run.network(x, told)
        total = sigma**2 + SIGMA_DATA**2
        out = self.run.network(x / total.sqrt(), told.log() / 4)
        return SIGMA_DATA**2 / total * x + sigma * SIGMA_DATA / total.sqrt() * out

    def __call__(self, x: Any, low_resolution: Any, sigma: Any, class_labels: None) -> Any:  # noqa: ARG002 - nothing is conditioned
        """As the functions call a network."""
        return self.denoised(x, sigma)


def _by_function(function: Any, given: Mapping[str, Any], run: Run) -> None:
    """One of the two functions, which make levels by themselves; what is returned in float64 is kept in the precision of the latents."""
    import torch

    net, noise = _Network(run), run.start_noise()
    sample = function(net, noise, torch.zeros_like(noise), randn_like=torch.randn_like, **given)
    sigmas = torch.cat([net.levels[0], torch.zeros_like(net.levels[0][:1])])
    run.finish(levels=sigmas, level_kind="sigma", start=noise * (sigmas[0] / (sigmas[0] ** 2 + 1).sqrt()), sample=sample.to(run.dtype))


def _by_solver(sample: Any, given: dict[str, Any], run: Run) -> None:
    """`sample` with the noise scheduler of the case's path."""
    schedulers, options = importlib.import_module("physicsnemo.diffusion.noise_schedulers"), dict(run.case.options)
    path = options.get("schedule", "iddpm" if run.case.grid == "iddpm" else "edm")
    kind = {"vp": "VPNoiseScheduler", "ve": "VENoiseScheduler", "iddpm": "IDDPMNoiseScheduler", "edm": "EDMNoiseScheduler"}[path]
    chosen = {"beta_d": 19.9} if path == "vp" else {name: options[name] for name in ("sigma_min", "sigma_max", "rho") if name in options}
    scheduler, steps, net = getattr(schedulers, kind)(**chosen), run.case.steps, _Network(run)

    def clean(x: Any, t: Any) -> Any:
        alpha = scheduler.alpha(t).reshape(-1, 1, 1, 1)
        return net.denoised(x / alpha, scheduler.sigma(t) / alpha.reshape(-1))

    solver_options = {name: value for name, value in given.items() if name in OF_SOLVER} | {"num_steps": steps}
    times = scheduler.timesteps(steps, dtype=run.dtype)
    sigmas = scheduler.sigma(times) / scheduler.alpha(times)
    noise = run.start_noise()
    out = sample(
        scheduler.get_denoiser(x0_predictor=clean), noise * scheduler.sigma(times[0]), scheduler, steps, given["solver"],
        solver_options=solver_options,
    )  # fmt: skip
    run.finish(levels=sigmas, level_kind="sigma", start=noise * (sigmas[0] / (sigmas[0] ** 2 + 1).sqrt()), sample=out)


ADAPTER = PhysicsNeMoAdapter()
