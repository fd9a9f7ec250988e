"""DiT in diffusers, whose package has no code that reads the original's file: parameters go where its authors' script puts them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trueto.torch_task import Task

__all__ = ["OUTPUTS"]

# DDIM as the original's own: its betas, nothing clipped, the last step to the clean picture, times a stride apart from 0 on.
SCHEDULER = {
    "beta_schedule": "linear",
    "beta_start": 0.0001,
    "beta_end": 0.02,
    "clip_sample": False,
    "set_alpha_to_one": True,
    "steps_offset": 0,
}
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


def built(network: Any, task: Task, name: str, **chosen: Any) -> Any:
    """DiTTransformer2DModel as released, with the epsilon of its configuration unless another one is chosen."""
    converted = importlib.import_module("trueto.torch_task").converted
    sizes, weights = task.toy(name), task.weights(name)
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
    return converted(net, weights).to(task.device)


def dit(network: Any, task: Task, **chosen: Any) -> None:
    """The network, asked once."""
    torch, sizes = importlib.import_module("torch"), task.toy("dit")
    net = built(network, task, "dit", **chosen)
    first = "transformer_blocks.0.norm1.emb"
    task.tap(net, {f"{first}.timestep_embedder": "t_embedder", f"{first}.class_embedder": "y_embedder"})
    task.tap(net, {f"transformer_blocks.{i}": f"blocks.{i}" for i in range(sizes["depth"])})
    x, classes = task.given("x", (2, 4, 8, 8)), torch.tensor([3, sizes["num_classes"]])
    task.give("out", net(x, timestep=task.whole("t", (2,), 1000), class_labels=classes).sample)


def guidance(pipeline: Any, task: Task) -> None:
    """DiTPipeline from its first noise on; of its autoencoder, which comes last and is not DiT's, anything serves."""
    torch, diffusers = importlib.import_module("torch"), importlib.import_module("diffusers")
    case, batch = task.case, len(task.case.options["classes"])
    scheduler = diffusers.DDIMScheduler(**SCHEDULER)
    decoder = diffusers.AutoencoderKL(block_out_channels=(8,), norm_num_groups=2, layers_per_block=1).to(task.dtype)
    pipe = pipeline(transformer=built(diffusers.DiTTransformer2DModel, task, "guided"), vae=decoder, scheduler=scheduler).to(task.device)
    pipe.set_progress_bar_config(disable=True)
    step = scheduler.step

    def stepped(noise: Any, *said: Any, **named: Any) -> Any:
        task.give("noise, channels 0 to 2", noise[:batch, :3])
        task.give("noise, channel 3", noise[:batch, 3:4])
        found = step(noise, *said, **named)
        task.give("latents", found.prev_sample[:batch])
        return found

    scheduler.step = stepped
    torch.manual_seed(case.seed)
    pipe(case.options["classes"], guidance_scale=case.guidance, num_inference_steps=case.steps, output_type="pt")


OUTPUTS = {"dit/dit": dit, "dit/guidance": guidance}
