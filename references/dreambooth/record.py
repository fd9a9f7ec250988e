"""How to run Xavier Xiao's DreamBooth on X: imports the original from a checkout and calls it, nothing more."""

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest import mock

import torch

from trueto.recording.harness import Task, quiet_progress, stand_in

UNUSED = (
    *("pytorch_lightning", "pytorch_lightning.utilities", "pytorch_lightning.utilities.distributed", "torchvision", "torchvision.utils"),
    *("taming.modules.vqvae.quantize".rsplit(".", n)[0] for n in range(3, -1, -1)),
)
LEARNING_RATE = 1e-4
STEPS, UPDATES = 2, 3
# Whose gradients and values are kept: small ones in every part of the network.
KEPT = (
    "time_embed.2.bias",
    "input_blocks.0.0.weight",
    "input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight",
    "middle_block.0.in_layers.0.weight",
    "output_blocks.5.1.transformer_blocks.0.attn2.to_k.weight",
    "out.2.weight",
)


class Module(torch.nn.Module):
    """What training needs of a LightningModule."""

    device, global_step = torch.device("cpu"), 0

    def log(self, *_, **__) -> None:
        """Nothing is logged."""

    log_dict = log


class Words(torch.nn.Module):
    """Words that are embedded already."""

    def encode(self, words: torch.Tensor, **_) -> torch.Tensor:
        """The same."""
        return words


def load(source: Path) -> SimpleNamespace:
    """The original's class that is trained, and its average of weights, from a checkout."""
    stand_in(*UNUSED)
    sys.modules["pytorch_lightning"].LightningModule = Module
    quiet_progress()
    sys.path.insert(0, str(source))
    words = ModuleType("given_words")
    words.Words = Words
    sys.modules["given_words"] = words
    return SimpleNamespace(
        LatentDiffusion=importlib.import_module("ldm.models.diffusion.ddpm").LatentDiffusion,
        LitEma=importlib.import_module("ldm.modules.ema").LitEma,
    )


def drive(original, name: str, task: Task) -> None:
    """Train some steps, or average some weights."""
    {"training_step": train, "ema": average}[name](original, task)


def trained(original, task: Task):
    """The original's object with the settings of its finetuning."""
    net = original.LatentDiffusion(
        reg_weight=task.case.options.get("reg_weight", 1.0),
        linear_start=0.00085,
        linear_end=0.0120,
        num_timesteps_cond=1,
        timesteps=1000,
        first_stage_key="image",
        cond_stage_key="caption",
        channels=4,
        cond_stage_trainable=True,
        conditioning_key="crossattn",
        scale_factor=0.18215,
        use_ema=False,
        unfreeze_model=True,
        model_lr=LEARNING_RATE,
        personalization_config=None,
        unet_config={"target": "ldm.modules.diffusionmodules.openaimodel.UNetModel", "params": task.toy("unet")},
        first_stage_config={"target": "ldm.models.autoencoder.IdentityFirstStage"},
        cond_stage_config={"target": "given_words.Words"},
    )
    task.fill(net.model.diffusion_model, "unet")
    net.learning_rate = LEARNING_RATE
    return net.to(task.dtype)


def in_turn(values: Iterable[torch.Tensor]):
    """A function that returns these one after the other, whatever it is asked."""
    left = iter(values)
    return lambda *_, **__: next(left)


def half(task: Task, name: str) -> dict:
    """What a batch holds: latents as pictures with their channels last, and embedded words."""
    return {"image": task.given(f"{name} latents", (2, 8, 4, 4), 5.0), "caption": task.given(f"{name} words", (2, 5, 24))}


def train(original, task: Task) -> None:
    """Some steps of training on own pictures and on pictures of the class; some random numbers of a step each."""
    net = trained(original, task)
    parameters = dict(net.model.diffusion_model.named_parameters())
    optimizer = net.configure_optimizers()
    for step in range(STEPS):
        halves = [f"{step} {name}" for name in ("own", "class")]
        batch = [half(task, name) for name in halves]
        times = [task.whole(f"{name} t", (2,), 1000) for name in halves]
        noise = [task.given(f"{name} noise", (2, 4, 8, 4)) for name in halves]
        with mock.patch("torch.randint", in_turn(times)), mock.patch("torch.randn_like", in_turn(noise)):
            loss = net.training_step(batch, step)
        optimizer.zero_grad()
        loss.backward()
        task.give(f"loss {step}", loss)
        for name in KEPT:
            task.give(f"gradient {step} of {name}", parameters[name].grad)
        if task.knobs.get("clip") == "norm_1":
            torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
        optimizer.step()
        for name in KEPT:
            task.give(f"after {step}: {name}", parameters[name])


def average(original, task: Task) -> None:
    """The average of weights that change with every update."""
    net = torch.nn.Linear(6, 4)
    net.weight.data, net.bias.data = task.given("0 weight", (4, 6)), task.given("0 bias", (4,))
    ema = original.LitEma(net, decay=task.case.options["decay"])
    for update in range(1, UPDATES + 1):
        net.weight.data, net.bias.data = task.given(f"{update} weight", (4, 6)), task.given(f"{update} bias", (4,))
        if update == 1 and task.knobs.get("first") == "copied":
            ema = original.LitEma(net, decay=task.case.options["decay"])
        else:
            ema(net)
        held = dict(ema.named_buffers())
        task.give(f"weight after {update}", held["weight"])
        task.give(f"bias after {update}", held["bias"])
