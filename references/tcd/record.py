"""How to run the authors' TCD sampler on X: imports the original from a checkout and calls it, nothing more."""

from pathlib import Path
from types import SimpleNamespace

import torch

from trueto.recording.harness import Run, import_file

PREDICTIONS = {"eps": "epsilon", "v": "v_prediction", "x0": "sample"}


def load(source: Path) -> SimpleNamespace:
    """The original's scheduler, from a checkout. Its base classes come from the installed diffusers."""
    return SimpleNamespace(tcd=import_file("scheduling_tcd", source / "scheduling_tcd.py").TCDScheduler)


def drive(original, algorithm: str, run: Run) -> None:
    """The denoising loop of the pipelines that the authors run it in."""
    case = run.case
    options = dict(case.options)
    known = {"original_inference_steps": options.pop("original_inference_steps")} if "original_inference_steps" in options else {}
    prediction = PREDICTIONS[case.parameterization]
    scheduler = getattr(original, algorithm)(**run.schedule.settings, prediction_type=prediction, **known)
    scheduler.alphas_cumprod = run.nudged(scheduler.alphas_cumprod)
    scheduler.set_timesteps(case.steps)
    latents = run.start_noise() * scheduler.init_noise_sigma
    start = latents
    for i, t in enumerate(scheduler.timesteps):
        run.step = run.noise.step = i
        latents = scheduler.step(run.network(latents, t), t, latents, return_dict=False, **options)[0]
    times = torch.cat([scheduler.timesteps, torch.zeros_like(scheduler.timesteps[:1])])
    run.finish(levels=scheduler.alphas_cumprod[times], level_kind="alpha_bar", start=start, sample=latents)
