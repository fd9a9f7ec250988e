"""OpenAI's U-Nets in diffusers, whose package has no code that reads their files: parameters go where its repository's script puts them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from trueto.candidates.diffusers.networks.places import unet_places

if TYPE_CHECKING:
    from trueto.torch_task import Task

__all__ = ["OUTPUTS", "built"]

RESIDUAL = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
WHOLE = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "class_embedding": "label_emb",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
KINDS = ("weight", "bias")


def layers(net: Any) -> Iterator[tuple[str, str]]:
    """Residual blocks and attention of UNet2DModel, each with its name in the original: within a block they are counted in order."""
    down = up = -1
    for half, blocks in (("down", net.down_blocks), ("up", net.up_blocks)):
        for number, block in enumerate(blocks):
            home, attends = f"{half}_blocks.{number}", bool(getattr(block, "attentions", None))
            for place in range(len(block.resnets)):
                down, up = (down + 1, up) if half == "down" else (down, up + 1)
                there = f"input_blocks.{down + 1}" if half == "down" else f"output_blocks.{up}"
                yield f"{home}.resnets.{place}", f"{there}.0"
                if attends:
                    yield f"{home}.attentions.{place}", f"{there}.1"
            if half == "down" and block.downsamplers:
                down += 1
                yield f"{home}.downsamplers.0", f"input_blocks.{down + 1}.0"
            if half == "up" and block.upsamplers:
                yield f"{home}.upsamplers.0", f"output_blocks.{up}.{1 + attends}"
    yield from (("mid_block.resnets.0", "middle_block.0"), ("mid_block.attentions.0", "middle_block.1"))
    yield "mid_block.resnets.1", "middle_block.2"


def attention(weights: Mapping[str, Any], there: str, here: str, heads: int, *, by_head: bool) -> dict[str, Any]:
    """One attention: three parts of its first layer, whose rows are q, k and v, in the legacy order head by head."""
    found: dict[str, Any] = {}
    for kind in KINDS:
        rows = weights[f"{here}.qkv.{kind}"].flatten(1) if kind == "weight" else weights[f"{here}.qkv.{kind}"]
        if by_head:
            rows = rows.unflatten(0, (heads, 3, -1)).transpose(0, 1).flatten(0, 2)
        found |= {f"{there}.to_{part}.{kind}": value for part, value in zip("qkv", rows.chunk(3), strict=True)}
        last = weights[f"{here}.proj_out.{kind}"]
        found |= {f"{there}.to_out.0.{kind}": last.flatten(1) if kind == "weight" else last}
        found |= {f"{there}.group_norm.{kind}": weights[f"{here}.norm.{kind}"]}
    return found


def renamed(net: Any, weights: Mapping[str, Any], *, by_head: bool) -> dict[str, Any]:
    """The original's parameters under the names of UNet2DModel."""
    found = {f"{there}.{kind}": weights[f"{here}.{kind}"] for there, here in WHOLE.items() for kind in KINDS if f"{here}.{kind}" in weights}
    for there, here in layers(net):
        if ".attentions." in there:
            found |= attention(weights, there, here, net.get_submodule(there).heads, by_head=by_head)
        else:
            names = ((f"{there}.{part}.{kind}", f"{here}.{place}.{kind}") for part, place in RESIDUAL.items() for kind in KINDS)
            found |= {theirs: weights[own] for theirs, own in names if own in weights}
    return found


def built(network: Any, task: Task, sizes: Mapping[str, Any], weights: Mapping[str, Any], *, by_head: bool) -> Any:
    """UNet2DModel of the original's sizes and weights, tapped: attention where the original has it, sizes changed in residual blocks."""
    converted = importlib.import_module("trueto.torch_task").converted
    attends = [2**level in sizes["attention_resolutions"] for level in range(len(sizes["channel_mult"]))]
    net = network(
        sample_size=sizes["image_size"],
        in_channels=sizes["in_channels"],
        out_channels=sizes["out_channels"],
        layers_per_block=sizes["num_res_blocks"],
        num_class_embeds=sizes["num_classes"],
        block_out_channels=[sizes["model_channels"] * factor for factor in sizes["channel_mult"]],
        attention_head_dim=sizes["num_head_channels"],
        down_block_types=["AttnDownBlock2D" if attention else "ResnetDownsampleBlock2D" for attention in attends],
        up_block_types=["AttnUpBlock2D" if attention else "ResnetUpsampleBlock2D" for attention in reversed(attends)],
        resnet_time_scale_shift="scale_shift" if sizes["use_scale_shift_norm"] else "default",
        attn_norm_num_groups=32,
        downsample_type="resnet",
        upsample_type="resnet",
    ).to(task.dtype)
    net.load_state_dict(renamed(net, weights, by_head=by_head))
    converted(net, weights).to(task.device)
    task.tap(net, {**unet_places(net), **({"class_embedding": "label_emb"} if sizes["num_classes"] else {})})
    return net


def unet(network: Any, task: Task) -> None:
    """UNet2DModel with guided-diffusion's weights."""
    sizes, by_head = task.toy("unet"), not task.case.options.get("use_new_attention_order", False)
    net = built(network, task, sizes, task.weights("unet"), by_head=by_head)
    classes = task.whole("classes", (2,), sizes["num_classes"])
    task.give("out", net(task.given("x", (2, 3, 4, 2)), task.whole("t", (2,), 1000), class_labels=classes).sample)


OUTPUTS = {"guided_diffusion/unet": unet}
