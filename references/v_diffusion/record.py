"""How to run v-diffusion-pytorch's samplers on X: imports the original from a checkout and calls it, nothing more."""

import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from trueto.recording.harness import Run, import_file, quiet_progress, stand_in

UNUSED = ("requests", "torchvision", "torchvision.transforms")
# Network calls in each of the first steps, and in those after them.
CALLS = {"ddim": ((), 1), "iplms": ((), 1), "plms": ((4, 4, 4), 1), "prk": ((), 4), "plms2": ((2,), 1), "pie": ((), 2)}


def load(source: Path) -> SimpleNamespace:
    """The original's modules, from a checkout."""
    stand_in(*UNUSED)
    quiet_progress()
    warnings.filterwarnings("ignore", message=".*autocast.*")  # it asks for CUDA, which then is not there
    folder = source / "diffusion"
    utils = import_file("diffusion.utils", folder / "utils.py")
    sampling = import_file("diffusion.sampling", folder / "sampling.py")
    return SimpleNamespace(utils=utils, sampling=sampling)


def times(original, run: Run) -> torch.Tensor:
    """The times that the case names, by the original's own functions, as its scripts call them."""
    t = torch.linspace(1, 0, run.case.steps + 1)[:-1]
    made = {
        "spliced": original.utils.get_spliced_ddpm_cosine_schedule,
        "ddpm": original.utils.get_ddpm_schedule,
        "log": original.utils.get_log_schedule,
        "even": lambda even: even,
    }
    return made[run.case.grid](t)


def drive(original, algorithm: str, run: Run) -> None:
    """Run one sampler on one case."""
    options = dict(run.case.options)
    steps = times(original, run)
    backwards = bool(options.get("is_reverse"))
    steps = run.nudged(steps.flip(0) if backwards else steps)
    run.noise.step_of = lambda draw: max(draw - int(run.seeded), 0)
    x = run.start_noise()
    if algorithm == "ddim":
        sample = original.sampling.sample(run.network, x, steps, options.pop("eta", 0.0), {})
    else:
        sample = getattr(original.sampling, f"{algorithm}_sample")(run.network, x, steps, {}, **options)
    run.relabel(steps_of_calls(algorithm, len(run.probe.told)))
    ends = steps if backwards else torch.cat([steps, steps.new_zeros([1])])
    levels = np.tan(ends.numpy().astype(np.float64) * np.pi / 2).astype(ends.numpy().dtype)  # t is the angle of the level over pi / 2
    run.finish(levels=levels, level_kind="sigma", start=x, sample=sample)


def steps_of_calls(algorithm: str, calls: int) -> list[int]:
    """The sampling step of each network call."""
    first, then = CALLS[algorithm]
    steps = [step for step, count in enumerate(first) for _ in range(count)]
    while len(steps) < calls:
        steps += [steps[-1] + 1 if steps else 0] * then
    return steps[:calls]
