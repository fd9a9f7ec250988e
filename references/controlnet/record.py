"""How to run ControlNet: imports the original from a checkout and calls it, nothing more."""

import importlib
import sys
from pathlib import Path

import torch

from trueto.recording.harness import Task, stand_in

UNUSED = ("torchvision", "torchvision.utils", "ldm.models.diffusion.ddpm", "ldm.models.diffusion.ddim")


def load(source: Path):
    """The original's file of networks, from a checkout."""
    stand_in(*UNUSED)
    sys.modules["ldm.models.diffusion.ddpm"].LatentDiffusion = object
    sys.path.insert(0, str(source))
    return importlib.import_module("cldm.cldm")


def drive(original, name: str, task: Task) -> None:
    """A picture as large as the result says to the copy what to add, and the U-Net adds it."""
    control = task.fill(original.ControlNet(**task.toy("control")), "control")
    unet = task.fill(original.ControlledUnetModel(**task.toy("unet")), "unet")
    blocks = ["time_embed", "input_hint_block", "middle_block", *(f"input_blocks.{i}" for i in range(len(control.input_blocks)))]
    task.tap(control, {path: path for path in blocks})
    x, t, context = task.given("x", (2, 4, 8, 4)), task.whole("t", (2,), 1000), task.given("context", (2, 5, 24))
    with torch.no_grad():
        added = control(x, task.given("hint", (2, 3, 64, 32)), t, context)
        for number, value in enumerate(added):
            task.give(f"added.{number}", value)
        task.give("out", unet(x, timesteps=t, context=context, control=list(added)))
