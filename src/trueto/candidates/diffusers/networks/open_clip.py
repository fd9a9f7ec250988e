"""open_clip's text encoder by way of diffusers: its conversion of the second one of Stable Diffusion XL, into transformers' network."""

from __future__ import annotations

import importlib
import tempfile
from typing import TYPE_CHECKING, Any

from trueto.candidates.diffusers.networks.places import prefixed

if TYPE_CHECKING:
    from trueto.torch_task import Task

__all__ = ["OUTPUTS"]


def text(convert: Any, task: Task) -> None:
    """A checkpoint of Stable Diffusion XL becomes CLIPTextModelWithProjection; the likeness to pictures is no part of it."""
    transformers = importlib.import_module("transformers")
    converted = importlib.import_module("trueto.torch_task").converted
    sizes = task.toy("clip")
    of_text = sizes["text_cfg"]
    config = transformers.CLIPTextConfig(
        vocab_size=of_text["vocab_size"],
        hidden_size=of_text["width"],
        intermediate_size=4 * of_text["width"],
        num_hidden_layers=of_text["layers"],
        num_attention_heads=of_text["heads"],
        max_position_embeddings=of_text["context_length"],
        projection_dim=sizes["embed_dim"],
        hidden_act="gelu",
        bos_token_id=of_text["vocab_size"] - 2,
        eos_token_id=of_text["vocab_size"] - 1,
    )
    weights = prefixed(task.weights("clip"), "conditioner.embedders.1.model.")
    with tempfile.TemporaryDirectory() as folder:
        config.save_pretrained(folder)
        network = transformers.CLIPTextModelWithProjection
        net = converted(convert(network, dict(weights), config=folder, torch_dtype=task.dtype, local_files_only=True), weights)
    layers = {f"text_model.encoder.layers.{i}": f"transformer.resblocks.{i}" for i in range(of_text["layers"])}
    task.tap(net, {**layers, "text_model.final_layer_norm": "ln_final"})
    task.give("features", net(task.sentences(2, of_text["context_length"], of_text["vocab_size"])).text_embeds)


OUTPUTS = {"open_clip/text": text}
