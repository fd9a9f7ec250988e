"""What diffusers says of its switches: that they save memory or time. Each is held against the same network with the switch off."""

from __future__ import annotations

from trueto.model import Claim

__all__ = ["CLAIMS", "NO_CLAIMS"]

UNET, AUTOENCODER = "UNet2DConditionModel", "AutoencoderKL"
MEMORY = "diffusers documentation, optimization/memory"
SPEED = "diffusers documentation, optimization/fp16"


def switch(feature: str, source: str, quote: str, how: str, *networks: str) -> tuple[Claim, ...]:
    """A row for each network that has the switch; `how` is what a user types."""
    return tuple(
        Claim(
            id=f"features/{feature}@{name}",
            reference=f"features/{feature}",
            implementation=network,
            source=source,
            quote=quote,
            cases=(f"{name}*",),
            settings={"network": {"class": network, "switch": how, "weights": "seeded"}},
        )
        for name, network in (("unet", UNET), ("autoencoder", AUTOENCODER))
        if network in (networks or (UNET, AUTOENCODER))
    )


CLAIMS: tuple[Claim, ...] = (
    *switch(
        "attention_slicing",
        "diffusers, DiffusionPipeline.enable_attention_slicing",
        "the attention module splits the input tensor in slices to compute attention in several steps. [...] This is useful to save some "
        "memory in exchange for a small speed decrease.",
        "set_attention_slice(slice_size), which enable_attention_slicing() calls",
        UNET,
    ),
    *switch(
        "attention_processors",
        "diffusers documentation, api/attnprocessor, AttnProcessor; AttnProcessor2_0 implements scaled dot-product attention",
        "Default processor for performing attention-related computations.",
        "set_attn_processor(AttnProcessor())",
    ),
    *switch(
        "qkv_fusion",
        SPEED + ", 'Fused projection matrices'",
        "These projections are typically calculated separately, but you can horizontally combine these into a single matrix and perform "
        "the projection in a single step.",
        "fuse_qkv_projections()",
    ),
    *switch(
        "vae_slicing",
        MEMORY + ", 'VAE slicing'",
        "VAE slicing saves memory by splitting large batches of inputs into a single batch of data and separately processing them.",
        "enable_slicing()",
        AUTOENCODER,
    ),
    *switch(
        "vae_tiling",
        MEMORY + ", 'VAE tiling'",
        "VAE tiling saves memory by dividing an image into smaller overlapping tiles instead of processing the entire image at once.",
        "enable_tiling()",
        AUTOENCODER,
    ),
    *switch(
        "batch_split",
        "diffusers documentation, using-diffusers/batched_inference",
        "Batch inference processes multiple prompts at a time to increase throughput.",
        "one call for each sample",
    ),
    *switch(
        "channels_last",
        MEMORY + ", 'torch.channels_last'",
        "flips how tensors are stored from `(batch size, channels, height, width)` to `(batch size, height, width, channels)`",
        "to(memory_format=torch.channels_last)",
    ),
    *switch(
        "gradient_checkpointing",
        "diffusers, ModelMixin.enable_gradient_checkpointing",
        "Activates gradient checkpointing for the current model (may be referred to as *activation checkpointing* or *checkpoint "
        "activations* in other frameworks).",
        "enable_gradient_checkpointing()",
    ),
    *switch(
        "compiled_blocks",
        SPEED + ", 'Regional compilation'; diffusers, ModelMixin.compile_repeated_blocks",
        "Compiles *only* the frequently repeated sub-modules of a model (e.g. the Transformer layers) instead of compiling the entire "
        "model.",
        "compile_repeated_blocks(fullgraph=True, backend='aot_eager')",
        UNET,
    ),
    *switch(
        "compiled_networks",
        SPEED + ", 'torch.compile'",
        "torch.compile accelerates inference by compiling PyTorch code and operations into optimized kernels.",
        "torch.compile(fullgraph=True, backend='aot_eager'), of a U-Net, or of an autoencoder's encode and decode",
    ),
    *switch(
        "group_offload",
        "diffusers, apply_group_offloading, which enable_group_offload() calls",
        "It works by offloading groups of internal layers, (either `torch.nn.ModuleList` or `torch.nn.Sequential`). This method uses lower "
        "memory than module-level offloading.",
        "enable_group_offload(device, offload_type=..., num_blocks_per_group=1, offload_to_disk_path=...)",
    ),
    *switch(
        "threads",
        "PyTorch documentation, torch.set_num_threads; diffusers says nothing of it",
        "Sets the number of threads used for intraop parallelism on CPU.",
        "torch.set_num_threads(2)",
    ),
)
NO_CLAIMS: dict[str, str] = {}
