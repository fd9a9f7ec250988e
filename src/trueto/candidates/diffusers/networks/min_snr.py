"""Losses of training with diffusers, made of the library's functions as its example for text to image makes them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trueto.torch_task import Task

__all__ = ["OUTPUTS"]

SHAPE = (6, 3, 4, 4)  # as recorded
PREDICTION = {"eps": "epsilon", "v": "v_prediction"}
BETAS = {"cosine": "squaredcos_cap_v2", "linear": "linear"}


def _scheduler(scheduler: Any, options: Any) -> Any:
    """What an example has for --prediction_type, and a scheduler_config.json for the rest."""
    return scheduler(
        beta_schedule=BETAS[options["schedule"]],
        prediction_type=PREDICTION[options["predicts"]],
        **({"rescale_betas_zero_snr": True} if options.get("zero_snr") else {}),
    )


def _target(scheduler: Any, picture: Any, noise: Any, times: Any) -> Any:
    """What the network is to answer, as the example has it."""
    if scheduler.config.prediction_type == "v_prediction":
        return scheduler.get_velocity(picture, noise, times)
    return noise


def _losses(scheduler: Any, answer: Any, target: Any, times: Any, gamma: float | None) -> Any:
    """The loss of each picture, weighted with --snr_gamma as the example does; without it all weigh the same."""
    torch = importlib.import_module("torch")
    error = torch.nn.functional.mse_loss(answer.float(), target.float(), reduction="none").mean(dim=[1, 2, 3])
    if gamma is None:
        return error
    snr = importlib.import_module("diffusers.training_utils").compute_snr(scheduler, times)
    weights = torch.stack([snr, gamma * torch.ones_like(times)], dim=1).min(dim=1)[0]
    return error * (weights / snr if scheduler.config.prediction_type == "epsilon" else weights / (snr + 1))


def training_losses(kind: Any, task: Task) -> None:
    """The losses of a batch, and the gradient of their mean with respect to the network's answer."""
    torch, options = importlib.import_module("torch"), task.case.options
    scheduler = _scheduler(kind, options)
    times = task.whole("t", SHAPE[:1], 1000)
    times[0], times[-1] = 0, 999
    picture, noise = task.given("picture", SHAPE, 0.5), task.given("noise", SHAPE)
    noisy = scheduler.add_noise(picture, noise, times)
    gamma = None if options["weight"] == "constant" else float(options["weight"].rpartition("_")[2])
    with torch.enable_grad():
        answer = (0.6 * noisy.flip(1) + (1 + times / 500).view(-1, 1, 1, 1) * task.given("pattern", SHAPE, 0.3)).requires_grad_()
        losses = _losses(scheduler, answer, _target(scheduler, picture, noise, times), times, gamma)
        loss = losses.mean()
        loss.backward()
    for name, value in (("times", times), ("noisy", noisy), ("losses", losses), ("loss", loss), ("gradient", answer.grad)):
        task.give(name, value)


OUTPUTS = {"min_snr/training_losses": training_losses}
