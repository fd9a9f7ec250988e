"""Switches of diffusers' networks that must leave Y as it is, or as declared: flipped as users do, watched from outside; imports torch.

A watch stands whether the switch is on or off: it notes that a thing happened (the task's `took_effect`), never that it was asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers.models.attention_processor import Attention, AttnProcessor

from trueto.torch_task import Task

__all__ = ["SIZES", "SWITCHES"]

# Small enough for two dozen runs a second; four heads, so that there is something to slice, and attention at both ends.
SIZES: dict[str, dict[str, Any]] = {
    "UNet2DConditionModel": {
        "sample_size": 16,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "cross_attention_dim": 24,
        "attention_head_dim": 4,  # the number of heads, by its historical name
        "norm_num_groups": 8,
    },
    "AutoencoderKL": {
        "sample_size": 16,
        "down_block_types": ("DownEncoderBlock2D", "DownEncoderBlock2D"),
        "up_block_types": ("UpDecoderBlock2D", "UpDecoderBlock2D"),
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "latent_channels": 4,
        "norm_num_groups": 8,
    },
}
PARTS = {
    "UNet2DConditionModel": {"conv_in": "conv_in", "down_blocks.0": "down 0", "down_blocks.1": "down 1", "mid_block": "middle"}
    | {"up_blocks.0": "up 0", "up_blocks.1": "up 1"},
    "AutoencoderKL": {"encoder.mid_block": "encoder, middle", "decoder.mid_block": "decoder, middle"},
}
# Parameters whose gradients are compared: one in each part of the network, where the way back comes by.
GRADIENTS = {
    "UNet2DConditionModel": (
        "conv_out.weight",
        "up_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight",
        "mid_block.resnets.0.conv1.weight",
        "down_blocks.1.resnets.0.norm1.weight",
        "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight",
        "time_embedding.linear_1.weight",
        "conv_in.weight",
    ),
    "AutoencoderKL": (
        "decoder.conv_out.weight",
        "decoder.up_blocks.0.resnets.0.conv1.weight",
        "decoder.mid_block.attentions.0.to_q.weight",
        "encoder.mid_block.resnets.0.conv2.weight",
        "encoder.down_blocks.0.resnets.0.norm1.weight",
        "encoder.conv_in.weight",
    ),
}


def built(network: Any, task: Task) -> Any:
    """The toy network, to evaluate, every parameter seeded."""
    return task.fill(network(**SIZES[network.__name__]), network.__name__).to(task.device)


def inputs(network: Any, task: Task, batch: int = 2, side: int = 16) -> list[torch.Tensor]:
    """What the network is given: a sample, times and words; or pictures, and latents to decode."""
    if network.__name__ == "UNet2DConditionModel":
        return [task.given("x", (batch, 4, side, side)), task.whole("t", (batch,), 1000), task.given("context", (batch, 5, 24))]
    return [task.given("pictures", (batch, 3, side, side)), task.given("z", (batch, 4, side // 2, side // 2))]


def answer(net: Any, given: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    """What the network makes of it."""
    if len(given) == 3:  # sample, times, words
        return {"out": net(given[0], given[1], encoder_hidden_states=given[2]).sample}
    return {"moments": net.encode(given[0]).latent_dist.parameters, "image": net.decode(given[1]).sample}


def run(net: Any, network: Any, task: Task, batch: int = 2, side: int = 16) -> None:
    """Call the network and give what it, and each of its parts, returns."""
    task.tap(net, PARTS[network.__name__])
    for name, value in answer(net, inputs(network, task, batch, side)).items():
        task.give(name, value)


def entrances(net: Any) -> list[torch.nn.Module]:
    """The modules that the network's inputs pass first."""
    return [net.conv_in] if hasattr(net, "conv_in") else [net.encoder.conv_in, net.decoder.conv_in]


def attentions(net: Any) -> list[Attention]:
    """The attention layers of a network."""
    return [module for module in net.modules() if isinstance(module, Attention)]


def watch_scores(net: Any, happened: Callable[[int, int], None]) -> None:
    """At each request for the weights of attention alone say for how many heads of how many (over all samples)."""
    for layer in attentions(net):
        asked: dict[str, int] = {}

        def entered(module: Any, args: Any, asked: dict[str, int] = asked) -> None:
            asked["all"] = len(args[0]) * module.heads

        def scores(*said: Any, layer: Any = layer, asked: dict[str, int] = asked) -> Any:
            happened(len(said[0]), asked["all"])
            return Attention.get_attention_scores(layer, *said)

        layer.register_forward_pre_hook(entered)
        vars(layer)["get_attention_scores"] = scores


def attention_slicing(network: Any, task: Task) -> None:
    """set_attention_slice, which the pipelines' enable_attention_slicing calls."""
    net = built(network, task)
    watch_scores(net, lambda asked, every: task.took_effect("weights of attention asked for part of the heads") if asked < every else None)
    if task.feature:
        net.set_attention_slice(task.case.options["slice_size"])
    run(net, network, task)


def attention_processors(network: Any, task: Task) -> None:
    """AttnProcessor for AttnProcessor2_0, which is what networks have where PyTorch has scaled_dot_product_attention."""
    net = built(network, task)
    watch_scores(net, lambda asked, every: task.took_effect("weights of attention computed alone") if asked == every else None)
    if task.feature:
        net.set_attn_processor(AttnProcessor())
    run(net, network, task)


def qkv_fusion(network: Any, task: Task) -> None:
    """fuse_qkv_projections."""
    net = built(network, task)
    if task.feature:
        net.fuse_qkv_projections()

    def called(*_: Any) -> None:
        task.took_effect("fused projection called")

    for layer in attentions(net):
        for fused in filter(None, (getattr(layer, name, None) for name in ("to_qkv", "to_kv"))):
            fused.register_forward_hook(called)
    run(net, network, task)


def watch_batch(net: Any, task: Task, whole: int) -> None:
    """Note calls with one sample where there are more."""

    def entered(_: Any, args: Any) -> None:
        if len(args[0]) == 1 < whole:
            task.took_effect("called with one sample")

    for module in entrances(net):
        module.register_forward_pre_hook(entered)


def vae_slicing(network: Any, task: Task) -> None:
    """enable_slicing."""
    net = built(network, task)
    watch_batch(net, task, 3)
    if task.feature:
        net.enable_slicing()
    for name, value in answer(net, inputs(network, task, 3)).items():
        task.give(name, value)


def batch_split(network: Any, task: Task) -> None:
    """No switch: each sample in a call of its own."""
    net, given = built(network, task), inputs(network, task, 3)
    watch_batch(net, task, 3)
    parts = [[value[i : i + 1] for value in given] for i in range(3)] if task.feature else [given]
    found = [answer(net, part) for part in parts]
    for name in found[0]:
        task.give(name, torch.cat([values[name] for values in found]))


def channels_last(network: Any, task: Task) -> None:
    """to(memory_format=torch.channels_last)."""
    net = built(network, task)

    def left(_: Any, __: Any, result: torch.Tensor) -> None:
        if result.is_contiguous(memory_format=torch.channels_last) and not result.is_contiguous():
            task.took_effect("convolution returned channels last")

    for module in entrances(net):
        module.register_forward_hook(left)
    if task.feature:
        net.to(memory_format=torch.channels_last)
    run(net, network, task)


def gradient_checkpointing(network: Any, task: Task) -> None:
    """enable_gradient_checkpointing, in training, with the way back."""
    net, given = built(network, task).train(), inputs(network, task)
    calls = {"forward": 0}

    def entered(*_: Any) -> None:
        calls["forward"] += 1
        if calls.get("back"):
            task.took_effect("block computed again on the way back")

    block = net.down_blocks[0] if hasattr(net, "down_blocks") else net.decoder.up_blocks[0]
    block.resnets[0].register_forward_pre_hook(entered)
    if task.feature:
        net.enable_gradient_checkpointing()
    with torch.enable_grad():
        for value in given:
            value.requires_grad_(value.is_floating_point())
        found = answer(net, given)
        losses = [(value * task.given(f"target of {name}", value.shape)).mean() for name, value in found.items()]
        calls["back"] = 1
        sum(losses[1:], losses[0]).backward()
    for name, value in found.items():
        task.give(name, value)
    for name in GRADIENTS[network.__name__]:
        task.give(f"gradient of {name}", net.get_parameter(name).grad)
    task.give("gradient of the input", given[0].grad)


def threads(network: Any, task: Task) -> None:
    """Two threads instead of one, on pictures large enough to be shared among them."""
    net = built(network, task)
    before = operating_threads()
    if task.feature:
        torch.set_num_threads(2)
    run(net, network, task, batch=4, side=24)
    if operating_threads() > before:
        task.took_effect("another thread was at work")


def operating_threads() -> int:
    """How many threads the operating system counts in this process."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.is_dir() else threading.active_count()


STRIDE = 0.75  # of a tile, from the beginning of one to that of the next


def tiles_of(whole: torch.Tensor, size: int) -> list[torch.Tensor]:
    """A picture or latents cut into overlapping squares, row by row, the last of a row or column as large as what is left."""
    starts = [range(0, side, int(size * STRIDE)) for side in whole.shape[2:]]
    return [whole[:, :, top : top + size, left : left + size] for top in starts[0] for left in starts[1]]


def vae_tiling(network: Any, task: Task) -> None:
    """enable_tiling. Each tile is given beside the picture: with the switch on as it comes by, with it off made alone."""
    net, (height, width) = built(network, task), task.case.options["latents"]
    given = [task.given("pictures", (1, 3, 2 * height, 2 * width)), task.given("z", (1, 4, height, width))]
    asked: list[str] = []

    def came_by(name: str) -> Callable[..., None]:
        def hook(_: Any, args: Any, result: torch.Tensor) -> None:
            if tuple(args[0].shape[2:]) != (height, width):
                task.give(f"tile of {name}", result)
                if asked:
                    task.took_effect(f"part of {name} computed alone")

        return hook

    for part, name in ((net.quant_conv, "moments"), (net.decoder, "image")):  # the last modules that a tile passes
        part.register_forward_hook(came_by(name))
    if task.feature:
        net.enable_tiling()
    else:
        for tile in tiles_of(given[0], net.tile_sample_min_size):
            net.encode(tile)
        for tile in tiles_of(given[1], net.tile_latent_min_size):
            net.decode(tile)
    asked.append("the whole")
    for name, value in answer(net, given).items():
        task.give(name, value)


SWITCHES: dict[str, Callable[[Any, Task], None]] = {
    "attention_slicing": attention_slicing,
    "attention_processors": attention_processors,
    "qkv_fusion": qkv_fusion,
    "vae_slicing": vae_slicing,
    "vae_tiling": vae_tiling,
    "batch_split": batch_split,
    "channels_last": channels_last,
    "gradient_checkpointing": gradient_checkpointing,
    "threads": threads,
}
