"""Training with diffusers: the step of its example for DreamBooth, made of the library's functions, and its average of weights."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from trueto.candidates.diffusers.networks.compvis import config
from trueto.candidates.diffusers.networks.places import from_single_file, prefixed

if TYPE_CHECKING:
    from trueto.torch_task import Task

__all__ = ["OUTPUTS"]

# scheduler/scheduler_config.json of Stable Diffusion v1, what training reads of it; and the example's own defaults.
SCHEDULE = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000}
ADAM = {"betas": (0.9, 0.999), "weight_decay": 1e-2, "eps": 1e-8}
LATENTS, MAX_GRAD_NORM = 0.18215, 1.0
LEARNING_RATE, STEPS, UPDATES = 1e-4, 2, 3  # as recorded
KEPT = {
    "time_embed.2.bias": "time_embedding.linear_2.bias",
    "input_blocks.0.0.weight": "conv_in.weight",
    "input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight": "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight",
    "middle_block.0.in_layers.0.weight": "mid_block.resnets.0.norm1.weight",
    "output_blocks.5.1.transformer_blocks.0.attn2.to_k.weight": "up_blocks.2.attentions.1.transformer_blocks.0.attn2.to_k.weight",
    "out.2.weight": "conv_out.weight",
}


def training_step(network: Any, task: Task) -> None:
    """Two steps: own pictures and pictures of the class in one batch, their two errors, gradients clipped, AdamW."""
    torch = importlib.import_module("torch")
    scheduler = importlib.import_module("diffusers").DDPMScheduler(**SCHEDULE)
    net = from_single_file(network, task, prefixed(task.weights("unet"), "model.diffusion_model."), original_config=config(task)).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, **ADAM)
    for step in range(STEPS):
        halves = [f"{step} {name}" for name in ("own", "class")]
        pictures = torch.cat([task.given(f"{name} latents", (2, 8, 4, 4), 5.0) for name in halves]).permute(0, 3, 1, 2)
        words = torch.cat([task.given(f"{name} words", (2, 5, 24)) for name in halves])
        times = torch.cat([task.whole(f"{name} t", (2,), 1000) for name in halves])
        noise = torch.cat([task.given(f"{name} noise", (2, 4, 8, 4)) for name in halves])
        with torch.enable_grad():
            noisy = scheduler.add_noise(pictures * LATENTS, noise, times)
            own, of_class = net(noisy, times, words, return_dict=False)[0].chunk(2)
            errors = [
                torch.nn.functional.mse_loss(seen.float(), wanted.float())
                for seen, wanted in zip((own, of_class), noise.chunk(2), strict=True)
            ]
            loss = errors[0] + task.case.options.get("reg_weight", 1.0) * errors[1]
            loss.backward()
        task.give(f"loss {step}", loss)
        for original, name in KEPT.items():
            task.give(f"gradient {step} of {original}", net.get_parameter(name).grad)
        torch.nn.utils.clip_grad_norm_(net.parameters(), MAX_GRAD_NORM)
        optimizer.step()
        optimizer.zero_grad()
        for original, name in KEPT.items():
            task.give(f"after {step}: {original}", net.get_parameter(name))


def ema(average: Any, task: Task) -> None:
    """EMAModel after each of some updates."""
    torch = importlib.import_module("torch")
    shapes = {"weight": (4, 6), "bias": (4,)}

    def weights(update: int) -> list[Any]:
        return [torch.nn.Parameter(task.given(f"{update} {name}", shape)) for name, shape in shapes.items()]

    kept = average(weights(0), decay=task.case.options["decay"])
    for update in range(1, UPDATES + 1):
        kept.step(weights(update))
        for name, value in zip(shapes, kept.shadow_params, strict=True):
            task.give(f"{name} after {update}", value)


OUTPUTS = {"dreambooth/training_step": training_step, "dreambooth/ema": ema}
