"""Which schedulers of diffusers are score_sde_pytorch's samplers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from trueto.candidates.diffusers.claims.row import claim
from trueto.candidates.diffusers.loops import compiled, read_levels
from trueto.model import Case, Claim

if TYPE_CHECKING:
    from trueto.torch_run import Run

__all__ = ["CLAIMS", "LEVELS", "LOOPS", "NO_CLAIMS"]

QUOTE = "This file is strongly influenced by https://github.com/yang-song/score_sde_pytorch"
BETA_MIN, BETA_MAX = 0.1, 20.0

CLAIMS: tuple[Claim, ...] = (
    claim(
        "score_sde/ve_reverse_diffusion",
        "ScoreSdeVeScheduler",
        "diffusers/schedulers/scheduling_sde_ve.py, at its top",
        QUOTE,
        grids={"sde": {}},
        parameterizations={"score": "epsilon"},
        config={"sigma_min": 0.01, "sigma_max": 50.0, "snr": 0.16, "sampling_eps": 1e-5, "correct_steps": 1},
        init=("snr", "sigma_max", "correct_steps"),
        levels="discrete_sigmas",
        loop="predictor_corrector",
        note="driven as ScoreSdeVePipeline drives it, without its last line, which cuts the picture to [0, 1]",
        domain={
            "steps": [2, 50],  # one step has no next level to look up
            "schedules": ["ve"],
            "options": {
                "snr": {"range": [0.05, 0.3]},
                "sigma_max": {"choices": [50, 348, 1348]},
                "correct_steps": {"choices": [0, 1, 2]},
            },
            "without": {"batch": "the corrector's step size is a mean over the batch, in the original too"},
        },
    ),
    claim(
        "score_sde/vp_euler_maruyama",
        "ScoreSdeVpScheduler",
        "diffusers/schedulers/deprecated/scheduling_sde_vp.py, at its top",
        QUOTE,
        grids={"sde": {}},
        parameterizations={"eps": "epsilon"},
        config={"beta_min": BETA_MIN, "beta_max": BETA_MAX, "sampling_eps": 1e-3},
        init=("sampling_eps",),
        levels="vp_times",
        loop="vp_predictor",
        note="no pipeline of diffusers drives it; the network is told 999 t, as the original tells its continuous networks",
        domain={"schedules": ["vp_sde"], "options": {"sampling_eps": {"choices": [0.001, 0.005, 0.01, 0.02]}}},
    ),
)

NO_CLAIMS: dict[str, str] = {
    "score_sde/ve_ancestral_sampling": "no scheduler is documented as this one; ScoreSdeVeScheduler has the reverse diffusion predictor",
    "score_sde/vp_ancestral_sampling": "no scheduler is documented as this one; DDPMScheduler is documented as DDPM's own code",
    "score_sde/vp_reverse_diffusion": "no scheduler is documented as this algorithm",
    "score_sde/subvp_euler_maruyama": "no scheduler has the sub-VP SDE",
}


def discrete_sigmas(scheduler: Any, claim: Claim, case: Case) -> tuple[str, Any]:  # noqa: ARG001 - all readers of levels are alike
    """The table of the predictor, from noisy to clean, and 0, where its last step ends."""
    import torch

    return "sigma", torch.cat([scheduler.discrete_sigmas.flip(0), scheduler.discrete_sigmas.new_zeros(1)])


def vp_times(scheduler: Any, claim: Claim, case: Case) -> tuple[str, Any]:  # noqa: ARG001 - all readers of levels are alike
    """Sigma over alpha of the SDE's own marginals at the scheduler's times, and 0 after the last step."""
    times = scheduler.timesteps.numpy()
    t = times.astype(np.float64)
    growth = 0.5 * t**2 * (BETA_MAX - BETA_MIN) + t * BETA_MIN  # -2 ln alpha
    return "sigma", np.append(np.sqrt(np.expm1(growth)), 0).astype(times.dtype)


def predictor_corrector(scheduler: Any, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:
    """The loop of ScoreSdeVePipeline: corrector steps, then the predictor; the sample is the last mean."""
    import torch

    correct, predict = compiled(scheduler.step_correct, flags), compiled(scheduler.step_pred, flags)
    case = run.case
    run.probe.canonical = lambda x, sigma: x / (1 + sigma**2) ** 0.5
    sample = run.start_noise() * scheduler.init_noise_sigma
    scheduler.set_timesteps(case.steps)
    scheduler.set_sigmas(case.steps)
    mean = sample
    for i, t in enumerate(scheduler.timesteps):
        run.step = run.noise.step = i
        sigma = scheduler.sigmas[i] * torch.ones(case.shape[0])
        for _ in range(scheduler.config.correct_steps):
            sample = correct(run.network(sample, sigma), sample).prev_sample
        output = predict(run.network(sample, sigma), t, sample)
        sample, mean = output.prev_sample, output.prev_sample_mean
    kind, levels = read_levels(scheduler, claim, case)
    run.finish(levels=levels, level_kind=kind, start=torch.from_numpy(run.probe.states[0]), sample=mean)


def vp_predictor(scheduler: Any, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:
    """The same for ScoreSdeVpScheduler, which turns the predicted noise into the score by itself and has no corrector."""
    import torch

    predict = compiled(scheduler.step_pred, flags)
    case = run.case
    sample = run.start_noise()
    scheduler.set_timesteps(case.steps)
    start = mean = sample
    for i, t in enumerate(scheduler.timesteps):
        run.step = run.noise.step = i
        times = t * torch.ones(case.shape[0])
        sample, mean = predict(run.network(sample, times * 999), sample, times)
    kind, levels = read_levels(scheduler, claim, case)
    run.finish(levels=levels, level_kind=kind, start=start, sample=mean)


LEVELS = {"discrete_sigmas": discrete_sigmas, "vp_times": vp_times}
LOOPS = {"predictor_corrector": predictor_corrector, "vp_predictor": vp_predictor}
