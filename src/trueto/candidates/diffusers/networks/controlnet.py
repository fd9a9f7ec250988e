"""ControlNet in diffusers, with the U-Net that it steers."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from trueto.candidates.diffusers.networks.compvis import config
from trueto.candidates.diffusers.networks.places import from_config, from_single_file, prefixed, unet_places

if TYPE_CHECKING:
    from trueto.torch_task import Task

__all__ = ["OUTPUTS"]


def controlnet(network: Any, task: Task) -> None:
    """ControlNetModel and UNet2DConditionModel. Its own reading of an original configuration raises, so it is given one of its own kind."""
    sizes = task.toy("control")
    blocks = len(sizes["channel_mult"])
    own = network(
        in_channels=sizes["in_channels"],
        conditioning_channels=sizes["hint_channels"],
        down_block_types=(*["CrossAttnDownBlock2D"] * (blocks - 1), "DownBlock2D"),
        block_out_channels=[sizes["model_channels"] * factor for factor in sizes["channel_mult"]],
        layers_per_block=sizes["num_res_blocks"],
        cross_attention_dim=sizes["context_dim"],
        attention_head_dim=sizes["num_heads"],
    )
    control = from_config(network, task, prefixed(task.weights("control"), "control_model."), own)
    plain = importlib.import_module("diffusers").UNet2DConditionModel
    unet = from_single_file(plain, task, prefixed(task.weights("unet"), "model.diffusion_model."), original_config=config(task))
    task.tap(control, {**unet_places(control), "controlnet_cond_embedding": "input_hint_block"})
    x, t, context = task.given("x", (2, 4, 8, 4)), task.whole("t", (2,), 1000), task.given("context", (2, 5, 24))
    added, middle = control(x, t, context, task.given("hint", (2, 3, 64, 32)), return_dict=False)
    for number, value in enumerate((*added, middle)):
        task.give(f"added.{number}", value)
    task.give("out", unet(x, t, context, down_block_additional_residuals=added, mid_block_additional_residual=middle).sample)


OUTPUTS = {"controlnet/controlnet": controlnet}
