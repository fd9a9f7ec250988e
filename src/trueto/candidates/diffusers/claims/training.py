"""What diffusers says of its training: the step of its published example for DreamBooth, and its average of weights."""

from __future__ import annotations

from trueto.model import Claim

__all__ = ["CLAIMS", "NO_CLAIMS"]

EXAMPLE = "as examples/dreambooth/train_dreambooth.py: DDPMScheduler.add_noise, UNet2DConditionModel, F.mse_loss, clip_grad_norm_, AdamW"
CLAIMS: tuple[Claim, ...] = (
    Claim(
        "dreambooth/training_step",
        "dreambooth/training_step",
        "UNet2DConditionModel",
        "diffusers documentation, training/dreambooth, 'Prior preservation loss'",
        "Prior preservation loss is a method that uses a model's own generated samples to help it learn how to generate more diverse "
        "images.",
        settings={"network": {"class": "UNet2DConditionModel", "weights": "seeded, converted by from_single_file", "step": EXAMPLE}},
    ),
    Claim(
        "dreambooth/ema",
        "dreambooth/ema",
        "EMAModel",
        "diffusers, training_utils.EMAModel",
        "Exponential Moving Average of models weights",
        settings={"network": {"class": "EMAModel", "decay": "as the case says, without warm-up"}},
    ),
)
NO_CLAIMS: dict[str, str] = {}
