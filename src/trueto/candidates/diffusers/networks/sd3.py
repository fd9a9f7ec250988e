"""The transformer of Stable Diffusion 3 in diffusers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trueto.candidates.diffusers.networks.places import from_config, prefixed

if TYPE_CHECKING:
    from trueto.torch_task import Task

__all__ = ["OUTPUTS"]


def mmdit(network: Any, task: Task) -> None:
    """SD3Transformer2DModel, in a configuration of its own kind: there is no other way to have its conversion."""
    sizes = task.toy("mmdit")
    context = sizes["context_embedder_config"]["params"]
    width = 64 * sizes["depth"]
    own = network(
        sample_size=sizes["input_size"],
        patch_size=sizes["patch_size"],
        in_channels=sizes["in_channels"],
        out_channels=sizes["in_channels"],
        num_layers=sizes["depth"],
        attention_head_dim=64,
        num_attention_heads=sizes["depth"],
        joint_attention_dim=context["in_features"],
        caption_projection_dim=context["out_features"],
        pooled_projection_dim=sizes["adm_in_channels"],
        pos_embed_max_size=sizes["pos_embed_max_size"],
    )
    weights = {**task.weights("mmdit"), "pos_embed": task.given("pos_embed", (1, sizes["num_patches"], width))}
    net = from_config(network, task, prefixed(weights, "model.diffusion_model."), own)
    embedders = {"time_text_embed.timestep_embedder": "t_embedder", "time_text_embed.text_embedder": "y_embedder"}
    task.tap(net, {**embedders, "context_embedder": "context_embedder"})
    blocks = {f"transformer_blocks.{i}": f"joint_blocks.{i}" for i in range(sizes["depth"])}
    task.tap(net, blocks, lambda streams: streams[1])
    task.tap(net, {path: f"{name} context" for path, name in list(blocks.items())[:-1]}, lambda streams: streams[0])
    x, pieces = task.given("x", (2, 4, 8, 6)), task.given("context", (2, 5, context["in_features"]))
    sentence = task.given("sentence", (2, sizes["adm_in_channels"]))
    told = task.whole("t", (2,), 1000)
    task.give("out", net(x, encoder_hidden_states=pieces, pooled_projections=sentence, timestep=told).sample)


OUTPUTS = {"sd3/mmdit": mmdit}
