"""diffusers' average of weights with the warm-up that it has from k-diffusion."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trueto.torch_task import Task

__all__ = ["OUTPUTS"]

UPDATES = 5  # as recorded


def ema_warmup(average: Any, task: Task) -> None:
    """EMAModel with use_ema_warmup, after each of some updates."""
    torch, options = importlib.import_module("torch"), task.case.options
    shapes = {"weight": (4, 6), "bias": (4,)}

    def weights(update: int) -> list[Any]:
        return [torch.nn.Parameter(task.given(f"{update} {name}", shape)) for name, shape in shapes.items()]

    kept = average(
        weights(0),
        decay=options["max_value"],
        min_decay=options.get("min_value", 0.0),
        update_after_step=options.get("start_at", 0),
        use_ema_warmup=True,
        inv_gamma=options.get("inv_gamma", 1.0),
        power=options["power"],
    )
    for update in range(1, UPDATES + 1):
        kept.step(weights(update))
        for name, value in zip(shapes, kept.shadow_params, strict=True):
            task.give(f"{name} after {update}", value)


OUTPUTS = {"k_diffusion/ema_warmup": ema_warmup}
