"""How to run F-PNDM of luping-liu/PNDM on X: imports the original from a checkout and calls it, nothing more."""

from pathlib import Path
from types import SimpleNamespace

import torch

from trueto.recording.harness import Run, import_file, quiet_progress, stand_in

UNUSED = (
    "torchvision", "torchvision.utils", "torch.utils.tensorboard", "scipy", "dataset", "model", "model.ema",
)  # fmt: skip
BETAS = {"linear": "linear", "scaled_linear": "quad", "squaredcos_cap_v2": "cosine"}
RUNGE_KUTTA_CALLS = 12  # three steps of four network calls


def load(source: Path) -> SimpleNamespace:
    """The original's schedule and its sampling loop, from a checkout."""
    stand_in(*UNUSED)
    quiet_progress()
    folder = source / "runner"
    import_file("runner.method", folder / "method.py")
    schedule = import_file("runner.schedule", folder / "schedule.py").Schedule
    runner = import_file("pndm_runner", folder / "runner.py").Runner
    return SimpleNamespace(schedule=schedule, runner=runner)


def table_of(original, run: Run):
    """The original's own Schedule object for the betas of the case, with the method that it uses unless told otherwise."""
    betas = run.schedule.settings
    config = {"type": BETAS[betas["beta_schedule"]], "diffusion_step": len(run.schedule), **betas}
    return original.schedule(SimpleNamespace(device="cpu", method="F-PNDM"), config)


def drive(original, algorithm: str, run: Run) -> None:
    """Run the sampler on one case: the sequence as `sample_fid` builds it, the loop as `sample_image` has it."""
    schedule = table_of(original, run)
    schedule.alphas_cump = run.nudged(schedule.alphas_cump)
    args = SimpleNamespace(sample_speed=run.case.steps, device="cpu")
    runner = original.runner(args, {"Schedule": {"diffusion_step": len(run.schedule)}}, schedule, run.network)
    sequence = range(0, len(run.schedule), len(run.schedule) // run.case.steps)
    calls: list[int] = []

    def model(latents: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        call = len(calls)
        run.step = call // 4 if call < RUNGE_KUTTA_CALLS else 3 + call - RUNGE_KUTTA_CALLS
        calls.append(run.step)
        return run.network(latents, t)

    start = run.start_noise()
    sample = runner.sample_image(start, sequence, model)
    times = torch.tensor([*reversed(sequence), -1])
    run.finish(levels=schedule.alphas_cump[times + 1], level_kind="alpha_bar", start=start, sample=sample)
