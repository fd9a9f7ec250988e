"""How to run the authors' LCM sampler on X: imports the original from a checkout and calls it, nothing more."""

from pathlib import Path
from types import SimpleNamespace

import torch

from trueto.recording.harness import Run, import_file

PREDICTIONS = {"eps": "epsilon", "v": "v_prediction", "x0": "sample"}


def load(source: Path) -> SimpleNamespace:
    """The original's scheduler, from a checkout. Its base classes come from the installed diffusers."""
    return SimpleNamespace(lcm=import_file("lcm_scheduler", source / "lcm_scheduler.py").LCMScheduler)


def drive(original, algorithm: str, run: Run) -> None:
    """The loop of lcm_pipeline.py, whose result is the clean sample of the last step."""
    case = run.case
    scheduler = getattr(original, algorithm)(**run.schedule.settings, prediction_type=PREDICTIONS[case.parameterization])
    scheduler.alphas_cumprod = run.nudged(scheduler.alphas_cumprod)
    scheduler.set_timesteps(case.steps, case.options.get("original_inference_steps", 50))
    latents = run.start_noise() * scheduler.init_noise_sigma
    start = latents
    for i, t in enumerate(scheduler.timesteps):
        run.step = run.noise.step = i
        told = torch.full((case.shape[0],), t, dtype=torch.long)
        latents, denoised = scheduler.step(run.network(latents, told), i, t, latents, return_dict=False)
    levels = scheduler.alphas_cumprod[scheduler.timesteps]
    run.finish(levels=torch.cat([levels, torch.ones_like(levels[:1])]), level_kind="alpha_bar", start=start, sample=denoised)
