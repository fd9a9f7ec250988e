"""How to run DiT: imports the original from a checkout and calls it, nothing more."""

import math
from pathlib import Path

import torch

from trueto.recording.harness import Task, import_file, stand_in

VISION = "torchvision"
UNUSED = (
    VISION,
    *(f"{VISION}.{part}" for part in ("transforms", "transforms.functional", "datasets", "datasets.folder", "ops", "ops.misc")),
)


def load(source: Path):
    """The original's file of networks, from a checkout."""
    stand_in(*UNUSED)
    return import_file("dit_models", source / "models.py")


def slower(t: torch.Tensor, dim: int) -> torch.Tensor:
    """For a variant: cosines, then sines of the time, at frequencies of which the last is exactly 1/10000."""
    places = torch.arange(dim // 2, dtype=torch.float32) / (dim // 2 - 1)
    angles = t[:, None].float() * torch.exp(-math.log(10000) * places)
    return torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1)


def drive(original, name: str, task: Task) -> None:
    """Two latents at times of their own, each with a class, of which one is the class that stands for none."""
    sizes, constants = task.toy("dit"), task.knobs.get("constants", "own")
    net = original.DiT(**sizes)
    places = net.pos_embed.detach().clone()
    task.fill(net, "dit")
    net.pos_embed.data = places.to(task.dtype)
    if constants != "own":
        net.t_embedder.timestep_embedding = slower
    for block in net.blocks:
        block.norm2.eps = 1e-5 if constants == "time_127_eps_1e-5" else block.norm2.eps
    task.tap(net, {path: path for path in ("t_embedder", "y_embedder", *(f"blocks.{i}" for i in range(sizes["depth"])))})
    x, classes = task.given("x", (2, 4, 8, 8)), torch.tensor([3, sizes["num_classes"]])
    with torch.no_grad():
        task.give("out", net(x, task.whole("t", (2,), 1000), classes))
