"""How to run the samplers of ermongroup/ddim on X: imports the original from a checkout and calls it, nothing more."""

from pathlib import Path
from types import SimpleNamespace

import torch
from torch.overrides import TorchFunctionMode

from trueto.recording.harness import Run, import_file, quiet_progress, stand_in

UNUSED = (
    "models", "models.diffusion", "models.ema", "functions", "functions.losses", "functions.ckpt_util", "datasets", "torchvision",
    "torchvision.utils",
)  # fmt: skip
SAMPLE_TYPES = {"ddim": "generalized", "ddpm": "ddpm_noisy"}
BETAS = {"linear": "linear", "scaled_linear": "quad"}


class NoCuda(TorchFunctionMode):
    """Leaves a tensor where it is when it is asked to move to 'cuda'."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.Tensor.to and args[1:] == ("cuda",):
            return args[0]
        return func(*args, **(kwargs or {}))


def load(source: Path) -> SimpleNamespace:
    """The original's runner and its sampling functions, from a checkout."""
    stand_in(*UNUSED)
    quiet_progress()
    steps = import_file("functions.denoising", source / "functions" / "denoising.py")
    runner = import_file("ermongroup_diffusion", source / "runners" / "diffusion.py")
    return SimpleNamespace(steps=steps, runner=runner, compute_alpha=steps.compute_alpha)


def diffusion(original, algorithm: str, run: Run):
    """The original's own object, with the arguments of its command line that sampling reads."""
    betas = run.schedule.settings
    args = SimpleNamespace(
        skip=1, sample_type=SAMPLE_TYPES[algorithm], skip_type=run.case.grid, timesteps=run.case.steps, eta=run.case.options.get("eta", 0.0)
    )
    config = SimpleNamespace(
        model=SimpleNamespace(var_type="fixedlarge"),
        diffusion=SimpleNamespace(
            beta_schedule=BETAS[betas["beta_schedule"]],
            beta_start=betas["beta_start"],
            beta_end=betas["beta_end"],
            num_diffusion_timesteps=len(run.schedule),
        ),
    )
    return original.runner.Diffusion(args, config, device=torch.device("cpu"))


def nudged(original, run: Run):
    """`compute_alpha` with every level moved by one unit in the last place, but not the exact 1 at the clean end."""
    tables: list[torch.Tensor] = []

    def compute(beta: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        if not tables:
            every = original.compute_alpha(beta, torch.arange(len(beta))).view(-1)
            tables.append(torch.cat([torch.ones(1), run.nudged(every)]))
        return tables[0][t + 1].view(-1, 1, 1, 1)

    return compute


def drive(original, algorithm: str, run: Run) -> None:
    """Run one sampler on one case, as `Diffusion.sample_image` does it."""
    original.steps.compute_alpha = original.compute_alpha if run.nudge is None else nudged(original, run)
    runner = diffusion(original, algorithm, run)
    extra = int(run.seeded)  # a seeded run draws the start before all else; then each step draws once, after its network call
    run.noise.step_of = lambda draw: max(draw - extra, 0)
    x = run.start_noise()

    def model(latents: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        out = run.network(latents, t)
        run.step += 1
        return out

    with NoCuda():
        states, _ = runner.sample_image(x, model, last=False)
    times = torch.tensor([*run.probe.told, -1]).long()
    levels = original.steps.compute_alpha(runner.betas, times).view(-1)
    run.finish(levels=levels, level_kind="alpha_bar", start=states[0], sample=states[-1])
