"""Where the parts of an original stand in diffusers' networks, and the way in which diffusers gets the original's weights."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trueto.torch_task import Task

__all__ = ["autoencoder_places", "from_config", "from_single_file", "prefixed", "unet_places"]


def prefixed(weights: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Parameters under the names that they have in a released checkpoint."""
    return {prefix + name: value for name, value in weights.items()}


def from_single_file(network: Any, task: Task, checkpoint: dict[str, Any], **chosen: Any) -> Any:
    """The network as users get it from an original checkpoint."""
    converted = importlib.import_module("trueto.torch_task").converted
    return converted(network.from_single_file(dict(checkpoint), torch_dtype=task.dtype, **chosen), checkpoint).to(task.device)


def from_config(network: Any, task: Task, checkpoint: dict[str, Any], own: Any) -> Any:
    """The same where an original configuration cannot be read: in the configuration of a network of diffusers' own of the same sizes."""
    with tempfile.TemporaryDirectory() as folder:
        own.save_config(folder)
        return from_single_file(network, task, checkpoint, config=folder)


def unet_places(net: Any) -> dict[str, str]:
    """The blocks of the originals' U-Nets in UNet2DConditionModel, or of its half in ControlNetModel: its path to the original's."""
    found = {"time_embedding": "time_embed", "conv_in": "input_blocks.0"}
    inputs, outputs = iter(range(1, 1000)), iter(range(1000))
    for number, block in enumerate(net.down_blocks):
        found |= {path: f"input_blocks.{next(inputs)}" for path in _members(f"down_blocks.{number}", block)}
        if block.downsamplers:
            found[f"down_blocks.{number}.downsamplers.0"] = f"input_blocks.{next(inputs)}"
    found["mid_block"] = "middle_block"
    for number, block in enumerate(getattr(net, "up_blocks", ())):
        paths = list(_members(f"up_blocks.{number}", block))
        if block.upsamplers:
            paths[-1] = f"up_blocks.{number}.upsamplers.0"
        found |= {path: f"output_blocks.{next(outputs)}" for path in paths}
    return found


def _members(path: str, block: Any) -> Iterator[str]:
    """The last part of each layer of a block: attention where there is one."""
    kind = "attentions" if getattr(block, "attentions", None) else "resnets"
    return (f"{path}.{kind}.{number}" for number in range(len(block.resnets)))


def autoencoder_places(net: Any) -> dict[str, str]:
    """The parts of the originals' autoencoder in AutoencoderKL: its path to the original's."""
    found: dict[str, str] = {}
    for half, blocks, name, sampler in (
        ("encoder", net.encoder.down_blocks, "down", "downsample"),
        ("decoder", net.decoder.up_blocks, "up", "upsample"),
    ):
        parts = {"conv_in": "conv_in", "mid_block.resnets.0": "mid.block_1", "mid_block.resnets.1": "mid.block_2"}
        parts |= {"mid_block.attentions.0": "mid.attn_1", "conv_out": "conv_out"}
        found |= {f"{half}.{path}": f"{half}.{original}" for path, original in parts.items()}
        for number, block in enumerate(blocks):
            level = f"{half}.{name}.{number if name == 'down' else len(blocks) - 1 - number}"
            place = f"{half}.{name}_blocks.{number}"
            found |= {f"{place}.resnets.{i}": f"{level}.block.{i}" for i in range(len(block.resnets))}
            if samplers := getattr(block, f"{sampler}rs"):
                found |= {f"{place}.{sampler}rs.{i}": f"{level}.{sampler}" for i in range(len(samplers))}
    return found
