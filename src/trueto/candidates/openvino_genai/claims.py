"""Which schedulers of openvino-genai's pipelines are which originals: by the models that its documentation names, as those were released.

In the settings of a claim, `scheduler` is scheduler_config.json of the model, without the betas, which come from the case. In `walk`,
`levels` says what the noise levels are, `last` where the last step ends, `asks_twice` whether the first step asks the network twice.
"""

from __future__ import annotations

from typing import Any

from trueto.model import Claim

__all__ = ["CLAIMS", "NO_CLAIMS"]

MODELS = "openvino-genai documentation, supported models, image generation"
SOURCE = "openvino.genai, src/cpp/src/image_generation/schedulers/"
SD_V1 = {"set_alpha_to_one": False, "steps_offset": 1, "clip_sample": False}
SDXL = {"interpolation_type": "linear", "steps_offset": 1, "timestep_spacing": "leading"}


def _claim(  # noqa: PLR0913 - a claim is a row of a table, with these columns
    reference: str,
    scheduler: str,
    said: tuple[str, str],
    *,
    grid: str,
    levels: str,
    last: float | str,
    config: dict[str, Any],
    cases: tuple[str, ...] = ("*",),
    forms: tuple[str, ...] = ("eps",),
    options: tuple[str, ...] = (),
    note: str = "",
) -> Claim:
    settings: dict[str, Any] = {
        "grids": {grid: {}},
        "parameterizations": {form: {"eps": "epsilon", "v": "v_prediction", "flow": ""}[form] for form in forms},
        "options": dict.fromkeys(options, "config"),
        "scheduler": {"_class_name": scheduler, **config},
        "walk": {"levels": levels, "last": last, "asks_twice": reference == "compvis/plms"},
    }
    return Claim(reference, reference, f"Text2ImagePipeline:{scheduler}", *said, cases, settings, note)


CLAIMS: tuple[Claim, ...] = (
    _claim(
        "compvis/plms",
        "PNDMScheduler",
        (MODELS, "Stable Diffusion [...] CompVis/stable-diffusion-v1-4"),
        grid="uniform",
        levels="alpha_bar",
        last="first_time",
        config={**SD_V1, "skip_prk_steps": True},
        note="in the configuration that Stable Diffusion v1-4 was released with",
    ),
    _claim(
        "compvis/ddim",
        "DDIMScheduler",
        (
            SOURCE + "ddim.cpp, and " + MODELS,
            '"direction pointing to x_t" of formula (12) from https://arxiv.org/pdf/2010.02502.pdf [...] CompVis/stable-diffusion-v1-4',
        ),
        grid="uniform",
        levels="alpha_bar",
        last="first_time",
        config=SD_V1,
        cases=("[!e]*",),
        note="with the settings of the released v1 checkpoints; it has no eta",
    ),
    _claim(
        "lcm/lcm",
        "LCMScheduler",
        (MODELS, "Latent Consistency Model [...] SimianLuo/LCM_Dreamshaper_v7"),
        grid="uniform",
        levels="alpha_bar",
        last=0,
        config={"clip_sample": False, "set_alpha_to_one": True, "steps_offset": 0, "original_inference_steps": 50},
        cases=("uniform-*", "known-*", "linear-*"),
        options=("original_inference_steps",),
        note="in the configuration that LCM_Dreamshaper_v7 was released with; other original_inference_steps in the same file",
    ),
    _claim(
        "generative_models/euler_edm",
        "EulerDiscreteScheduler",
        (MODELS, "Stable Diffusion XL [...] stabilityai/stable-diffusion-xl-base-1.0"),
        grid="legacy",
        levels="sigma",
        last=0,
        config=SDXL,
        cases=("legacy-*", "v-*", "guided-*"),
        forms=("eps", "v"),
        note="in the configuration that Stable Diffusion XL was released with; v cases as Stable Diffusion 2.1 (768); it has no churn",
    ),
    _claim(
        "k_diffusion/euler_ancestral",
        "EulerAncestralDiscreteScheduler",
        (MODELS, "Stable Diffusion XL [...] stabilityai/sdxl-turbo"),
        grid="model",
        levels="sigma",
        last=0,
        config={"timestep_spacing": "linspace"},
        cases=("model-*", "v-*", "linear-*", "small-*"),
        forms=("eps", "v"),
        note="with linspace, as the original spaces its times; it has no eta",
    ),
    _claim(
        "sd3/euler",
        "FlowMatchEulerDiscreteScheduler",
        (MODELS, "Stable Diffusion 3 [...] stabilityai/stable-diffusion-3-medium-diffusers"),
        grid="released",
        levels="flow",
        last=0,
        config={"num_train_timesteps": 1000, "shift": 3.0},
        forms=("flow",),
        options=("shift",),
        note="in the configuration that Stable Diffusion 3 Medium was released with, without its third text encoder, and with "
        "taylorseer_config=None: by default a cache guesses the network's answers in half of the steps",
    ),
)

NO_CLAIMS: dict[str, str] = {}
