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
    """A folder of models for latents of so many channels, with scheduler_config.json as given."""
    openvino, tokenizers = (importlib.import_module(name) for name in ("openvino", "openvino_tokenizers"))
    ops, kinds = openvino.opset13, openvino.Type

    def given(name: str, shape: list[int], kind: Any) -> Any:
        made = ops.parameter(shape, kind, name=name)
        made.output(0).set_names({name})
        return made

    def save(part: str, inputs: list[Any], *results: tuple[str, Any]) -> None:
        for name, result in results:
            result.output(0).set_names({name})
        (home / part).mkdir()
        file = "openvino_tokenizer.xml" if part == "tokenizer" else "openvino_model.xml"
        openvino.save_model(openvino.Model([result for _, result in results], inputs, part), home / part / file, compress_to_fp16=False)

    x, states = given("sample", [-1, channels, -1, -1], kinds.f32), given("encoder_hidden_states", [-1, -1, 1], kinds.f32)
    t = given("timestep", [1], kinds.i64)
    save("unet", [x, t, states], ("out_sample", network([x, t, states])))
    ids = given("input_ids", [-1, -1], kinds.i64)
    save("text_encoder", [ids], ("last_hidden_state", ops.unsqueeze(ops.convert(ids, "f32"), np.int64(2))))
    prompts = given("prompts", [-1], kinds.string)
    parts = tokenizers._get_factory().create("StringTensorUnpack", [prompts.output(0)])  # noqa: SLF001 - no other way to the operation
    lengths = ops.convert(ops.unsqueeze(ops.subtract(parts.output(1), parts.output(0)), np.int64(1)), "i64")
    ones = ops.add(ops.multiply(lengths, np.int64(0)), np.int64(1))
    save("tokenizer", [prompts], ("input_ids", lengths), ("attention_mask", ones))
    last = given("latent_sample", [-1, channels, -1, -1], kinds.f32)
    save("vae_decoder", [last], ("sample", latents([last])))
    picture = given("picture", [-1, 3, -1, -1], kinds.f32)  # from -1 for black to 1 for white
    grey = ops.multiply(ops.add(ops.reduce_max(picture, np.array([1]), keep_dims=True), np.float32(1)), np.float32(0.5))
    save("vae_encoder", [picture], ("latent_sample", ops.concat([grey] * channels, 1)))
    files: dict[str, Mapping[str, Any]] = {
        "model_index.json": {**INDEX, "scheduler": ["diffusers", scheduler["_class_name"]]},
        "scheduler/scheduler_config.json": scheduler,
        "unet/config.json": {"in_channels": channels, "sample_size": 1},
        "text_encoder/config.json": {"max_position_embeddings": 1, "num_hidden_layers": 1},
        "vae_decoder/config.json": VAE | {"latent_channels": channels},
        "vae_encoder/config.json": VAE | {"latent_channels": channels},
    }
    (home / "scheduler").mkdir()
    for name, values in files.items():
        (home / name).write_text(json.dumps(values))


def make(home: Path) -> tuple[Any, Any]:
    """The pipelines from text and from an image of a folder, with the same models in float32 on one thread.

    Compiling lets Python go, so that the operations in Python can be asked; loading onto a device does not.
    """
    genai = importlib.import_module("openvino_genai")
    image = genai.Image2ImagePipeline(home)
    image.compile("CPU", INFERENCE_PRECISION_HINT="f32", INFERENCE_NUM_THREADS=1)
    return genai.Text2ImagePipeline(image), image
