"""The U-Net of Stable Diffusion XL in diffusers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trueto.candidates.diffusers.networks.places import from_single_file, prefixed, unet_places

if TYPE_CHECKING:
    from trueto.torch_task import Task

__all__ = ["OUTPUTS"]


def unet(network: Any, task: Task) -> None:
    """UNet2DConditionModel, which is given the sentence's row and the sizes apart."""
    first_stage = {"params": {"ddconfig": task.toy("compvis/autoencoder")}}
    config = {"model": {"params": {"network_config": {"params": task.toy("unet")}, "first_stage_config": first_stage}}}
    net = from_single_file(network, task, prefixed(task.weights("unet"), "model.diffusion_model."), original_config=config)
    task.tap(net, {**unet_places(net), "add_embedding": "label_emb"})
    added = {"time_ids": task.whole("sizes", (2, 6), 1024), "text_embeds": task.given("sentence", (2, 8))}
    x, context = task.given("x", (2, 4, 8, 4)), task.given("context", (2, 5, 2048))
    task.give("out", net(x, task.whole("t", (2,), 1000), encoder_hidden_states=context, added_cond_kwargs=added).sample)


OUTPUTS = {"generative_models/unet": unet}
