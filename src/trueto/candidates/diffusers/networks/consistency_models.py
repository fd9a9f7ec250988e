"""The U-Net of OpenAI's consistency models in diffusers."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from trueto.candidates.diffusers.networks.guided_diffusion import built

if TYPE_CHECKING:
    from trueto.torch_task import Task

__all__ = ["OUTPUTS"]


def unet(network: Any, task: Task) -> None:
    """UNet2DModel, told times as ConsistencyModelPipeline's scheduler has them."""
    torch = importlib.import_module("torch")
    sizes = {**task.toy("unet"), **task.case.options}
    classes = sizes["num_classes"]
    weights = task.weights("unet imagenet" if classes else "unet lsun")
    net = built(network, task, sizes, weights, by_head=False)
    given = {"class_labels": task.whole("classes", (2,), classes)} if classes else {}
    told = 250 * torch.tensor([4.7, 0.013], dtype=task.dtype).log()
    task.give("out", net(task.given("x", (2, 3, 4, 2)), told, **given).sample)


OUTPUTS = {"consistency_models/unet": unet}
