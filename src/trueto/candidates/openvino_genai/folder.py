"""A folder of models as openvino-genai loads one, whose network asks a function in this process; imported in a worker.

Text encoder, tokenizer and autoencoder are a few operations each: a prompt is told by its length, a picture is its latents. The network
and the last look at the latents are operations in Python, which the runtime knows once they were handed to it as an extension.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Asked", "make", "operations", "write"]

Array = np.ndarray[Any, np.dtype[Any]]

INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "text_encoder": ["transformers", "CLIPTextModel"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
INDEX_3 = {
    "_class_name": "StableDiffusion3Pipeline",
    "text_encoder": ["transformers", "CLIPTextModelWithProjection"],
    "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
    "text_encoder_3": [None, None],
    "transformer": ["diffusers", "SD3Transformer2DModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
FLOW = "FlowMatchEulerDiscreteScheduler"
VAE = {"scaling_factor": 1.0, "block_out_channels": [1]}  # latents are as large as pictures
NOWHERE = "a folder that is not there"


class Asked:
    """Whom the operations ask, which changes from run to run.

    `network(x, t, states)` answers for x (B, C, H, W) at t (1,) with the prompts' states (B, 1, 1), all float32 but t; `seen(x)` is given
    the latents (B, C, H, W) that are to be decoded, and gives what they decode to.
    """

    def __init__(self) -> None:
        self.network: Callable[..., Array] | None = None
        self.seen: Callable[..., Array] | None = None
        self._came: Exception | None = None

    def answer(self, name: str, given: list[Array]) -> Array:
        """What is asked of `name` is answered; an exception is kept, since it would end the process."""
        try:
            return getattr(self, name)(*given)
        except Exception as error:  # noqa: BLE001 - raised again when the pipeline has ended
            self._came = self._came or error
            return np.zeros_like(given[0])

    def generate(self, network: Callable[..., Array], seen: Callable[..., Array], pipeline: Any, *given: Any, **said: Any) -> None:
        """Let a pipeline generate while these two are asked; raises what they raised."""
        self.network, self.seen, self._came = network, seen, None
        pipeline.generate(*given, **said)
        if self._came is not None:
            raise self._came


def operations(asked: Asked) -> tuple[Any, Any]:
    """The types of the two operations in Python, of the network and of the last look, known to the runtime from now on."""
    openvino, genai = (importlib.import_module(name) for name in ("openvino", "openvino_genai"))

    def operation(name: str) -> Any:
        class Operation(openvino.Op):
            def __init__(self, inputs: Any = None) -> None:
                super().__init__(self, inputs)

            def validate_and_infer_types(self) -> None:
                self.set_output_type(0, openvino.Type.f32, self.get_input_partial_shape(0))

            def evaluate(self, outputs: Any, inputs: Any) -> bool:
                outputs[0].data[:] = asked.answer(name, [given.data for given in inputs])
                return True

            def has_evaluate(self) -> bool:
                return True

            def visit_attributes(self, visitor: Any) -> bool:  # noqa: ARG002 - it has none
                return True

        Operation.__name__ = f"Asked_{name}"
        return Operation

    found = operation("network"), operation("seen")
    try:  # pipelines of images take no extensions, and all pipelines share what one of text was given, be its folder there or not
        genai.LLMPipeline(NOWHERE, "CPU", extensions=list(found))
    except RuntimeError as error:
        if NOWHERE not in str(error):
            raise
    return found


def write(home: Path, channels: int, scheduler: Mapping[str, Any], network: Any, latents: Any) -> None:
    """A folder of models for latents of so many channels, with scheduler_config.json as given: of Stable Diffusion 3 for flow matching."""
    if scheduler["_class_name"] == FLOW:
        _write_transformer(home, channels, network)
        index, parts = INDEX_3, ("text_encoder", "text_encoder_2")
    else:
        _write_unet(home, channels, network)
        index, parts = INDEX, ("text_encoder",)
    last, x = (
        _given("latent_sample", [-1, channels, -1, -1]),
        _given("picture", [-1, 3, -1, -1]),
    )  # a picture from -1 for black to 1 for white
    _save(home / "vae_decoder", [last], sample=latents([last]))
    ops = _operators()
    grey = ops.multiply(ops.add(ops.reduce_max(x, np.array([1]), keep_dims=True), np.float32(1)), np.float32(0.5))
    _save(home / "vae_encoder", [x], latent_sample=ops.concat([grey] * channels, 1))
    files: dict[str, Mapping[str, Any]] = {
        "model_index.json": {**index, "scheduler": ["diffusers", scheduler["_class_name"]]},
        "scheduler/scheduler_config.json": scheduler,
        **{f"{part}/config.json": {"max_position_embeddings": 1, "num_hidden_layers": 1} for part in parts},
        **{f"vae_{part}/config.json": VAE | {"latent_channels": channels} for part in ("decoder", "encoder")},
    }
    (home / "scheduler").mkdir()
    for name, values in files.items():
        (home / name).write_text(json.dumps(values))


def _write_unet(home: Path, channels: int, network: Any) -> None:
    """The network, text encoder and tokenizer of Stable Diffusion."""
    x, t, states = _given("sample", [-1, channels, -1, -1]), _given("timestep", [1], "i64"), _given("encoder_hidden_states", [-1, -1, 1])
    _save(home / "unet", [x, t, states], out_sample=network([x, t, states]))
    (home / "unet" / "config.json").write_text(json.dumps({"in_channels": channels, "sample_size": 1}))
    _save(home / "text_encoder", [ids := _given("input_ids", [-1, -1], "i64")], last_hidden_state=_hidden(ids))
    _write_tokenizer(home / "tokenizer")


def _write_transformer(home: Path, channels: int, network: Any) -> None:
    """The network of Stable Diffusion 3, and its two text encoders of CLIP; the third, which can be left out, is."""
    ops = _operators()
    x, t, states = _given("hidden_states", [-1, channels, -1, -1]), _given("timestep", [1]), _given("encoder_hidden_states", [-1, -1, 2])
    pooled = _given("pooled_projections", [-1, 2])
    marks = ops.unsqueeze(ops.gather(pooled, np.array([0]), np.int64(1)), np.int64(2))
    _save(home / "transformer", [x, t, states, pooled], out_sample=network([x, t, marks]))
    sizes = {"in_channels": channels, "sample_size": 1, "patch_size": 1, "joint_attention_dim": 2}
    (home / "transformer" / "config.json").write_text(json.dumps(sizes))
    for number in ("", "_2"):
        ids = _given("input_ids", [-1, -1], "i64")
        _save(home / f"text_encoder{number}", [ids], text_embeds=ops.convert(ids, "f32"), last=_hidden(ids), first=_hidden(ids))
        _write_tokenizer(home / f"tokenizer{number}")


def _write_tokenizer(home: Path) -> None:
    """One that tells a prompt by its length."""
    ops, tokenizers = _operators(), importlib.import_module("openvino_tokenizers")
    prompts = _given("prompts", [-1], "string")
    parts = tokenizers._get_factory().create("StringTensorUnpack", [prompts.output(0)])  # noqa: SLF001 - no other way to the operation
    lengths = ops.convert(ops.unsqueeze(ops.subtract(parts.output(1), parts.output(0)), np.int64(1)), "i64")
    ones = ops.add(ops.multiply(lengths, np.int64(0)), np.int64(1))
    _save(home, [prompts], "openvino_tokenizer.xml", input_ids=lengths, attention_mask=ones)


def _operators() -> Any:
    return importlib.import_module("openvino").opset13


def _hidden(ids: Any) -> Any:
    """The numbers of a prompt's pieces (B, L) as what a text encoder says of each (B, L, 1)."""
    ops = _operators()
    return ops.unsqueeze(ops.convert(ids, "f32"), np.int64(2))


def _given(name: str, shape: list[int], kind: str = "f32") -> Any:
    """An input of a model."""
    made = _operators().parameter(shape, getattr(importlib.import_module("openvino").Type, kind), name=name)
    made.output(0).set_names({name})
    return made


def _save(home: Path, inputs: list[Any], file: str = "openvino_model.xml", **results: Any) -> None:
    """A model in a new folder, by its inputs and its named results."""
    openvino = importlib.import_module("openvino")
    for name, result in results.items():
        result.output(0).set_names({name})
    home.mkdir()
    openvino.save_model(openvino.Model(list(results.values()), inputs, home.name), home / file, compress_to_fp16=False)


def make(home: Path, *, of_images: bool) -> tuple[Any, Any]:
    """The pipeline from text of a folder, in float32 on one thread, and with the same models that from an image, where it is asked for.

    Compiling lets Python go, so that the operations in Python can be asked; loading onto a device does not. The network is asked in every
    step: transformers have a cache otherwise that guesses every other answer (`taylorseer_config`).
    """
    genai = importlib.import_module("openvino_genai")
    first = (genai.Image2ImagePipeline if of_images else genai.Text2ImagePipeline)(home)
    first.compile("CPU", INFERENCE_PRECISION_HINT="f32", INFERENCE_NUM_THREADS=1)
    config = first.get_generation_config()
    config.taylorseer_config = None
    first.set_generation_config(config)
    return (genai.Text2ImagePipeline(first), first) if of_images else (first, None)
