"""The losses that diffusion models are trained with, weighted by Min-SNR: Hang et al. 2023 (arXiv 2303.09556)."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="Training losses with Min-SNR weights",
    plain="""
To train a diffusion model, noise is added to a picture and the network is asked what was done: which noise, or which picture, or a mixture
of both called velocity. The square of its error is what training makes smaller. Errors at little noise and at much pull the network in
different directions, so Min-SNR gives each a weight: that of the picture's error, but never more than 5.

If a library took another target or another weight, training would run and look well, and the model would be another one.""",
    authors="Tiankai Hang, Shuyang Gu, Chen Li, Jianmin Bao, Dong Chen, Han Hu, Xin Geng, Baining Guo",
    year=2023,
    paper="Efficient Diffusion Training via Min-SNR Weighting Strategy, arXiv 2303.09556; velocity: Salimans and Ho 2022, arXiv 2202.00512",
    equations="section 3.4: w = min(SNR, gamma) for the picture, over SNR for noise and over SNR + 1 for velocity",
    function="guided_diffusion/gaussian_diffusion.py: GaussianDiffusion.training_losses",
    line=825,
    default_of="the authors' models on ImageNet (gamma 5, cosine schedule), and diffusers' --snr_gamma",
    promise=Promises(
        {
            "noisy": "alpha times the picture plus sigma times the noise",
            "losses": "for each picture weight times the mean squared error of noise, velocity (alpha noise - sigma picture) or picture",
            "weight": "min(SNR, gamma) for the picture, over SNR for noise, over SNR + 1 for velocity; 1 where the SNR is 0",
            "loss": "their mean over the batch",
            "gradient": "of the loss with respect to the network's answer",
        }
    ),
    code_and_paper="the paper does not speak of an SNR of 0, where the code has weight 1; its formula would be 0 over 0, or 0 for velocity",
)


def losses(name: str, predicts: str, weight: str = "constant", schedule: str = "cosine", **more) -> Case:
    """A case: six pictures, the first at training time 0 and the last at 999."""
    quick, seed, options = more.pop("quick", False), more.pop("seed", 0), {"predicts": predicts, "weight": weight, "schedule": schedule}
    return Case(name, 1, quick=quick, seed=seed, options={**options, **more}, layers=("training",))


CASES = (
    losses("v-min-snr-5", "v", "vmin_snr_5", quick=True),  # as the authors' velocity model
    losses("x0-min-snr-5", "x0", "min_snr_5"),  # as their picture model
    losses("eps-min-snr-5", "eps", "min_snr_5", quick=True),
    losses("eps-plain", "eps", seed=1),
    losses("v-plain", "v", seed=1),
    losses("eps-linear-min-snr-1", "eps", "min_snr_1", "linear", seed=2),
    losses("v-linear-min-snr-1", "v", "vmin_snr_1", "linear", seed=2),
    losses("v-zero-snr-min-snr-5", "v", "vmin_snr_5", "linear", seed=3, zero_snr=True),
    losses("v-zero-snr-plain", "v", "constant", "linear", seed=3, zero_snr=True),
    losses("eps-zero-snr-min-snr-5", "eps", "min_snr_5", "linear", seed=3, zero_snr=True),
)
KNOBS = {
    "table": ("float64", "float32"),  # of levels; float32: diffusers
    "weight_of_zero_snr": ("one", "zero"),  # for velocity; zero: diffusers
}
VARIED = ("weight_of_zero_snr",)


def vary(arrays, knobs, case):
    """The outputs with the weight that the formula for velocity has where the SNR is 0."""
    if knobs.get("weight_of_zero_snr") == "zero" and case.options.get("zero_snr") and case.options["weight"] != "constant":
        seen = arrays["times"] != 999
        arrays["losses"] = arrays["losses"] * seen
        arrays["loss"] = arrays["losses"].mean(keepdims=True)
        arrays["gradient"] = arrays["gradient"] * seen[:, None, None, None]
    return arrays
