"""Checkpoints of users: told by their headers, the same in both forms, and refused with what to type where they cannot be used."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import toy_checkpoint
from safetensors.numpy import save

from trueto.checkpoints import open_checkpoint
from trueto.checkpoints.files import conversion, stored_tensors
from trueto.checkpoints.stable_diffusion_v1 import PREFIXES
from trueto.errors import DataError, TruetoError, UsageError
from trueto.fixtures.words import vocabulary, write_tokenizer
from trueto.model import Case

UNET, TEXT, AUTOENCODER = PREFIXES["unet"], PREFIXES["text"], PREFIXES["autoencoder"]
FIRST = f"{UNET}input_blocks.0.0.weight"


@pytest.fixture(scope="module")
def weights():
    """Every weight of the toy checkpoint."""
    return toy_checkpoint.weights()


def changed(weights, **changes):
    """The weights with some in another way; None takes one away."""
    found = {**weights, **{name.replace("__", "."): value for name, value in changes.items()}}
    return {name: value for name, value in found.items() if value is not None}


def test_sizes_are_told_by_shapes(weights, tmp_path):
    """What the constructors of the three networks need is read from the shapes of the weights."""
    found = open_checkpoint(toy_checkpoint.write_file(tmp_path, weights))
    unet, autoencoder, text = (found.sizes[part] for part in ("unet", "autoencoder", "text"))
    assert (32, [1, 2], [1, 2], 1, 64) == tuple(
        unet[name] for name in ("model_channels", "channel_mult", "attention_resolutions", "num_res_blocks", "context_dim")
    )
    assert (32, [1, 1, 2, 2], 1, 4) == tuple(autoencoder[name] for name in ("ch", "ch_mult", "num_res_blocks", "z_channels"))
    assert (64, 128, 2, 1, len(vocabulary())) == tuple(
        text[name] for name in ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
    )
    assert sum(value.size for value in weights.values()) == found.numbers


def test_latents_grow_until_the_network_can_halve_them(weights, tmp_path):
    """A case keeps its name and everything but a size that the U-Net could not halve on each of its levels."""
    found = open_checkpoint(toy_checkpoint.write_file(tmp_path, weights))
    case = found.fitted(Case("toy", 4, shape=(2, 4, 5, 4), seed=3, layers=("pipeline",)))
    assert ((2, 4, 6, 4), "toy", 3, str(found.path)) == (case.shape, case.id, case.seed, case.weights)
    assert case == Case.from_json(json.loads(json.dumps(case.to_json())))


def test_digest_is_of_the_numbers(weights, tmp_path):
    """Another order in the file, averaged weights beside it, another name of it do not change the digest; one bit does, or a word."""
    digest = open_checkpoint(toy_checkpoint.write_file(tmp_path / "a", weights)).digest()
    beside = {**{name: weights[name] for name in reversed(weights)}, "model_ema.decay": np.ones(1, np.float32)}
    assert digest == open_checkpoint(toy_checkpoint.write_file(tmp_path / "b", beside, "other.safetensors")).digest()
    moved = weights[FIRST].copy()
    moved.view(np.uint32)[0, 0, 0, 0] ^= 1
    assert digest != open_checkpoint(toy_checkpoint.write_file(tmp_path / "c", {**weights, FIRST: moved})).digest()
    words = tmp_path / "b/tokenizer/vocab.json"
    swapped = json.loads(words.read_text())
    swapped["a"], swapped["b"] = swapped["b"], swapped["a"]
    words.write_text(json.dumps(swapped))
    assert digest != open_checkpoint(tmp_path / "b/other.safetensors").digest()


@pytest.mark.parametrize(
    ("name", "content"),
    [("model.ckpt", b"PK\x03\x04 and more"), ("model.safetensors", b"PK\x03\x04 and more"), ("model.safetensors", b"\x80\x02}q")],
)
def test_pickles_are_refused_by_name_and_by_content(tmp_path, name, content):
    """A pickle is never read, however it is called; what to type makes a folder of it, which is then taken."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match="is a pickle, which can run anything") as refused:
        open_checkpoint(tmp_path / name)
    typed, _, then = refused.value.hint.partition(", then ")
    made = tmp_path / ("model.safetensors" if name == "model.ckpt" else "model-converted.safetensors")
    assert ["python", "-c", tmp_path / name, made] == [*shlex.split(typed)[:2], *map(Path, shlex.split(typed)[3:])]
    assert f"--weights {made}" == then


def test_what_is_to_be_typed_for_a_file_takes_tensors_alone(weights, tmp_path):
    """The command makes the checkpoint of what torch reads under `weights_only`; an object of Lightning beside it is no obstacle."""
    held = {"state_dict": {name: torch.from_numpy(value) for name, value in weights.items()} | {"epoch": 3}, "callbacks": {}}
    stored, asked = tmp_path / "v1-4.ckpt", []
    stored.touch()
    program = shlex.split(conversion(stored))[2]
    with pytest.MonkeyPatch.context() as patched:  # nothing here writes a pickle: what torch would read of one is given
        patched.setattr(torch, "load", lambda *args, **named: asked.append((args[0].name, args[1], named)) or held)
        patched.setattr(sys, "argv", ["-c", str(stored), str(tmp_path / "v1-4.safetensors")])
        with torch.serialization.safe_globals([]):  # what the program adds is gone afterwards
            exec(compile(program, "typed", "exec"), {})  # noqa: S102 - what is typed is the subject
            allowed = {kind[1] for kind in torch.serialization.get_safe_globals() if isinstance(kind, tuple)}
    assert [(str(stored), "cpu", {"weights_only": True})] == asked
    assert "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint" in allowed
    write_tokenizer(tmp_path / "tokenizer")
    beside = toy_checkpoint.write_file(tmp_path / "other", weights)
    assert open_checkpoint(beside).digest() == open_checkpoint(tmp_path / "v1-4.safetensors").digest()


@pytest.mark.parametrize("mark", [b"\x80", b"P"])
def test_a_header_whose_size_looks_like_a_pickle_is_none(tmp_path, mark):
    """The first byte of safetensors is the lowest of a size; one file in some thirty begins as a pickle does."""
    sizes = (save({"a": np.ones(3, np.float32)}, {"padding": " " * count}) for count in range(0, 256, 8))
    content = next(content for content in sizes if content.startswith(mark))
    (tmp_path / "model.safetensors").write_bytes(content)
    assert ["a"] == list(stored_tensors(tmp_path / "model.safetensors"))


def test_folder_of_pickles_is_refused(tmp_path):
    """A folder of diffusers whose weights are .bin files gets the same answer."""
    (tmp_path / "unet").mkdir()
    (tmp_path / "model_index.json").write_text("{}")
    (tmp_path / "unet/config.json").write_text("{}")
    (tmp_path / "unet/diffusion_pytorch_model.bin").write_bytes(b"PK\x03\x04")
    with pytest.raises(UsageError, match=r"diffusion_pytorch_model\.bin is a pickle") as refused:
        open_checkpoint(tmp_path)
    assert f'.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[2])" {tmp_path} {tmp_path}-safetensors,' in refused.value.hint


FILES = {
    "is a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\n",
    "is not a safetensors file, or damaged: it does not begin": b"\xff" * 64,
    "is not a safetensors file, or damaged: it is empty": b"",
    "damaged: its header is a list, and tensors by name are expected": b"\x06" + bytes(7) + b"[1, 2]",
    "is not a safetensors file, or damaged": save({"a": np.ones(3, np.float32)})[:20],
    "is cut off: it has": save({"a": np.ones(3, np.float32)})[:-4],
    "it has no model.diffusion_model.input_blocks.0.0.weight": save({"a": np.ones(3, np.float32)}),
}


@pytest.mark.parametrize("words", FILES)
def test_files_that_are_none_are_said_to_be_so(tmp_path, words):
    """Pointers, garbage, cut-off files and files of something else each have words of their own, and something to type."""
    (tmp_path / "model.safetensors").write_bytes(FILES[words])
    with pytest.raises(TruetoError, match=words.replace(".", r"\.")) as refused:
        open_checkpoint(tmp_path / "model.safetensors")
    assert refused.value.hint


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        (FIRST, np.ones((32, 9, 3, 3), np.float32), "its U-Net takes 9 channels"),
        (FIRST, None, r"model\.safetensors: .*: it has no model\.diffusion_model\.input_blocks\.0\.0\.weight"),
        (FIRST, np.ones((32, 4, 3, 3), np.float64), "float32 does not hold the numbers of 1 of its weights"),
        (FIRST, np.ones((32, 4, 3, 3), np.int8), r"input_blocks\.0\.0\.weight is I8"),
        (f"{UNET}input_blocks.1.1.proj_in.weight", np.ones((32, 32), np.float32), "linear layers around it, as Stable Diffusion 2 and XL"),
        (f"{TEXT}embeddings.position_embedding.weight", np.ones((12, 64), np.float32), "reads 12 tokens of 64 numbers"),
        (f"{UNET}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", np.ones((32, 768), np.float32), "its U-Net takes 768"),
        (f"{AUTOENCODER}encoder.down.4.block.0.conv1.weight", np.ones((64, 64, 3, 3), np.float32), "makes one latent of 16 pixels a side"),
        (f"{TEXT}embeddings.token_embedding.weight", np.ones((9, 64), np.float32), "it belongs to another checkpoint"),
    ],
)
def test_weights_of_something_else_are_refused(weights, tmp_path, name, value, words):
    """Weights of another model, or in a dtype that float32 does not hold, are refused by what is wrong with them."""
    file = toy_checkpoint.write_file(tmp_path, changed(weights, **{name: value}))
    with pytest.raises(DataError, match=words) as refused:
        open_checkpoint(file)
    assert refused.value.hint


def test_missing_places_are_said(weights, tmp_path):
    """No such file, no tokenizer beside the file, a folder of something else: each says what to type."""
    with pytest.raises(UsageError, match="does not exist"):
        open_checkpoint(tmp_path / "none")
    with pytest.raises(UsageError, match=r"it has no model_index\.json"):
        open_checkpoint(tmp_path)
    file = toy_checkpoint.write_file(tmp_path / "bare", weights)
    (tmp_path / "bare/tokenizer").rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="there is no tokenizer/ beside the file") as refused:
        open_checkpoint(file)
    assert "from transformers import CLIPTokenizer" in refused.value.hint


def test_half_precision_is_taken(weights, tmp_path):
    """Weights in float16 are weights: float32 holds every one of them. They are others than those in float32."""
    half = {name: value.astype(np.float16) for name, value in weights.items()}
    found = open_checkpoint(toy_checkpoint.write_file(tmp_path / "half", half))
    assert found.digest() != open_checkpoint(toy_checkpoint.write_file(tmp_path / "full", weights)).digest()


def test_nothing_heavy_is_imported_to_look_at_one():
    """A checkpoint is looked at without torch."""
    asked = "import sys, trueto.checkpoints; print([m for m in ('torch', 'diffusers', 'transformers') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()
