"""How to run Black Forest Labs' FLUX.1 sampler on X: imports the original from a checkout and calls it, nothing more."""

from pathlib import Path
from types import SimpleNamespace

import torch

from trueto.recording.harness import Run, import_file, stand_in

UNUSED = (
    "einops",
    "flux.model",
    "flux.modules",
    "flux.modules.autoencoder",
    "flux.modules.conditioner",
    "flux.modules.image_embedders",
    "flux.util",
)


def load(source: Path) -> SimpleNamespace:
    """The original's sampling module, from a checkout."""
    stand_in(*UNUSED)
    return SimpleNamespace(sampling=import_file("flux.sampling", source / "src" / "flux" / "sampling.py"))


def drive(original, algorithm: str, run: Run) -> None:
    """Run `denoise` on one case; its options are those of `get_schedule`."""
    case, sampling = run.case, original.sampling
    timesteps = sampling.get_schedule(case.steps, **case.options)
    levels = run.nudged(torch.tensor(timesteps, dtype=run.table_dtype))
    generator = torch.Generator().manual_seed(case.seed) if run.seeded else None
    x = run.start_noise(generator)
    unused = {name: torch.zeros(1) for name in ("img_ids", "txt", "txt_ids", "vec")}

    def transformer(img, timesteps, **_):
        return run.network(img, timesteps)

    sample = getattr(sampling, algorithm)(transformer, x, timesteps=levels.tolist(), **unused)
    run.relabel(range(case.steps))
    run.finish(levels=levels, level_kind="flow", start=x, sample=sample)
