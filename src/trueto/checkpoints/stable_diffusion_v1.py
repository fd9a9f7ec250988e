"""Stable Diffusion v1: the names of its weights in CompVis' files and in diffusers' folders, and the sizes that their shapes tell.

Names are those of CompVis' released files. The table of diffusers' names was written from the two modules side by side; the original
takes only a checkpoint that fills every one of its parameters, so that a wrong line in it is refused and never judged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from trueto.checkpoints.files import Stored
from trueto.errors import DataError

__all__ = ["ANOTHER", "FOLDERS", "IGNORED", "PIXELS", "PREFIXES", "is_weight", "renamed", "sizes"]

PREFIXES = {
    "unet": "model.diffusion_model.",
    "autoencoder": "first_stage_model.",
    "text": "cond_stage_model.transformer.text_model.",
}
FOLDERS = {"unet": "unet", "vae": "autoencoder", "text_encoder": "text"}  # of diffusers: what each holds
# In files as they were released, and not looked at by the original's scripts: averaged weights, and what training needed.
IGNORED = ("model_ema.", "first_stage_model.loss.")
PIXELS = 8  # a side of the square of pixels that one latent stands for, in the original's scripts
HEADS = 8  # of attention in the U-Net: no shape tells them, and configs/stable-diffusion/v1-inference.yaml has no other
HEAD = 64  # width of a head of CLIP's text encoder
LENGTH = 77
ANOTHER = "trueto gate --weights PATH, of a v1-1 to v1-5 or a finetune"
RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
UNET = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
ATTENTION = {
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
    "query": "q",  # this and the next three: as old folders of diffusers have them
    "key": "k",
    "value": "v",
    "proj_attn": "proj_out",
}

Shapes = Mapping[str, Stored]
Found = re.Match[str]


def is_weight(name: str) -> bool:
    """Whether a name is that of a weight of one of the three networks, and no table or left-over."""
    return name.startswith(tuple(PREFIXES.values())) and not name.startswith(IGNORED) and not name.endswith("position_ids")


def renamed(part: str, names: Iterable[str]) -> dict[str, str]:
    """The released name of each weight of a network as diffusers' folder holds it; what has none there keeps its own."""
    known = set(names)
    if part == "text":
        return {name: PREFIXES["text"] + name.removeprefix("text_model.") for name in known}
    to = _unet_names(known) if part == "unet" else _autoencoder_names(known)
    return {name: f"{PREFIXES[part]}{to(name.rpartition('.')[0])}.{name.rpartition('.')[2]}" for name in known}


def _swapped(body: str, table: Mapping[str, str]) -> str:
    """The body with its end exchanged, where the table has one for it."""
    return next((body[: -len(old)] + new for old, new in table.items() if body.endswith(f".{old}") or body == old), body)


def _unet_names(known: set[str]) -> Callable[[str], str]:
    """The module of the U-Net that stands for one of diffusers'."""
    depth = _count(known, r"down_blocks\.0\.resnets\.(\d+)\.")  # blocks of residues on a level

    def upsampled(found: Found) -> str:
        behind = any(name.startswith(f"up_blocks.{found[1]}.attentions.") for name in known)
        return f"output_blocks.{(depth + 1) * int(found[1]) + depth}.{2 if behind else 1}.conv"

    def block(found: Found) -> str:
        way, level, kind, place, rest = found.groups()
        number = (depth + 1) * int(level) + int(place) + (way == "down")
        inside = _swapped(rest, RESNET) if kind == "resnets" else rest
        return f"{'input' if way == 'down' else 'output'}_blocks.{number}.{int(kind == 'attentions')}.{inside}"

    def downsampled(found: Found) -> str:
        return f"input_blocks.{(depth + 1) * (int(found[1]) + 1)}.0.op"

    return _first(
        (r"(down|up)_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.+)", block),
        (r"mid_block\.resnets\.(\d+)\.(.+)", lambda found: f"middle_block.{2 * int(found[1])}.{_swapped(found[2], RESNET)}"),
        (r"mid_block\.attentions\.0\.(.+)", lambda found: f"middle_block.1.{found[1]}"),
        (r"down_blocks\.(\d+)\.downsamplers\.0\.conv", downsampled),
        (r"up_blocks\.(\d+)\.upsamplers\.0\.conv", upsampled),
        (r"(.+)", lambda found: UNET.get(found[1], found[1])),
    )


def _autoencoder_names(known: set[str]) -> Callable[[str], str]:
    """The module of the autoencoder that stands for one of diffusers'; the decoder counts its levels from the other end."""
    last = _count(known, r"decoder\.up_blocks\.(\d+)\.") - 1

    def block(found: Found) -> str:
        half, way, level, kind, place, rest = found.groups()
        number = int(level) if way == "down" else last - int(level)
        inside = f"block.{place}" if kind == "resnets" else f"{way}sample"
        return f"{half}.{way}.{number}.{inside}.{_swapped(rest, {'conv_shortcut': 'nin_shortcut'})}"

    return _first(
        (r"(encoder|decoder)\.(down|up)_blocks\.(\d+)\.(resnets|downsamplers|upsamplers)\.(\d+)\.(.+)", block),
        (r"(encoder|decoder)\.mid_block\.resnets\.(\d+)\.(.+)", lambda found: f"{found[1]}.mid.block_{int(found[2]) + 1}.{found[3]}"),
        (r"(encoder|decoder)\.mid_block\.attentions\.0\.(.+)", lambda found: f"{found[1]}.mid.attn_1.{_swapped(found[2], ATTENTION)}"),
        (r"(.+)", lambda found: _swapped(found[1], {"conv_norm_out": "norm_out"})),
    )


def _first(*ways: tuple[str, Callable[[Found], str]]) -> Callable[[str], str]:
    """What the first of these patterns that fits makes of a name."""

    def to(body: str) -> str:
        return next((make(found) for pattern, make in ways if (found := re.fullmatch(pattern, body))), body)

    return to


class _NotV1(Exception):
    """Why weights are not those of Stable Diffusion v1."""


class _Part(dict[str, Stored]):
    """The weights of one network by the rest of their names; one that is missing is said by its whole name."""

    def __init__(self, held: Shapes, part: str) -> None:
        self.prefix = PREFIXES[part]
        super().__init__({name.removeprefix(self.prefix): stored for name, stored in held.items() if name.startswith(self.prefix)})

    def __missing__(self, name: str) -> Stored:
        raise _NotV1(f"it has no {self.prefix}{name}")

    def lengths(self, name: str, axes: int) -> tuple[int, ...]:
        """The shape of a weight that has as many axes, none of them of no length."""
        shape = self[name].shape
        if len(shape) != axes or not all(shape):
            raise _NotV1(f"its {self.prefix}{name} has the shape {shape}, and {axes} axes are expected")
        return shape


def sizes(held: Shapes, path: Path) -> dict[str, dict[str, Any]]:
    """The arguments of the three networks' constructors, in the original's words, told by the shapes of the weights that lie at a path.

    DataError where they are not those of Stable Diffusion v1.
    """
    try:
        found = {
            "unet": _unet_sizes(_Part(held, "unet")),
            "autoencoder": _autoencoder_sizes(_Part(held, "autoencoder")),
            "text": _text_sizes(_Part(held, "text")),
        }
        width, context = found["text"]["hidden_size"], found["unet"]["context_dim"]
        if width != context:
            raise _NotV1(f"its text encoder gives {width} numbers a token, and its U-Net takes {context}")  # noqa: TRY301 - as the parts do
    except _NotV1 as error:
        raise DataError(f"{path}: these are not the weights of Stable Diffusion v1: {error}", ANOTHER) from error
    return found


def _count(held: Iterable[str], pattern: str) -> int:
    """How many numbers stand at one place in names: one more than the highest."""
    return 1 + max((int(found[1]) for name in held if (found := re.match(pattern, name))), default=-1)


def _unet_sizes(inner: _Part) -> dict[str, Any]:
    width, channels, *_ = inner.lengths("input_blocks.0.0.weight", 4)
    if channels != 4:
        raise _NotV1(f"its U-Net takes {channels} channels, and 4 are expected")
    levels: list[list[int]] = [[]]
    attention: list[int] = []
    for block in range(1, _count(inner, r"input_blocks\.(\d+)\.")):
        if f"input_blocks.{block}.0.op.weight" in inner:
            levels.append([])
            continue
        levels[-1].append(inner.lengths(f"input_blocks.{block}.0.out_layers.3.weight", 4)[0])
        if f"input_blocks.{block}.1.norm.weight" in inner:
            attention.append(2 ** (len(levels) - 1))
    if not all(levels):
        raise _NotV1("its U-Net has a level without blocks")
    first = next((name.partition("transformer_blocks.")[0] for name in inner if "transformer_blocks." in name), "middle_block.1.")
    if len(inner[f"{first}proj_in.weight"].shape) == 2:
        raise _NotV1("its attention has linear layers around it, as Stable Diffusion 2 and XL have")
    return {
        "image_size": 8,
        "in_channels": channels,
        "out_channels": inner.lengths("out.2.weight", 4)[0],
        "model_channels": width,
        "num_res_blocks": len(levels[0]),
        "attention_resolutions": sorted(set(attention)),
        "channel_mult": [level[0] // width for level in levels],
        "num_heads": HEADS,
        "use_spatial_transformer": True,
        "transformer_depth": _count(inner, re.escape(f"{first}transformer_blocks.") + r"(\d+)\."),
        "context_dim": inner.lengths(f"{first}transformer_blocks.0.attn2.to_k.weight", 2)[1],
        "use_checkpoint": False,
        "legacy": False,
    }


def _autoencoder_sizes(inner: _Part) -> dict[str, Any]:
    width = inner.lengths("encoder.conv_in.weight", 4)[0]
    levels = _count(inner, r"encoder\.down\.(\d+)\.")
    if 2 ** (levels - 1) != PIXELS:
        raise _NotV1(f"its autoencoder makes one latent of {2 ** (levels - 1)} pixels a side, and {PIXELS} are expected")
    return {
        "double_z": True,
        "z_channels": inner.lengths("decoder.conv_in.weight", 4)[1],
        "resolution": 256,
        "in_channels": 3,
        "out_ch": inner.lengths("decoder.conv_out.weight", 4)[0],
        "ch": width,
        "ch_mult": [inner.lengths(f"encoder.down.{level}.block.0.conv1.weight", 4)[0] // width for level in range(levels)],
        "num_res_blocks": _count(inner, r"encoder\.down\.0\.block\.(\d+)\."),
        "attn_resolutions": [],
        "dropout": 0.0,
    }


def _text_sizes(inner: _Part) -> dict[str, Any]:
    words, width = inner.lengths("embeddings.token_embedding.weight", 2)
    length = inner.lengths("embeddings.position_embedding.weight", 2)[0]
    if length != LENGTH or width % HEAD:
        raise _NotV1(f"its text encoder reads {length} tokens of {width} numbers; expected are {LENGTH}, and heads of {HEAD}")
    return {
        "vocab_size": words,
        "eos_token_id": words - 1,
        "hidden_size": width,
        "intermediate_size": inner.lengths("encoder.layers.0.mlp.fc1.weight", 2)[0],
        "num_hidden_layers": _count(inner, r"encoder\.layers\.(\d+)\."),
        "num_attention_heads": width // HEAD,
        "max_position_embeddings": length,
        "hidden_act": "quick_gelu",
        "projection_dim": width,
    }
