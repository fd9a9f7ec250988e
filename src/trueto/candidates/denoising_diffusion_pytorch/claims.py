"""The diffusion processes of denoising-diffusion-pytorch that say what they are after."""

from __future__ import annotations

from typing import Any

from trueto.model import Claim

__all__ = ["CLAIMS", "NO_CLAIMS"]

RELEASE = "denoising-diffusion-pytorch 2.3.4, "
MODULE = "denoising_diffusion_pytorch/"
OBJECTIVES = {"eps": "pred_noise", "x0": "pred_x0", "v": "pred_v"}
CHURN = ("s_churn", "s_min", "s_max", "s_noise")
EDM_SAMPLE = RELEASE + MODULE + "elucidated_diffusion.py, ElucidatedDiffusion, and README, Citations"
EDM_QUOTE = (
    "preconditioned network output equation (7) in the paper [...] sample schedule equation (5) in the paper [...] Elucidating the Design "
    "Space of Diffusion-Based Generative Models"
)


def _claim(  # noqa: PLR0913 - a claim is a row of a table, with these columns
    reference: str,
    implementation: str,
    source: str,
    quote: str,
    *,
    name: str = "",
    cases: tuple[str, ...] = ("*",),
    grids: tuple[str, ...] = ("uniform",),
    forms: tuple[str, ...] = ("eps",),
    options: tuple[str, ...] = (),
    note: str = "",
    **settings: dict[str, Any],
) -> Claim:
    identity = f"{reference}@{name}" if name else reference
    table: dict[str, dict[str, Any]] = {
        "grids": {grid: {} for grid in grids},
        "parameterizations": {form: OBJECTIVES.get(form, form) for form in forms},
        "options": dict.fromkeys(options, "init"),
        **settings,
    }
    return Claim(identity, reference, implementation, source, quote, cases, table, note)


CLAIMS: tuple[Claim, ...] = (
    _claim(
        "ho/ddpm",
        "denoising_diffusion_pytorch:GaussianDiffusion.p_sample_loop",
        RELEASE + "README",
        "Implementation of Denoising Diffusion Probabilistic Model in Pytorch. [...] This implementation was inspired by the official "
        "Tensorflow version here",
        cases=("small-*", "large-*", "x0-*"),
        grids=("spaced",),
        forms=("eps", "x0"),
        options=("variance",),
        note="with the original's betas (beta_schedule='linear'; the default is 'sigmoid'); it has the smaller "
        "variance only, where the original's released setting is the larger",
    ),
    _claim(
        "ermongroup/ddim",
        "denoising_diffusion_pytorch:GaussianDiffusion.ddim_sample",
        RELEASE + "README, sampling_timesteps",
        "number of sampling timesteps (using ddim for faster inference [see citation for ddim paper])",
        cases=("uniform-[!1]*", "uniform-1", "eta*-[0-9]*"),
        options=("eta",),
        note="with the original's betas; fewer than all training times, since for all of them the library has DDPM",
    ),
    _claim(
        "edm/heun",
        "elucidated_diffusion:ElucidatedDiffusion.sample",
        EDM_SAMPLE,
        EDM_QUOTE,
        grids=("edm",),
        forms=("edm",),
        options=(*CHURN, "sigma_min", "sigma_max", "rho"),
        note="as shipped: clamp=True",
    ),
    _claim(
        "edm/heun",
        "elucidated_diffusion:ElucidatedDiffusion.sample",
        EDM_SAMPLE,
        EDM_QUOTE,
        name="unclamped",
        grids=("edm",),
        forms=("edm",),
        options=(*CHURN, "sigma_min", "sigma_max", "rho"),
        sample={"clamp": False},
    ),
    _claim(
        "k_diffusion/dpmpp_2m",
        "elucidated_diffusion:ElucidatedDiffusion.sample_using_dpmpp",
        RELEASE + MODULE + "elucidated_diffusion.py, ElucidatedDiffusion.sample_using_dpmpp",
        "thanks to Katherine Crowson (https://github.com/crowsonkb) for figuring it all out! https://arxiv.org/abs/2211.01095",
        cases=("edm-karras-20", "edm-karras-[!1]*", "edm-karras-14"),
        grids=("karras",),
        forms=("edm",),
    ),
)

NO_CLAIMS: dict[str, str] = {
    "repaint/repaint": "repaint.py resamples at one time whatever the step is (docs/findings/denoising-diffusion-pytorch-repaint.md)",
    "improved_diffusion/ddpm": "LearnedGaussianDiffusion visits all training times, or raises NameError on fewer "
    "(docs/findings/denoising-diffusion-pytorch-learned-variance.md); the original was recorded on fewer",
}
