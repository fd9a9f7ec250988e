"""Stable Diffusion v1 in diffusers, from a prompt to a picture, out of a checkpoint in the original's form."""

from __future__ import annotations

import functools
import importlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trueto.fixtures.pictures import picture_file
from trueto.fixtures.words import vocabulary

if TYPE_CHECKING:
    from trueto.checkpoints import Checkpoint
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
PARTS = {"unet": "unet", "vae": "autoencoder", "text_encoder": "text"}  # of a pipeline, and how the original calls them
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
    """What a released repository holds besides weights, at toy size or in the sizes of a checkpoint; returns the folder."""
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
    task.tokenizer(folder / "tokenizer")
    return folder


def _pipeline(pipeline: Any, task: Task, folder: Path) -> Any:
    """The pipeline as users get it from a single file; every weight is checked to be the original's."""
    if task.checkpoint is not None:
        return _pipeline_of(pipeline, task, task.checkpoint, folder)
    torch_task, safetensors = importlib.import_module("trueto.torch_task"), importlib.import_module("safetensors.torch")
    # the released checkpoints were written when transformers' text encoder had its parts under `text_model`
    weights = {name.replace(TEXT, f"{TEXT}text_model."): value for name, value in task.weights("model").items()}
    safetensors.save_file(weights, folder / "model.safetensors")
    pipe = _from_file(pipeline, task, folder / "model.safetensors", folder)
    for part in PARTS:
        torch_task.converted(getattr(pipe, part), weights)
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(task.device)


def _from_file(pipeline: Any, task: Task, file: Path, folder: Path) -> Any:
    """The pipeline from a single file, with the configuration that users get from the hub; `folder` is empty but for the file."""
    networks = {"unet_config": {"params": task.toy("unet")}, "first_stage_config": {"params": {"ddconfig": task.toy("autoencoder")}}}
    (folder / "original.yaml").write_text(json.dumps({"model": {"params": networks}}))  # JSON is YAML
    return pipeline.from_single_file(
        str(file),
        config=str(_folder(task, folder)),
        original_config=str(folder / "original.yaml"),
        torch_dtype=task.dtype,
        local_files_only=True,
    )


def _pipeline_of(pipeline: Any, task: Task, checkpoint: Checkpoint, folder: Path) -> Any:
    """The pipeline of a user's checkpoint as the user gets it, with PNDM, the released default; every weight must be there."""
    weights, diffusers = importlib.import_module("trueto.torch_weights"), importlib.import_module("diffusers")
    with weights.as_stored():
        if checkpoint.form == "file":
            pipe = _from_file(pipeline, task, checkpoint.path, folder)
        else:
            named = {"variant": checkpoint.variant} if checkpoint.variant else {}
            named |= {"safety_checker": None, "requires_safety_checker": False}
            pipe = pipeline.from_pretrained(str(checkpoint.path), torch_dtype=task.dtype, local_files_only=True, **named)
    own = pipe.scheduler.config if isinstance(pipe.scheduler, diffusers.PNDMScheduler) else SCHEDULER
    pipe.scheduler = diffusers.PNDMScheduler.from_config(own)  # anew, so that a twin has it in float64
    for name, part in PARTS.items():
        weights.expect_weights(getattr(pipe, name), checkpoint, part, task.dtype)
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(task.device)


class _Watched:
    """What passes through a pipeline while it makes a picture: texts with embeddings, latents after each step, pictures before the file."""

    def __init__(self, pipe: Any) -> None:
        self.texts: list[tuple[Any, Any]] = []
        self.latents: list[Any] = []
        self.pictures: list[Any] = []
        self._cut = pipe.image_processor.numpy_to_pil
        pipe.text_encoder.register_forward_hook(self._after_text)
        pipe.image_processor.numpy_to_pil = self._before_file

    def _after_text(self, _: Any, given: Any, result: Any) -> None:
        self.texts.append((given[0], result[0]))

    def after_step(self, _: Any, __: int, ___: Any, named: dict[str, Any]) -> dict[str, Any]:
        """For `callback_on_step_end`."""
        self.latents.append(named["latents"])
        return named

    def _before_file(self, images: Any) -> Any:
        self.pictures.append(images)
        return self._cut(images)

    def give_texts(self, task: Task) -> None:
        """Tokens and embeddings, the empty prompt first, as the original reads them."""
        for tokens, embeddings in reversed(self.texts):
            task.give("tokens", tokens)
            task.give("embeddings", embeddings)

    def give_latents(self, task: Task) -> None:
        """Latents after each step, as the original counts steps: the first of PNDM takes two calls, of which one is no step."""
        for seen in self.latents[int(_sampler(task) == "plms") :]:
            task.give("latents", seen)


def _give_files(task: Task, images: Any) -> None:
    numpy = importlib.import_module("numpy")
    for picture in images:
        task.give("png", numpy.moveaxis(numpy.asarray(picture), 2, 0))


def _as_stored(read: Any, *args: Any, **named: Any) -> Any:
    """Pixels are read in float32 in both precisions, here and by the original."""
    torch = importlib.import_module("torch")
    with torch._C.DisableTorchFunction():  # noqa: SLF001 - the only way for a twin to leave something as it is
        return read(*args, **named)


def _sampler(task: Task) -> str:
    """`plms` or `ddim`, which is all that the original has for image to image."""
    return task.case.options.get("sampler", "ddim")


def _scheduled(pipe: Any, task: Task) -> Any:
    """The pipeline with the scheduler that the case asks for: as released it has PNDM, which is PLMS."""
    if _sampler(task) == "ddim":
        pipe.scheduler = importlib.import_module("diffusers").DDIMScheduler.from_config(pipe.scheduler.config)
    return pipe


def text_to_image(pipeline: Any, task: Task) -> None:
    """StableDiffusionPipeline, with everything that passes through it given in the order of the original's script."""
    torch, numpy = importlib.import_module("torch"), importlib.import_module("numpy")
    case, batch = task.case, task.case.shape[0]
    with tempfile.TemporaryDirectory() as folder:
        pipe = _scheduled(_pipeline(pipeline, task, Path(folder)), task)
        watched = _Watched(pipe)
        negative = case.options.get("negative")
        made = pipe(
            [case.options["prompt"]] * batch,
            negative_prompt=None if negative is None else [negative] * batch,
            height=8 * case.shape[2],
            width=8 * case.shape[3],
            num_inference_steps=case.steps,
            guidance_scale=case.guidance,
            generator=torch.Generator(task.device).manual_seed(case.seed),
            callback_on_step_end=watched.after_step,
        )
    watched.give_texts(task)
    watched.give_latents(task)
    task.give("image", numpy.moveaxis(watched.pictures[0], 3, 1) * 2 - 1)
    _give_files(task, made.images)


def image_to_image(pipeline: Any, task: Task) -> None:
    """StableDiffusionImg2ImgPipeline with DDIM on a picture file, as `load_image` reads it, once for each sample of the batch."""
    torch, numpy, diffusers = (importlib.import_module(name) for name in ("torch", "numpy", "diffusers"))
    case, batch = task.case, task.case.shape[0]
    with tempfile.TemporaryDirectory() as folder:
        pipe = _scheduled(_pipeline(pipeline, task, Path(folder)), task)
        watched = _Watched(pipe)
        read, noised = pipe.image_processor.preprocess, pipe.scheduler.add_noise
        begun: dict[str, Any] = {}

        def preprocess(*args: Any, **named: Any) -> Any:
            begun["picture"] = _as_stored(read, *args, **named)
            return begun["picture"]

        def add_noise(latents: Any, noise: Any, times: Any) -> Any:
            begun["encoded"], begun["noised"] = latents, noised(latents, noise, times)
            return begun["noised"]

        pipe.image_processor.preprocess, pipe.scheduler.add_noise = preprocess, add_noise
        file = picture_file(Path(folder), "rgb", (8 * case.shape[3], 8 * case.shape[2]))
        made = pipe(
            [case.options["prompt"]] * batch,
            image=[diffusers.utils.load_image(str(file))] * batch,
            strength=case.options["strength"],
            num_inference_steps=case.steps,
            guidance_scale=case.guidance,
            generator=torch.Generator(task.device).manual_seed(case.seed),
            callback_on_step_end=watched.after_step,
        )
    task.give("picture", begun["picture"].to(task.dtype))
    task.give("encoded", begun["encoded"])
    watched.give_texts(task)
    task.give("noised", begun["noised"])
    watched.give_latents(task)
    for picture in watched.pictures[0]:
        task.give("image", numpy.moveaxis(picture, 2, 0) * 2 - 1)
    _give_files(task, made.images)


def masked_sampling(pipeline: Any, task: Task) -> None:
    """StableDiffusionInpaintPipeline with a U-Net that was not trained for it; where the mask is white is painted anew."""
    torch, numpy, diffusers = (importlib.import_module(name) for name in ("torch", "numpy", "diffusers"))
    case, size = task.case, (8 * task.case.shape[3], 8 * task.case.shape[2])
    with tempfile.TemporaryDirectory() as folder:
        pipe = _scheduled(_pipeline(pipeline, task, Path(folder)), task)
        watched, begun, prepare = _Watched(pipe), {}, (pipe.prepare_latents, pipe.prepare_mask_latents)

        def latents(*args: Any, **named: Any) -> Any:
            begun["picture"] = named["image"].repeat(case.shape[0] // len(named["image"]), 1, 1, 1)
            found = prepare[0](*args, **named)
            begun["encoded"] = found[-1]
            return found

        def masks(*args: Any, **named: Any) -> Any:
            found = prepare[1](*args, **named)
            begun["mask"] = 1 - found[0][:1]
            return found

        read_mask = pipe.mask_processor.preprocess

        def zeros_and_ones(*args: Any, **named: Any) -> Any:
            return _as_stored(read_mask, *args, **named).to(task.dtype)

        pipe.prepare_latents, pipe.prepare_mask_latents, pipe.mask_processor.preprocess = latents, masks, zeros_and_ones
        pipe.image_processor.preprocess = functools.partial(_as_stored, pipe.image_processor.preprocess)
        (Path(folder) / "mask").mkdir()
        made = pipe(
            [case.options["prompt"]] * case.shape[0],
            image=[diffusers.utils.load_image(str(picture_file(Path(folder), "rgb", size)))] * case.shape[0],
            mask_image=[diffusers.utils.load_image(str(picture_file(Path(folder) / "mask", "grey", size)))] * case.shape[0],
            height=size[1],
            width=size[0],
            num_inference_steps=case.steps,
            guidance_scale=case.guidance,
            generator=torch.Generator(task.device).manual_seed(case.seed),
            callback_on_step_end=watched.after_step,
        )
    watched.give_texts(task)
    for name in ("picture", "encoded", "mask"):
        task.give(name, begun[name].to(task.dtype))
    watched.give_latents(task)
    task.give("image", numpy.moveaxis(watched.pictures[0], 3, 1) * 2 - 1)
    _give_files(task, made.images)


def read_picture(processor: Any, task: Task) -> None:
    """A file as the documentation reads it, `load_image`, and as the pipeline makes numbers of it."""
    diffusers, options = importlib.import_module("diffusers"), task.case.options
    with tempfile.TemporaryDirectory() as folder:
        file = picture_file(Path(folder), options["kind"], (options["width"], options["height"]))
        read = _as_stored(processor(vae_scale_factor=8).preprocess, diffusers.utils.load_image(str(file)))
    task.give("picture", read.to(task.dtype))


OUTPUTS = {
    "stable_diffusion/txt2img": text_to_image,
    "stable_diffusion/image_to_image": image_to_image,
    "stable_diffusion/masked_sampling": masked_sampling,
    "stable_diffusion/picture": read_picture,
}
