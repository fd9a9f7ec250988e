"""How to run the samplers and the network of consistency models on X: imports the original from a checkout and calls it, nothing more."""

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import torch

from trueto.recording.harness import Run, Task, import_file, stand_in

RENAMED = {"num_train_timesteps": "steps"}  # the grid that `ts` counts on, as image_sample.py's --steps


class Noise:
    """The original's generator "dummy", torch's global one; the start latents are given where they are recorded."""

    def __init__(self, run: Run) -> None:
        self.start = run.start_noise()

    def randn(self, *shape, device=None):
        del shape, device
        return self.start

    def randn_like(self, x):
        return torch.randn_like(x)


def load(source: Path) -> SimpleNamespace:
    """The original's modules, from a checkout."""
    stand_in("piq", "torchvision", "torchvision.transforms", "cm.dist_util")
    import_file("cm.nn", source / "cm" / "nn.py")
    import_file("cm.random_util", source / "cm" / "random_util.py")
    karras = import_file("cm.karras_diffusion", source / "cm" / "karras_diffusion.py")
    unet = import_file("cm.unet", source / "cm" / "unet.py")
    unet.AttentionBlock = partial(unet.AttentionBlock, attention_type="default")  # the other one needs a graphics card
    return SimpleNamespace(karras=karras, levels=karras.get_sigmas_karras, unet=unet)


def multistep_levels(run: Run, low: float, high: float) -> torch.Tensor:
    """The levels of `ts`, by the formula inside the multistep sampler, of which only the first len(ts) - 1 are seen outside."""
    ramp = np.array(run.case.options["ts"]) / (run.case.options.get("num_train_timesteps", 40) - 1)
    levels = (high ** (1 / 7) + ramp * (low ** (1 / 7) - high ** (1 / 7))) ** 7
    levels[-1] = np.clip(levels[-1], low, high)
    return torch.from_numpy(levels).to(run.table_dtype)


def network(original, task: Task) -> None:
    """The U-Net on two small pictures, at times as the samplers tell them; in float64 its attention is not cut down to 16 bits."""
    sizes = {**task.toy("unet"), **task.case.options}
    net = task.fill(original.UNetModel(**sizes), f"unet {task.case.id}")
    classes = sizes["num_classes"]
    lists = ("input_blocks", "output_blocks")
    blocks = ["middle_block", *(f"{name}.{i}" for name in lists for i in range(len(getattr(net, name))))]
    task.tap(net, {path: path for path in ("time_embed", *(["label_emb"] if classes else []), *blocks)})
    told = 250 * torch.tensor([4.7, 0.013], dtype=task.dtype).log()
    given = {"y": task.whole("classes", (2,), classes)} if classes else {}
    half = (lambda values: values) if task.dtype is torch.float64 else torch.Tensor.half
    with torch.no_grad(), patch.object(torch.Tensor, "half", half):
        task.give("out", net(task.given("x", (2, 3, 4, 2)), told, **given))


def drive(original, algorithm: str, run: Run | Task) -> None:
    """Run the network, or one sampler, on one case."""
    if isinstance(run, Task):
        network(original.unet, run)
        return
    options = {RENAMED.get(name, name): value for name, value in run.case.options.items()}
    low, high = options.setdefault("sigma_min", 0.002), options.setdefault("sigma_max", 80.0)
    consistency = algorithm != "heun"
    options.setdefault("steps", 40 if consistency else run.case.steps)
    diffusion = original.karras.KarrasDenoiser(sigma_min=low, sigma_max=high, distillation=consistency, loss_norm="l2")
    seen: list[torch.Tensor] = []

    def get_sigmas(*args, **kwargs):
        seen.append(run.nudged(original.levels(*args, **kwargs)))
        return seen[0]

    original.karras.get_sigmas_karras = get_sigmas
    if algorithm == "multistep":
        nudged = run.nudged(multistep_levels(run, low, high))
        plain, levels = diffusion.denoise, []

        def denoise(model, x, sigmas, **kwargs):
            at = sigmas if run.nudge is None else torch.full_like(sigmas, nudged[len(levels)].item())
            levels.append(at[0])
            return plain(model, x, at, **kwargs)

        diffusion.denoise = denoise
    before = 1 if run.seeded else 0
    run.noise.step_of = lambda draw: max(draw - before, 0)
    noise = Noise(run)
    sample = original.karras.karras_sample(
        diffusion, run.network, run.case.shape, model_kwargs={}, sampler=algorithm, generator=noise, **options
    )
    calls = len(run.probe.told)
    run.relabel(call // (1 if consistency else 2) for call in range(calls))
    if algorithm == "multistep":
        sigmas = torch.stack([*levels, multistep_levels(run, low, high)[-1].to(levels[0])])
    else:
        sigmas = seen[0] if algorithm == "heun" else torch.stack([seen[0][0], torch.tensor(low, dtype=seen[0].dtype)])
    start = noise.start * high / (sigmas[0] ** 2 + 1) ** 0.5
    run.finish(levels=sigmas, level_kind="sigma", start=start, sample=sample)
