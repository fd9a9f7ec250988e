"""The transformer of FLUX.1 in diffusers."""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from trueto.candidates.diffusers.networks.places import from_config, prefixed
from trueto.errors import DataError

if TYPE_CHECKING:
    from trueto.torch_task import Task

__all__ = ["OUTPUTS"]

NAME = "convert_flux_transformer_checkpoint_to_diffusers"
WIDTH = "inner_dim = 3072"  # the conversion splits weights at the width of the released model, whatever the width of the one in hand


def conversion(width: int) -> Any:
    """The library's conversion for a network of another width; DataError where the width of the released one is not written out in it."""
    module = importlib.import_module("diffusers.loaders.single_file_utils")
    source = inspect.getsource(getattr(module, NAME))
    if source.count(WIDTH) != 1:
        raise DataError(f"diffusers' {NAME} does not say `{WIDTH}` once", "src/trueto/candidates/diffusers/networks/flux.py")
    space = dict(vars(module))
    exec(source.replace(WIDTH, f"inner_dim = {width}"), space)  # noqa: S102 - the library's own function, with one number changed
    return space[NAME]


def transformer(network: Any, task: Task) -> None:
    """FluxTransformer2DModel, in a configuration of its own kind: there is no other way to have its conversion."""
    torch = importlib.import_module("torch")
    sizes = task.toy("flux")
    own = network(
        in_channels=sizes["in_channels"],
        num_layers=sizes["depth"],
        num_single_layers=sizes["depth_single_blocks"],
        attention_head_dim=sizes["hidden_size"] // sizes["num_heads"],
        num_attention_heads=sizes["num_heads"],
        joint_attention_dim=sizes["context_in_dim"],
        pooled_projection_dim=sizes["vec_in_dim"],
        guidance_embeds=sizes["guidance_embed"],
        axes_dims_rope=tuple(sizes["axes_dim"]),
    )
    table = importlib.import_module("diffusers.loaders.single_file_model").SINGLE_FILE_LOADABLE_CLASSES["FluxTransformer2DModel"]
    with patch.dict(table, checkpoint_mapping_fn=conversion(sizes["hidden_size"])):
        net = from_config(network, task, prefixed(task.weights("flux"), "model.diffusion_model."), own)
    parts = {"timestep_embedder": "time_in", "guidance_embedder": "guidance_in", "text_embedder": "vector_in"}
    task.tap(net, {f"time_text_embed.{path}": name for path, name in parts.items()})
    task.tap(net, {"x_embedder": "img_in", "context_embedder": "txt_in"})
    blocks = {f"transformer_blocks.{i}": f"double_blocks.{i}" for i in range(sizes["depth"])}
    task.tap(net, blocks, lambda streams: streams[1])
    task.tap(net, {path: f"{name} txt" for path, name in blocks.items()}, lambda streams: streams[0])
    singles = {f"single_transformer_blocks.{i}": f"single_blocks.{i}" for i in range(sizes["depth_single_blocks"])}
    task.tap(net, singles, lambda streams: torch.cat(streams, dim=1))
    found = net(
        task.given("img", (2, 12, sizes["in_channels"])),
        encoder_hidden_states=task.given("txt", (2, 5, sizes["context_in_dim"])),
        pooled_projections=task.given("y", (2, sizes["vec_in_dim"])),
        timestep=torch.tensor([0.75, 0.25], dtype=task.dtype),
        guidance=torch.tensor([3.5, 2.0], dtype=task.dtype),
        img_ids=task.whole("places", (12, 3), 9).to(task.dtype),
        txt_ids=torch.zeros(5, 3, dtype=task.dtype),
    )
    task.give("out", found.sample)


OUTPUTS = {"flux/transformer": transformer}
