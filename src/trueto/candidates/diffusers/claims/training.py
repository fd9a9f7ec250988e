"""What diffusers says of its training: the step of its example for DreamBooth, its losses with Min-SNR weights, its average of weights."""

from __future__ import annotations

from trueto.model import Claim

__all__ = ["CLAIMS", "NO_CLAIMS"]

EXAMPLE = "examples/dreambooth/train_dreambooth.py"  # with --source it is run itself, out of a clone
STEP = f"as {EXAMPLE}: DDPMScheduler.add_noise, UNet2DConditionModel, F.mse_loss, clip_grad_norm_, AdamW"
LOSSES = "as examples/text_to_image/train_text_to_image.py --snr_gamma: add_noise, get_velocity, training_utils.compute_snr, F.mse_loss"
NOT_CLAIMED = {
    "x0-min-snr-5": "the example trains a network to answer noise or velocity, not the picture",
    "eps-zero-snr-min-snr-5": "for noise the example divides by the SNR, 0 there, so that its loss is NaN; the original has weight 1",
}
CLAIMS: tuple[Claim, ...] = (
    Claim(
        "dreambooth/training_step",
        "dreambooth/training_step",
        "UNet2DConditionModel",
        "diffusers documentation, training/dreambooth, 'Prior preservation loss'",
        "Prior preservation loss is a method that uses a model's own generated samples to help it learn how to generate more diverse "
        "images.",
        settings={
            "network": {
                "class": "UNet2DConditionModel",
                "weights": "seeded, converted by from_single_file",
                "step": STEP,
                "example": EXAMPLE,
            },
            "needs": {"name": "UNet2DConditionModel.from_single_file", "since": "0.28"},
        },
    ),
    Claim(
        "dreambooth/ema",
        "dreambooth/ema",
        "EMAModel",
        "diffusers, training_utils.EMAModel",
        "Exponential Moving Average of models weights",
        settings={"network": {"class": "EMAModel", "decay": "as the case says, without warm-up"}},
    ),
    Claim(
        "k_diffusion/ema_warmup",
        "k_diffusion/ema_warmup",
        "EMAModel",
        "diffusers, training_utils.EMAModel",
        "@crowsonkb's notes on EMA Warmup: If gamma=1 and power=1, implements a simple average. gamma=1, power=2/3 are good values for "
        "models you plan to train for a million or more steps",
        settings={"network": {"class": "EMAModel", "use_ema_warmup": True, "inv_gamma, power and bounds": "as the case says"}},
    ),
    Claim(
        "min_snr/training_losses",
        "min_snr/training_losses",
        "DDPMScheduler",
        "diffusers documentation, training/text2image, 'Min-SNR weighting'",
        "The Min-SNR weighting strategy can help with training by rebalancing the loss to achieve faster convergence. The training script "
        "supports predicting `epsilon` (noise) or `v_prediction`, but Min-SNR is compatible with both prediction types.",
        cases=("v-*", "eps-min*", "eps-plain", "eps-linear*"),
        settings={
            "network": {"class": "DDPMScheduler", "losses": LOSSES, "not claimed": NOT_CLAIMED},
            "needs": {"name": "training_utils.compute_snr", "since": "0.22"},
        },
    ),
)
NO_CLAIMS: dict[str, str] = {}
