"""Which networks of diffusers are the originals', with the originals' weights moved by diffusers' own conversion."""

from __future__ import annotations

from typing import Any

from trueto.model import Claim

__all__ = ["CLAIMS", "NO_CLAIMS"]

SINGLE_FILE = "diffusers documentation, api/loaders/single_file, FromOriginalModelMixin.from_single_file"
LOADS = "Instantiate a model from pretrained weights saved in the original `.ckpt` or `.safetensors` format."


def network(
    reference: str,
    implementation: str,
    source: str = SINGLE_FILE,
    quote: str = LOADS,
    *,
    by: str = "converted by from_single_file",
    name: str = "",
    **chosen: Any,
) -> Claim:
    """One row: that a network, made with what is `chosen`, is the original's once its weights were moved as `by` says."""
    how = {"class": implementation, "weights": f"seeded, {by}", **chosen}
    settings = {"network": how, "chosen": chosen}
    return Claim(f"{reference}@{name}" if name else reference, reference, implementation, source, quote, settings=settings)


DIT = "diffusers, DiTTransformer2DModel"
DIT_SAID = "A 2D Transformer model as introduced in DiT (https://huggingface.co/papers/2212.09748)."
RENAMED = "under the names that DiTTransformer2DModel has for them"

BY_SCRIPT = (
    "under the names that scripts/convert_consistency_to_diffusers.py gives them, which is in diffusers' repository and not in its package"
)
CONSISTENCY = "diffusers, ConsistencyModelPipeline, unet; diffusers documentation, api/pipelines/consistency_models"
CONSISTENCY_SAID = (
    "A `UNet2DModel` to denoise the encoded image latents. [...] The original codebase can be found at openai/consistency_models."
)
ADM = "diffusers, UNet2DModel, resnet_time_scale_shift and downsample_type; it does not name guided-diffusion, whose blocks they make"
ADM_SAID = 'Choose from `default` or `scale_shift`. [...] Choose between "conv" and "resnet"'
BY_HEAD = f"{BY_SCRIPT}; rows of the legacy order, which that script does not know, are put in its order first"

IMG2IMG = "diffusers documentation, api/pipelines/stable_diffusion/img2img"
IMG2IMG_SAID = (
    "The Stable Diffusion model can also be applied to image-to-image generation by passing a text prompt and an initial image to "
    "condition the generation of new images."
)

CLAIMS: tuple[Claim, ...] = (
    network("compvis/unet", "UNet2DConditionModel"),
    network("compvis/autoencoder", "AutoencoderKL"),
    network("generative_models/unet", "UNet2DConditionModel"),
    network("guided_diffusion/unet", "UNet2DModel", ADM, ADM_SAID, by=BY_HEAD),
    network("consistency_models/unet", "UNet2DModel", CONSISTENCY, CONSISTENCY_SAID, by=BY_SCRIPT),
    network("controlnet/controlnet", "ControlNetModel"),
    network("dit/dit", "DiTTransformer2DModel", DIT, DIT_SAID, by=RENAMED, norm_eps=1e-5),
    network("dit/dit", "DiTTransformer2DModel", DIT, DIT_SAID, by=RENAMED, name="norm_eps=1e-6", norm_eps=1e-6),
    network(
        "dit/guidance",
        "DiTPipeline",
        "diffusers documentation, api/pipelines/dit; DiTPipeline.__call__, guidance_scale",
        "The original codebase can be found at facebookresearch/dit.",
        by=RENAMED,
    ),
    network("open_clip/text", "create_diffusers_clip_model_from_ldm", by="converted as from_single_file of a pipeline does"),
    network("sd3/mmdit", "SD3Transformer2DModel"),
    network("flux/transformer", "FluxTransformer2DModel", by="converted by from_single_file, with the toy's width in the place of 3072"),
    network(
        "stable_diffusion/txt2img",
        "StableDiffusionPipeline",
        "diffusers documentation, api/pipelines/stable_diffusion/overview",
        "You can find the original codebase for Stable Diffusion v1.0 at CompVis/stable-diffusion",
    ),
    network("stable_diffusion/image_to_image", "StableDiffusionImg2ImgPipeline", IMG2IMG, IMG2IMG_SAID),
    network(
        "stable_diffusion/masked_sampling",
        "StableDiffusionInpaintPipeline",
        "diffusers documentation, api/pipelines/stable_diffusion/inpaint",
        "Default text-to-image Stable Diffusion checkpoints, such as stable-diffusion-v1-5/stable-diffusion-v1-5 are also compatible but "
        "they might be less performant.",
    ),
    network("stable_diffusion/picture", "VaeImageProcessor", IMG2IMG, IMG2IMG_SAID, by="none; load_image reads the file"),
)
TAKEN = "diffusers has none of its own and takes it from transformers, whose report this one has a link to"
NO_CLAIMS: dict[str, str] = dict.fromkeys(
    (*(f"openai_clip/{part}" for part in ("tokens", "picture", "text", "image")), "open_clip/text", "open_clip/image"), TAKEN
)
