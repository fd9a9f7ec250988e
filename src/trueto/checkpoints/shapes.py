"""The weights that the original's networks have in given sizes: released names and shapes, written from its constructors.

Whether weights are all there, no others, and of the right shape can so be said from headers alone, wherever there is no original at hand.
The original itself has the last word: it takes only what fills every one of its parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from trueto.checkpoints.files import Stored
from trueto.errors import DataError

__all__ = ["TABLES", "another", "expect_alike", "expect_tables", "listed", "weights_of"]

SHOWN = 3
EMBEDDED = 4  # channels between the two halves of the autoencoder, in every released configuration
UNET, AUTOENCODER, TEXT = "model.diffusion_model", "first_stage_model", "cond_stage_model.transformer.text_model"
# Tables that the original registers beside its parameters (ldm/models/diffusion/ddpm.py), and so keeps in its files.
TABLES = (
    *("betas", "alphas_cumprod", "alphas_cumprod_prev", "sqrt_alphas_cumprod", "sqrt_one_minus_alphas_cumprod"),
    *("log_one_minus_alphas_cumprod", "sqrt_recip_alphas_cumprod", "sqrt_recipm1_alphas_cumprod", "posterior_variance"),
    *("posterior_log_variance_clipped", "posterior_mean_coef1", "posterior_mean_coef2", f"{TEXT}.embeddings.position_ids"),
)

Shape = tuple[int, ...]


class _Named(dict[str, Shape]):
    """Shapes by name."""

    def layer(self, name: str, *shape: int, bias: bool = True) -> None:
        """A convolution, a linear layer or a norm: what comes out is the first axis, and as long is the bias."""
        self[f"{name}.weight"] = shape
        if bias:
            self[f"{name}.bias"] = shape[:1]


def weights_of(sizes: Mapping[str, Mapping[str, Any]]) -> dict[str, Shape]:
    """The shape of every weight by its released name, of networks in the sizes that `stable_diffusion_v1.sizes` tells."""
    found = _Named()
    _unet(found, sizes["unet"])
    _autoencoder(found, sizes["autoencoder"])
    _text(found, sizes["text"])
    return dict(found)


def _unet(to: _Named, sizes: Mapping[str, Any]) -> None:
    width = sizes["model_channels"]
    to.layer(f"{UNET}.time_embed.0", 4 * width, width)
    to.layer(f"{UNET}.time_embed.2", 4 * width, 4 * width)
    to.layer(f"{UNET}.input_blocks.0.0", width, sizes["in_channels"], 3, 3)
    kept = _unet_down(to, sizes)
    deepest = kept[-1]
    _unet_residues(to, f"{UNET}.middle_block.0", deepest, deepest, sizes)
    _unet_attention(to, f"{UNET}.middle_block.1", deepest, sizes)
    _unet_residues(to, f"{UNET}.middle_block.2", deepest, deepest, sizes)
    given = _unet_up(to, sizes, kept)
    to.layer(f"{UNET}.out.0", given)
    to.layer(f"{UNET}.out.2", sizes["out_channels"], given, 3, 3)


def _unet_down(to: _Named, sizes: Mapping[str, Any]) -> list[int]:
    """The half that halves pictures; returns how wide what each of its blocks hands to the other half is."""
    kept, last = [sizes["model_channels"]], len(sizes["channel_mult"]) - 1
    for level, factor in enumerate(sizes["channel_mult"]):
        for _ in range(sizes["num_res_blocks"]):
            name, made = f"{UNET}.input_blocks.{len(kept)}", factor * sizes["model_channels"]
            _unet_residues(to, f"{name}.0", kept[-1], made, sizes)
            if _attends(sizes, level):
                _unet_attention(to, f"{name}.1", made, sizes)
            kept.append(made)
        if level < last:
            to.layer(f"{UNET}.input_blocks.{len(kept)}.0.op", kept[-1], kept[-1], 3, 3)
            kept.append(kept[-1])
    return kept


def _unet_up(to: _Named, sizes: Mapping[str, Any], kept: list[int]) -> int:
    """The half that doubles them, each block of which reads what one of the other half hands over; returns how wide it ends."""
    given, blocks = kept[-1], sizes["num_res_blocks"] + 1
    waiting = list(kept)
    for level, factor in reversed(list(enumerate(sizes["channel_mult"]))):
        for place in range(blocks):
            name, made = f"{UNET}.output_blocks.{len(kept) - len(waiting)}", factor * sizes["model_channels"]
            _unet_residues(to, f"{name}.0", given + waiting.pop(), made, sizes)
            given = made
            if _attends(sizes, level):
                _unet_attention(to, f"{name}.1", given, sizes)
            if level and place == blocks - 1:
                to.layer(f"{name}.{1 + _attends(sizes, level)}.conv", given, given, 3, 3)
    return given


def _attends(sizes: Mapping[str, Any], level: int) -> bool:
    return 2**level in sizes["attention_resolutions"]


def _unet_residues(to: _Named, name: str, given: int, made: int, sizes: Mapping[str, Any]) -> None:
    to.layer(f"{name}.in_layers.0", given)
    to.layer(f"{name}.in_layers.2", made, given, 3, 3)
    to.layer(f"{name}.emb_layers.1", made, 4 * sizes["model_channels"])
    to.layer(f"{name}.out_layers.0", made)
    to.layer(f"{name}.out_layers.3", made, made, 3, 3)
    if given != made:
        to.layer(f"{name}.skip_connection", made, given, 1, 1)


def _unet_attention(to: _Named, name: str, wide: int, sizes: Mapping[str, Any]) -> None:
    to.layer(f"{name}.norm", wide)
    to.layer(f"{name}.proj_in", wide, wide, 1, 1)
    for depth in range(sizes["transformer_depth"]):
        _transformer(to, f"{name}.transformer_blocks.{depth}", wide, sizes["context_dim"])
    to.layer(f"{name}.proj_out", wide, wide, 1, 1)


def _transformer(to: _Named, name: str, wide: int, context: int) -> None:
    """Attention to itself and to the text, and a feed-forward part with gates, which is twice as wide inside."""
    for attention, read in (("attn1", wide), ("attn2", context)):
        to.layer(f"{name}.{attention}.to_q", wide, wide, bias=False)
        to.layer(f"{name}.{attention}.to_k", wide, read, bias=False)
        to.layer(f"{name}.{attention}.to_v", wide, read, bias=False)
        to.layer(f"{name}.{attention}.to_out.0", wide, wide)
    to.layer(f"{name}.ff.net.0.proj", 2 * 4 * wide, wide)
    to.layer(f"{name}.ff.net.2", wide, 4 * wide)
    for norm in ("norm1", "norm2", "norm3"):
        to.layer(f"{name}.{norm}", wide)


def _autoencoder(to: _Named, sizes: Mapping[str, Any]) -> None:
    widths, latent = [factor * sizes["ch"] for factor in sizes["ch_mult"]], sizes["z_channels"]
    encoder, decoder = f"{AUTOENCODER}.encoder", f"{AUTOENCODER}.decoder"

    def residues(name: str, given: int, made: int) -> None:
        to.layer(f"{name}.norm1", given)
        to.layer(f"{name}.conv1", made, given, 3, 3)
        to.layer(f"{name}.norm2", made)
        to.layer(f"{name}.conv2", made, made, 3, 3)
        if given != made:
            to.layer(f"{name}.nin_shortcut", made, given, 1, 1)

    def middle(name: str, wide: int) -> None:
        residues(f"{name}.block_1", wide, wide)
        to.layer(f"{name}.attn_1.norm", wide)
        for part in ("q", "k", "v", "proj_out"):
            to.layer(f"{name}.attn_1.{part}", wide, wide, 1, 1)
        residues(f"{name}.block_2", wide, wide)

    def levels(name: str, given: int, order: Iterable[int], blocks: int, moved: str, end: int) -> int:
        for level in order:
            for block in range(blocks):
                residues(f"{name}.{level}.block.{block}", given, widths[level])
                given = widths[level]
            if level != end:
                to.layer(f"{name}.{level}.{moved}.conv", given, given, 3, 3)
        return given

    last, blocks = len(widths) - 1, sizes["num_res_blocks"]
    to.layer(f"{encoder}.conv_in", sizes["ch"], sizes["in_channels"], 3, 3)
    given = levels(f"{encoder}.down", sizes["ch"], range(last + 1), blocks, "downsample", last)
    middle(f"{encoder}.mid", given)
    to.layer(f"{encoder}.norm_out", given)
    to.layer(f"{encoder}.conv_out", 2 * latent, given, 3, 3)
    to.layer(f"{decoder}.conv_in", widths[last], latent, 3, 3)
    middle(f"{decoder}.mid", widths[last])
    given = levels(f"{decoder}.up", widths[last], range(last, -1, -1), blocks + 1, "upsample", 0)
    to.layer(f"{decoder}.norm_out", given)
    to.layer(f"{decoder}.conv_out", sizes["out_ch"], given, 3, 3)
    to.layer(f"{AUTOENCODER}.quant_conv", 2 * EMBEDDED, 2 * latent, 1, 1)
    to.layer(f"{AUTOENCODER}.post_quant_conv", latent, EMBEDDED, 1, 1)


def _text(to: _Named, sizes: Mapping[str, Any]) -> None:
    wide, inside = sizes["hidden_size"], sizes["intermediate_size"]
    to.layer(f"{TEXT}.embeddings.token_embedding", sizes["vocab_size"], wide, bias=False)
    to.layer(f"{TEXT}.embeddings.position_embedding", sizes["max_position_embeddings"], wide, bias=False)
    for layer in range(sizes["num_hidden_layers"]):
        name = f"{TEXT}.encoder.layers.{layer}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            to.layer(f"{name}.self_attn.{part}", wide, wide)
        to.layer(f"{name}.layer_norm1", wide)
        to.layer(f"{name}.mlp.fc1", inside, wide)
        to.layer(f"{name}.mlp.fc2", wide, inside)
        to.layer(f"{name}.layer_norm2", wide)
    to.layer(f"{TEXT}.final_layer_norm", wide)


def expect_alike(path: Path, held: Mapping[str, Stored], wanted: Mapping[str, Shape]) -> None:
    """DataError that names them where weights are missing, additional or of another shape than is wanted."""
    shapes = [
        f"{name} is {held[name].shape} and not {shape}" for name, shape in wanted.items() if name in held and held[name].shape != shape
    ]
    wrong = {
        "lacks": [name for name in wanted if name not in held],
        "has besides": [name for name in held if name not in wanted],
        "has in another shape": shapes,
    }
    if said := [f"{how} {len(names)} ({listed(names)})" for how, names in wrong.items() if names]:
        raise DataError(f"{path}: of the weights of the original's network it {'; it '.join(said)}", another(path))


def expect_tables(path: Path, held: Iterable[str], known: Iterable[str]) -> None:
    """DataError where what a checkpoint holds besides weights is not among the tables that the original has."""
    if foreign := sorted(set(held).difference(known)):
        raise DataError(f"{path} has {len(foreign)} tensors that the original's model has not ({listed(foreign)})", another(path))


def listed(names: list[str]) -> str:
    """The first of many names."""
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")


def another(path: Path) -> str:
    """What to type where a checkpoint cannot be used."""
    return f"the same with --weights PATH of another checkpoint than {path.name}"
