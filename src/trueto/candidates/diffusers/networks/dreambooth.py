"""Training with diffusers: the step of its example for DreamBooth, its own or made of the library's functions; averages of weights."""

from __future__ import annotations

import importlib
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trueto.candidates.diffusers.networks.compvis import config
from trueto.candidates.diffusers.networks.places import from_single_file, prefixed

if TYPE_CHECKING:
    from trueto.torch_task import Task

__all__ = ["OUTPUTS"]

EXAMPLE = "examples/dreambooth/train_dreambooth.py"
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


@dataclass(frozen=True, slots=True)
class Batch:
    """What a step is given, own pictures first and then those of the class; tensors, the axis of samples first."""

    pictures: Any
    words: Any
    times: Any
    noise: Any


def given(task: Task, step: int) -> Batch:
    """The batch of a step: latents before they are scaled (4, 4, 8, 4), embedded words (4, 5, 24), times (4,), noise (4, 4, 8, 4)."""
    torch = importlib.import_module("torch")
    halves = [f"{step} {name}" for name in ("own", "class")]
    return Batch(
        torch.cat([task.given(f"{name} latents", (2, 8, 4, 4), 5.0) for name in halves]).permute(0, 3, 1, 2),
        torch.cat([task.given(f"{name} words", (2, 5, 24)) for name in halves]),
        torch.cat([task.whole(f"{name} t", (2,), 1000) for name in halves]),
        torch.cat([task.given(f"{name} noise", (2, 4, 8, 4)) for name in halves]),
    )


def training_step(network: Any, task: Task) -> None:
    """Two steps: of the example in the clone that the case names, or of the library's functions as the example has them."""
    net = from_single_file(network, task, prefixed(task.weights("unet"), "model.diffusion_model."), original_config=config(task)).train()
    (published if task.case.source else by_hand)(net, [given(task, step) for step in range(STEPS)], task)


def weight_of_class(task: Task) -> float:
    """How much the pictures of the class count."""
    return task.case.options.get("reg_weight", 1.0)


def seen(task: Task, net: Any, step: int, loss: Any) -> None:
    """Give loss and gradients of a step."""
    task.give(f"loss {step}", loss)
    for original, name in KEPT.items():
        task.give(f"gradient {step} of {original}", net.get_parameter(name).grad)


def stepped(task: Task, net: Any, step: int) -> None:
    """Give weights after a step."""
    for original, name in KEPT.items():
        task.give(f"after {step}: {original}", net.get_parameter(name))


def published(net: Any, batches: list[Batch], task: Task) -> None:
    """The example's own `main()`, on the same batches."""
    torch, example = (importlib.import_module(name) for name in ("torch", "trueto.candidates.diffusers.dreambooth_example"))
    examples = [
        {
            "instance_images": batch.pictures[place],
            "class_images": batch.pictures[place + 2],
            "instance_prompt_ids": batch.words[place : place + 1],
            "class_prompt_ids": batch.words[place + 2 : place + 3],
            **dict.fromkeys(("instance_attention_mask", "class_attention_mask"), torch.ones(1, batch.words.shape[1])),
        }
        for batch in batches
        for place in range(2)
    ]
    backs, updates = itertools.count(), itertools.count()

    def back(loss: Any) -> None:
        seen(task, net, next(backs), loss)

    with torch.enable_grad():
        example.train(
            Path(task.case.source) / EXAMPLE,
            net,
            examples,
            {"randn_like": (batch.noise for batch in batches), "randint": (batch.times for batch in batches)},
            scheduler=SCHEDULE,
            scaling_factor=LATENTS,
            typed=("--learning_rate", str(LEARNING_RATE), "--prior_loss_weight", str(weight_of_class(task))),
            size=2,
            seen=back,
            stepped=lambda: stepped(task, net, next(updates)),
        )


def by_hand(net: Any, batches: list[Batch], task: Task) -> None:
    """Own pictures and pictures of the class in one batch, their two errors, gradients clipped, AdamW."""
    torch = importlib.import_module("torch")
    scheduler = importlib.import_module("diffusers").DDPMScheduler(**SCHEDULE)
    optimizer = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, **ADAM)
    for step, batch in enumerate(batches):
        with torch.enable_grad():
            noisy = scheduler.add_noise(batch.pictures * LATENTS, batch.noise, batch.times)
            own, of_class = net(noisy, batch.times, batch.words, return_dict=False)[0].chunk(2)
            errors = [
                torch.nn.functional.mse_loss(answer.float(), wanted.float())
                for answer, wanted in zip((own, of_class), batch.noise.chunk(2), strict=True)
            ]
            loss = errors[0] + weight_of_class(task) * errors[1]
            loss.backward()
        seen(task, net, step, loss)
        torch.nn.utils.clip_grad_norm_(net.parameters(), MAX_GRAD_NORM)
        optimizer.step()
        optimizer.zero_grad()
        stepped(task, net, step)


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
