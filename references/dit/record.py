"""How to run DiT: imports the original from a checkout and calls it, nothing more."""

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import torch

from trueto.recording.harness import Task, import_file, stand_in

VISION = "torchvision"
UNUSED = (
    VISION,
    *(f"{VISION}.{part}" for part in ("transforms", "transforms.functional", "datasets", "datasets.folder", "ops", "ops.misc")),
)


def load(source: Path) -> SimpleNamespace:
    """The original's file of networks and its package of samplers, from a checkout."""
    stand_in(*UNUSED)
    models = import_file("dit_models", source / "models.py")
    return SimpleNamespace(
        DiT=models.DiT, create_diffusion=import_file("dit_diffusion", source / "diffusion" / "__init__.py").create_diffusion
    )


def slower(t: torch.Tensor, dim: int) -> torch.Tensor:
    """For a variant: cosines, then sines of the time, at frequencies of which the last is exactly 1/10000."""
    places = torch.arange(dim // 2, dtype=torch.float32) / (dim // 2 - 1)
    angles = t[:, None].float() * torch.exp(-math.log(10000) * places)
    return torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1)


def built(original, task: Task, name: str):
    """The network at toy size, every parameter seeded but its table of places; for a variant with other constants."""
    net, constants = original.DiT(**task.toy(name)), task.knobs.get("constants", "own")
    places = net.pos_embed.detach().clone()
    task.fill(net, name)
    net.pos_embed.data = places.to(task.dtype)
    if constants != "own":
        net.t_embedder.timestep_embedding = slower
    for block in net.blocks:
        block.norm2.eps = 1e-5 if constants == "time_127_eps_1e-5" else block.norm2.eps
    return net


def network(original, task: Task) -> None:
    """Two latents at times of their own, each with a class, of which one is the class that stands for none."""
    sizes, net = task.toy("dit"), built(original, task, "dit")
    task.tap(net, {path: path for path in ("t_embedder", "y_embedder", *(f"blocks.{i}" for i in range(sizes["depth"])))})
    x, classes = task.given("x", (2, 4, 8, 8)), torch.tensor([3, sizes["num_classes"]])
    task.give("out", net(x, task.whole("t", (2,), 1000), classes))


def all_four(net) -> Callable[..., torch.Tensor]:
    """For a variant: guidance of every channel of the noise, as the original's comment says that it is usually done."""

    def guided(x, t, y, cfg_scale):
        half = x[: len(x) // 2]
        noise, rest = net(torch.cat([half, half]), t, y).split(net.in_channels, dim=1)
        with_class, without = noise.chunk(2)
        led = without + cfg_scale * (with_class - without)
        return torch.cat([torch.cat([led, led]), rest], dim=1)

    return guided


def guidance(original, task: Task) -> None:
    """sample.py from its first noise on, by the DDIM of the same package: of each step the noise that is asked for, and the latents."""
    case, sizes, net = task.case, task.toy("guided"), built(original, task, "guided")
    classes, batch = case.options["classes"], len(case.options["classes"])
    lead = all_four(net) if task.knobs.get("guides") == "four" else net.forward_with_cfg

    def asked(*said, **named):
        found = lead(*said, **named)
        task.give("noise, channels 0 to 2", found[:batch, :3])
        task.give("noise, channel 3", found[:batch, 3:4])
        return found

    torch.manual_seed(case.seed)
    z = torch.randn(batch, 4, sizes["input_size"], sizes["input_size"])
    told = {"y": torch.tensor([*classes, *[sizes["num_classes"]] * batch]), "cfg_scale": case.guidance}
    z = torch.cat([z, z])
    diffusion = original.create_diffusion(f"ddim{case.steps}")
    for step in diffusion.ddim_sample_loop_progressive(asked, z.shape, z, clip_denoised=False, model_kwargs=told, device="cpu"):
        task.give("latents", step["sample"][:batch])


def drive(original, name: str, task: Task) -> None:
    """The network, or sampling with its guidance."""
    with torch.no_grad():
        {"dit": network, "guidance": guidance}[name](original, task)
