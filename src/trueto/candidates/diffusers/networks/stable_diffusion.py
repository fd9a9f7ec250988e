"""Stable Diffusion v1 in diffusers, from a prompt to a picture, out of a checkpoint in the original's form."""

from __future__ import annotations

import importlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trueto.fixtures.words import vocabulary, write_tokenizer

if TYPE_CHECKING:
    from trueto.torch_task import Task

__all__ = ["OUTPUTS"]

# scheduler/scheduler_config.json as Stable Diffusion v1-4 and v1-5 were released.
SCHEDULER = {
    "_class_name": "PNDMScheduler",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
    "clip_sample": False,
}
TEXT = "cond_stage_model.transformer."
INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "feature_extractor": [None, None],
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "PNDMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}


def _folder(task: Task, folder: Path) -> Path:
    """What a released repository holds besides weights, at toy size; returns the folder."""
    text = {
        "architectures": ["CLIPTextModel"],
        "model_type": "clip_text_model",
        "vocab_size": len(vocabulary()),
        "eos_token_id": len(vocabulary()) - 1,
    }
    for name, held in (
        ("model_index.json", INDEX),
        ("scheduler/scheduler_config.json", SCHEDULER),
        ("text_encoder/config.json", {**text, **task.toy("text")}),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(held))
    write_tokenizer(folder / "tokenizer")
    return folder


def _pipeline(pipeline: Any, task: Task, folder: Path) -> Any:
    """The pipeline as users get it from a single file; every weight is checked to be the original's."""
    torch_task, safetensors = importlib.import_module("trueto.torch_task"), importlib.import_module("safetensors.torch")
    # the released checkpoints were written when transformers' text encoder had its parts under `text_model`
    weights = {name.replace(TEXT, f"{TEXT}text_model."): value for name, value in task.weights("model").items()}
    safetensors.save_file(weights, folder / "model.safetensors")
    networks = {"unet_config": {"params": task.toy("unet")}, "first_stage_config": {"params": {"ddconfig": task.toy("autoencoder")}}}
    (folder / "original.yaml").write_text(json.dumps({"model": {"params": networks}}))  # JSON is YAML
    pipe = pipeline.from_single_file(
        str(folder / "model.safetensors"),
        config=str(_folder(task, folder)),
        original_config=str(folder / "original.yaml"),
        torch_dtype=task.dtype,
        local_files_only=True,
    )
    for part in ("unet", "vae", "text_encoder"):
        torch_task.converted(getattr(pipe, part), weights)
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(task.device)


def text_to_image(pipeline: Any, task: Task) -> None:
    """StableDiffusionPipeline, with everything that passes through it given in the order of the original's script."""
    torch, numpy = importlib.import_module("torch"), importlib.import_module("numpy")
    case, batch = task.case, task.case.shape[0]
    with tempfile.TemporaryDirectory() as folder:
        pipe = _pipeline(pipeline, task, Path(folder))
        if case.options["sampler"] == "ddim":
            pipe.scheduler = importlib.import_module("diffusers").DDIMScheduler.from_config(pipe.scheduler.config)
        texts: list[tuple[Any, Any]] = []
        latents: list[Any] = []
        pictures: list[Any] = []

        def after_text(_: Any, given: Any, result: Any) -> None:
            texts.append((given[0], result[0]))

        def after_step(_: Any, __: int, ___: Any, named: dict[str, Any]) -> dict[str, Any]:
            latents.append(named["latents"])
            return named

        def before_file(images: Any) -> Any:
            pictures.append(images)
            return cut(images)

        pipe.text_encoder.register_forward_hook(after_text)
        cut = pipe.image_processor.numpy_to_pil
        pipe.image_processor.numpy_to_pil = before_file
        made = pipe(
            [case.options["prompt"]] * batch,
            height=8 * case.shape[2],
            width=8 * case.shape[3],
            num_inference_steps=case.steps,
            guidance_scale=case.guidance,
            generator=torch.Generator(task.device).manual_seed(case.seed),
            callback_on_step_end=after_step,
        )
    for tokens, embeddings in reversed(texts):  # the original reads the empty prompt first
        task.give("tokens", tokens)
        task.give("embeddings", embeddings)
    # PNDM's first step takes two calls, of which the first is no step of the original
    for seen in latents[len(latents) - case.steps :]:
        task.give("latents", seen)
    task.give("image", numpy.moveaxis(pictures[0], 3, 1) * 2 - 1)
    for picture in made.images:
        task.give("png", numpy.moveaxis(numpy.asarray(picture), 2, 0))


OUTPUTS = {"stable_diffusion/txt2img": text_to_image}
