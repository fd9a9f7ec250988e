"""How to run the Min-SNR authors' losses on X: imports the original from a checkout and calls it, nothing more."""

from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import numpy as np
import torch

from trueto.recording.harness import Task, import_file, stand_in

SHAPE = (6, 3, 4, 4)


def load(source: Path) -> ModuleType:
    """The original's module that makes what is trained with, from a checkout."""
    folder = source / "guided_diffusion"
    for name in ("nn", "losses", "gaussian_diffusion", "respace"):
        import_file(f"guided_diffusion.{name}", folder / f"{name}.py")
    stand_in("guided_diffusion.unet")
    return import_file("guided_diffusion.script_util", folder / "script_util.py")


def ending_in_noise(betas: torch.Tensor) -> torch.Tensor:
    """Betas after whose last step nothing of the picture is left: Lin et al. 2023 (arXiv 2305.08891), algorithm 1."""
    root = torch.cumprod(1 - betas, 0).sqrt()
    alpha_bar = ((root - root[-1]) * (root[0] / (root[0] - root[-1]))) ** 2
    return 1 - torch.cat([alpha_bar[:1], alpha_bar[1:] / alpha_bar[:-1]])


def with_float32_table(diffusion, betas: torch.Tensor) -> None:
    """For a variant: the table of levels made of betas in float32; all that `training_losses` reads of it for these losses."""
    alpha_bar = torch.cumprod(1 - betas, 0)
    diffusion.sqrt_alphas_cumprod = (alpha_bar**0.5).numpy()
    diffusion.sqrt_one_minus_alphas_cumprod = ((1 - alpha_bar) ** 0.5).numpy()


def made(original: ModuleType, task: Task):
    """What the original trains with, in the settings of a case."""
    options, betas = task.case.options, torch.tensor(original.gd.get_named_beta_schedule(task.case.options["schedule"], 1000))
    ended = ending_in_noise if options.get("zero_snr") else torch.clone
    with patch.object(original.gd, "get_named_beta_schedule", lambda *_: ended(betas).numpy()), np.errstate(divide="ignore"):
        diffusion = original.create_gaussian_diffusion(
            noise_schedule=options["schedule"],
            predict_xstart=options["predicts"] == "x0",
            predict_v=options["predicts"] == "v",
            mse_loss_weight_type=options["weight"],
        )
    if task.knobs.get("table") == "float32" and task.dtype == torch.float32:
        with_float32_table(diffusion, ended(betas.float()))
    return diffusion


def drive(original: ModuleType, name: str, task: Task) -> None:
    """The losses of a batch, and the gradient of their mean with respect to the network's answer."""
    times = task.whole("t", SHAPE[:1], 1000)
    times[0], times[-1] = 0, 999
    answers = []

    def network(x, t):
        task.give("times", t)
        task.give("noisy", x)
        answers.append((0.6 * x.flip(1) + (1 + t / 500).view(-1, 1, 1, 1) * task.given("pattern", SHAPE, 0.3)).requires_grad_())
        return answers[-1]

    diffusion, picture, noise = made(original, task), task.given("picture", SHAPE, 0.5), task.given("noise", SHAPE)
    with torch.enable_grad():
        losses = diffusion.training_losses(network, picture, times, noise=noise)["loss"]
        loss = losses.mean()
        loss.backward()
    task.give("losses", losses)
    task.give("loss", loss)
    task.give("gradient", answers[0].grad)
