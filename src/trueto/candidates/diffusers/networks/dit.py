"""DiT in diffusers, whose package has no code that reads the original's file: parameters go where its authors' script puts them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trueto.torch_task import Task

__all__ = ["OUTPUTS"]

BLOCK = {
    "norm1.linear": "adaLN_modulation.1",
    "attn1.to_out.0": "attn.proj",
    "ff.net.0.proj": "mlp.fc1",
    "ff.net.2": "mlp.fc2",
}
EMBEDDERS = {"emb.timestep_embedder.linear_1": "t_embedder.mlp.0", "emb.timestep_embedder.linear_2": "t_embedder.mlp.2"}
WHOLE = {"pos_embed.proj": "x_embedder.proj", "proj_out_1": "final_layer.adaLN_modulation.1", "proj_out_2": "final_layer.linear"}


def renamed(weights: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """The original's parameters under the names of DiTTransformer2DModel, in which every block has the embedders of time and class."""
    found = {f"{there}.{kind}": weights[f"{here}.{kind}"] for there, here in WHOLE.items() for kind in ("weight", "bias")}
    for i in range(depth):
        for kind in ("weight", "bias"):
            block = f"transformer_blocks.{i}"
            found |= {f"{block}.{there}.{kind}": weights[f"blocks.{i}.{here}.{kind}"] for there, here in BLOCK.items()}
            found |= {f"{block}.norm1.{there}.{kind}": weights[f"{here}.{kind}"] for there, here in EMBEDDERS.items()}
            parts = zip("qkv", weights[f"blocks.{i}.attn.qkv.{kind}"].chunk(3), strict=True)
            found |= {f"{block}.attn1.to_{part}.{kind}": rows for part, rows in parts}
        found[f"transformer_blocks.{i}.norm1.emb.class_embedder.embedding_table.weight"] = weights["y_embedder.embedding_table.weight"]
    return found


def dit(network: Any, task: Task, **chosen: Any) -> None:
    """DiTTransformer2DModel as released, with the epsilon of its configuration."""
    torch, converted = importlib.import_module("torch"), importlib.import_module("trueto.torch_task").converted
    sizes, weights = task.toy("dit"), task.weights("dit")
    net = network(
        num_attention_heads=sizes["num_heads"],
        attention_head_dim=sizes["hidden_size"] // sizes["num_heads"],
        in_channels=sizes["in_channels"],
        out_channels=2 * sizes["in_channels"],
        num_layers=sizes["depth"],
        sample_size=sizes["input_size"],
        patch_size=sizes["patch_size"],
        num_embeds_ada_norm=sizes["num_classes"],
        **chosen,
    ).to(task.dtype)
    net.load_state_dict(renamed(weights, sizes["depth"]), strict=False)
    converted(net, weights).to(task.device)
    first = "transformer_blocks.0.norm1.emb"
    task.tap(net, {f"{first}.timestep_embedder": "t_embedder", f"{first}.class_embedder": "y_embedder"})
    task.tap(net, {f"transformer_blocks.{i}": f"blocks.{i}" for i in range(sizes["depth"])})
    x, classes = task.given("x", (2, 4, 8, 8)), torch.tensor([3, sizes["num_classes"]])
    task.give("out", net(x, timestep=task.whole("t", (2,), 1000), class_labels=classes).sample)


OUTPUTS = {"dit/dit": dit}
