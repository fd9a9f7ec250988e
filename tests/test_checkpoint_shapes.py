"""Which weights there must be, and in which shape, as headers alone tell it: held against the original's and the libraries' networks."""

import json
import math

import numpy as np
import pytest
import torch
import toy_checkpoint

from trueto.checkpoints import open_checkpoint
from trueto.checkpoints import stable_diffusion_v1 as v1
from trueto.checkpoints.shapes import TABLES, weights_of
from trueto.errors import DataError
from trueto.fixtures.toys import toy
from trueto.fixtures.words import vocabulary
from trueto.model import Claim
from trueto.running.plan import Selection
from trueto.running.weights import planned
from trueto.settings import data_root

BLOCK = "model.diffusion_model.middle_block.0.in_layers.2.weight"
ATTENTION = "first_stage_model.encoder.mid.attn_1.q.weight"
# configs/stable-diffusion/v1-inference.yaml, and the text encoder that it names.
RELEASED = {
    "unet": {
        "in_channels": 4,
        "out_channels": 4,
        "model_channels": 320,
        "attention_resolutions": [4, 2, 1],
        "num_res_blocks": 2,
        "channel_mult": [1, 2, 4, 4],
        "transformer_depth": 1,
        "context_dim": 768,
    },
    "autoencoder": {"z_channels": 4, "in_channels": 3, "out_ch": 3, "ch": 128, "ch_mult": [1, 2, 4, 4], "num_res_blocks": 2},
    "text": {
        "vocab_size": 49408,
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "max_position_embeddings": 77,
    },
}


@pytest.fixture(scope="module")
def weights():
    """Every weight of the toy checkpoint."""
    return toy_checkpoint.weights()


def test_shapes_are_those_of_the_original():
    """Of the toy that was recorded they are, name for name, what the original's own model had."""
    sizes = {part: toy(f"stable_diffusion/{part}") for part in ("unet", "autoencoder", "text")}
    given = {"unet": {"transformer_depth": 1}, "text": {"vocab_size": len(vocabulary())}, "autoencoder": {}}
    had = json.loads((data_root() / "references/stable_diffusion/parameters.json").read_text())["model"]
    text = toy_checkpoint.TEXT
    told = weights_of({part: {**given[part], **said} for part, said in sizes.items()})
    assert told == {name.replace(text, f"{text}text_model."): tuple(shape) for name, shape in had.items()}


def test_shapes_are_those_of_the_released_sizes():
    """In the released sizes they are those of diffusers' and transformers' networks, made without numbers, renamed by our table."""
    diffusers, transformers = pytest.importorskip("diffusers"), pytest.importorskip("transformers")
    widths = (128, 256, 512, 512)
    halves = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    text = RELEASED["text"] | {"num_attention_heads": 12}
    with torch.device("meta"):
        networks = {
            "unet": diffusers.UNet2DConditionModel(cross_attention_dim=768),
            "autoencoder": diffusers.AutoencoderKL(block_out_channels=widths, layers_per_block=2, **halves),
            "text": transformers.CLIPTextModel(transformers.CLIPTextConfig(**text)),
        }
    told, seen = weights_of(RELEASED), {}
    for part, network in networks.items():
        shapes = {name: tuple(held.shape) for name, held in network.named_parameters()}
        names = v1.renamed(part, shapes)
        for name, shape in shapes.items():
            linear = part == "autoencoder" and ".attentions." in name and len(shape) > 1
            seen[names[name]] = (*shape, 1, 1) if linear else shape
    assert told == seen
    assert 1_066_235_307 == sum(map(math.prod, told.values()))


def claims():
    """A claim of the reference that runs on such checkpoints."""
    return [Claim("stable_diffusion/txt2img", "stable_diffusion/txt2img", "right", "a", "b")]


WRONG = [
    (BLOCK, lambda value: value.reshape(-1), "has in another shape 1", "is (36864,) and not (64, 64, 3, 3)"),
    (BLOCK, lambda value: value[:, :-1], "has in another shape 1", "is (64, 63, 3, 3) and not (64, 64, 3, 3)"),
    (ATTENTION, lambda value: value[..., 0, 0], "has in another shape 1", "is (64, 64) and not (64, 64, 1, 1)"),
    (BLOCK, None, "lacks 1", ""),
    ("model.diffusion_model.extra.weight", lambda _: np.ones(3, np.float32), "has besides 1", ""),
    ("lora_unet_x", lambda _: np.ones(3, np.float32), "has 1 tensors that the original's model has not", ""),
    (BLOCK, lambda value: value * np.float32("nan"), "1 of its weights have numbers that are not finite", ""),
    (BLOCK, lambda value: value + np.float32("inf"), "1 of its weights have numbers that are not finite", ""),
]


@pytest.mark.parametrize(("name", "change", "how", "shapes"), WRONG)
def test_a_gate_says_what_is_wrong_before_it_asks_for_a_recording(weights, tmp_path, monkeypatch, name, change, how, shapes):
    """Misshapen, missing, additional and infinite weights are named; what has the bytes of good ones does not pass for them."""
    monkeypatch.setenv("TRUETO_GOLDENS", str(tmp_path / "kept"))
    held = {**weights, name: None if change is None else np.ascontiguousarray(change(weights.get(name)))}
    file = toy_checkpoint.write_file(tmp_path, {key: value for key, value in held.items() if value is not None})
    with pytest.raises(DataError) as refused:
        planned("any", claims(), Selection(weights=str(file)), ())
    assert str(file) in refused.value.message
    assert f"{how} ({name}{' ' if shapes else ''}{shapes})" in refused.value.message
    assert refused.value.hint.startswith("the same with --weights PATH of")


def test_half_precision_is_looked_through_as_well(weights, tmp_path):
    """A number that is infinite in float16 is found behind as many good ones."""
    half = {name: value.astype(np.float16) for name, value in weights.items()}
    half[BLOCK].flat[-1] = np.inf
    with pytest.raises(DataError, match=rf"not finite \({BLOCK}\)"):
        open_checkpoint(toy_checkpoint.write_file(tmp_path, half)).digest()


@pytest.mark.parametrize("name", ["input_blocks.0.0.weight", "out.2.weight", "input_blocks.1.0.out_layers.3.weight"])
def test_weights_that_tell_the_sizes_are_misshapen(weights, tmp_path, name):
    """Also a weight whose shape tells a size is said by its whole name where it has other axes."""
    name = f"model.diffusion_model.{name}"
    file = toy_checkpoint.write_file(tmp_path, {**weights, name: weights[name].reshape(-1)})
    with pytest.raises(DataError, match=rf"its {name} has the shape \({weights[name].size},\), and 4 axes are expected"):
        open_checkpoint(file)


def test_whole_networks_are_missing(weights, tmp_path):
    """A file with a U-Net alone is named, and the first weight that is not in it, as it was released."""
    file = toy_checkpoint.write_file(
        tmp_path, {name: value for name, value in weights.items() if name.startswith("model.")}, "unet.safetensors"
    )
    with pytest.raises(DataError, match=r"unet\.safetensors: .*: it has no first_stage_model\.encoder\.conv_in\.weight"):
        open_checkpoint(file)


def test_tables_of_released_files_are_taken(weights, tmp_path):
    """What released files hold besides weights is no reason to refuse one; it is not in the digest."""
    beside = {**weights, **{name: np.ones(3, np.float32) for name in TABLES}, "model_ema.decay": np.ones(1, np.float32)}
    digests = {open_checkpoint(toy_checkpoint.write_file(tmp_path / str(len(held)), held)).digest() for held in (weights, beside)}
    assert 1 == len(digests)
