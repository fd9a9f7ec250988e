"""Which schedulers of diffusers are EDM's samplers (NVlabs/edm), and how they are driven."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from trueto.candidates.diffusers.claims.k_diffusion import edm_pipeline
from trueto.candidates.diffusers.claims.row import DOCS, claim
from trueto.candidates.diffusers.loops import compiled
from trueto.model import Claim

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["CLAIMS", "LOOPS", "NO_CLAIMS"]

STEP_NAMES = {"s_min": "s_tmin", "s_max": "s_tmax"}  # diffusers' step() has k-diffusion's names


def edm_euler(scheduler: Any, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:
    """The loop of the pipelines, with the options of step() under its own names."""
    case = run.case
    run.case = replace(case, options={STEP_NAMES.get(name, name): value for name, value in case.options.items()})
    edm_pipeline(scheduler, claim, run, flags)


def karras_ve(scheduler: Any, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:  # noqa: ARG001 - all loops are alike
    """KarrasVePipeline's loop; its change of data range, (x + 1) / 2 at sigma / 2, is left out, since the network here sees x itself."""
    import torch

    start = run.start_noise() * scheduler.init_noise_sigma
    scheduler.set_timesteps(run.case.steps)
    sample = start
    step, correct = compiled(scheduler.step, flags), compiled(scheduler.step_correct, flags)
    for index, t in enumerate(scheduler.timesteps):
        run.step = run.noise.step = index
        sigma, after = scheduler.schedule[t], scheduler.schedule[t - 1] if t > 0 else 0
        x_hat, raised = scheduler.add_noise_to_input(sample, sigma)
        found = step(raised * run.network(x_hat, raised), raised, after, x_hat)
        if after != 0:
            answer = after * run.network(found.prev_sample, after)
            found = correct(answer, raised, after, x_hat, found.prev_sample, found["derivative"])
        sample = found.prev_sample
    levels = torch.cat([scheduler.schedule.flip(0), torch.zeros(1, dtype=scheduler.schedule.dtype)])
    run.finish(levels=levels, level_kind="sigma", start=start / (levels[0] ** 2 + 1) ** 0.5, sample=sample)


LOOPS = {"edm_euler": edm_euler, "karras_ve": karras_ve}

# Domains of the laws. One step is not defined: the original divides by n - 1.
CHURN = {
    "s_churn": {"range": [0.0, 40.0]},
    "s_min": {"range": [0.01, 1.0]},
    "s_max": {"range": [1.0, 60.0]},
    "s_noise": {"range": [0.95, 1.05]},
}
RANGE = {"sigma_min": {"choices": [0.002, 0.01, 0.05]}, "sigma_max": {"choices": [80.0, 50.0, 20.0]}, "rho": {"range": [2.0, 9.0]}}

CLAIMS: tuple[Claim, ...] = (
    claim(
        "edm/euler",
        "EDMEulerScheduler",
        DOCS + "edm_euler; the class's own docstring",
        "Implements the Euler scheduler in EDM formulation as presented in Karras et al. 2022",
        grids={"edm": {}},
        parameterizations={"edm": "epsilon"},
        config={},
        init=("sigma_min", "sigma_max", "rho"),
        step=("s_churn", "s_min", "s_max", "s_noise", "s_tmin", "s_tmax"),
        loop="edm_euler",
        domain={
            "steps": [2, 50],
            "schedules": ["edm"],
            "options": {**CHURN, **RANGE},
            "order": {"claimed": 1, "grid": "edm", "steps": [16, 32, 64, 128]},
        },
    ),
    claim(
        "edm/ablation",
        "KarrasVeScheduler",
        DOCS + "stochastic_karras_ve",
        "KarrasVeScheduler is a stochastic sampler tailored to variance-expanding (VE) models. It is based on the Elucidating the Design "
        "Space of Diffusion-Based Generative Models [...] papers.",
        stages="double",
        grids={"ve": {}},
        parameterizations={"score": "score"},
        config={},
        base={"s_churn": 0.0, "s_noise": 1.0, "s_min": 0.0, "s_max": float("inf")},
        init=("s_churn", "s_min", "s_max", "s_noise"),
        loop="karras_ve",
        note="deprecated, still importable; driven as KarrasVePipeline does",
        domain={"steps": [2, 50], "schedules": ["ve"], "options": CHURN},
    ),
)

NO_CLAIMS: dict[str, str] = {
    "edm/heun": "no scheduler is documented as EDM's Heun sampler for networks in EDM form; HeunDiscreteScheduler is k-diffusion's",
}
