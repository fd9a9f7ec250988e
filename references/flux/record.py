"""How to run Black Forest Labs' FLUX.1 sampler and transformer on X: imports the original from a checkout and calls it, nothing more."""

from pathlib import Path
from types import SimpleNamespace

import torch

from trueto.recording.harness import Run, Task, import_file, stand_in

UNUSED = (
    "flux.modules.autoencoder",
    "flux.modules.conditioner",
    "flux.modules.image_embedders",
    "flux.util",
)


def load(source: Path) -> SimpleNamespace:
    """The original's modules of sampling and of the network, from a checkout."""
    stand_in(*UNUSED)
    return SimpleNamespace(
        **{part: import_file(f"flux.{part}", source / "src" / "flux" / f"{part}.py") for part in ("math", "model", "sampling")}
    )


def drive(original, algorithm: str, run: Run | Task) -> None:
    """Run the sampler, or the network, on one case."""
    if isinstance(run, Task):
        with torch.no_grad():
            transformer(original.model, run)
    else:
        sample(original, algorithm, run)


def transformer(original, task: Task) -> None:
    """Twelve squares at places of their own, five pieces at place zero, at two times with two strengths of guidance."""
    sizes = task.toy("flux")
    net = task.fill(original.Flux(original.FluxParams(**sizes)), "flux")
    task.tap(net, {path: path for path in ("time_in", "guidance_in", "vector_in", "img_in", "txt_in")})
    blocks = {f"double_blocks.{i}": f"double_blocks.{i}" for i in range(sizes["depth"])}
    task.tap(net, blocks, lambda streams: streams[0])
    task.tap(net, {path: f"{path} txt" for path in blocks}, lambda streams: streams[1])
    task.tap(net, {f"single_blocks.{i}": f"single_blocks.{i}" for i in range(sizes["depth_single_blocks"])})
    found = net(
        img=task.given("img", (2, 12, sizes["in_channels"])),
        img_ids=task.whole("places", (12, 3), 9).to(task.dtype).expand(2, 12, 3),
        txt=task.given("txt", (2, 5, sizes["context_in_dim"])),
        txt_ids=torch.zeros(2, 5, 3, dtype=task.dtype),
        timesteps=torch.tensor([0.75, 0.25], dtype=task.dtype),
        y=task.given("y", (2, sizes["vec_in_dim"])),
        guidance=torch.tensor([3.5, 2.0], dtype=task.dtype),
    )
    task.give("out", found)


def sample(original, algorithm: str, run: Run) -> None:
    """Run `denoise` on one case; its options are those of `get_schedule`."""
    case, sampling = run.case, original.sampling
    timesteps = sampling.get_schedule(case.steps, **case.options)
    levels = run.nudged(torch.tensor(timesteps, dtype=run.table_dtype))
    generator = torch.Generator().manual_seed(case.seed) if run.seeded else None
    x = run.start_noise(generator)
    unused = {name: torch.zeros(1) for name in ("img_ids", "txt", "txt_ids", "vec")}

    def transformer(img, timesteps, **_):
        return run.network(img, timesteps)

    last = getattr(sampling, algorithm)(transformer, x, timesteps=levels.tolist(), **unused)
    run.relabel(range(case.steps))
    run.finish(levels=levels, level_kind="flow", start=x, sample=last)
