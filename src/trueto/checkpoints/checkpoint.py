"""A checkpoint that a user has, in one of two forms: CompVis' single file, or diffusers' folder. Only headers are read."""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from trueto.checkpoints import stable_diffusion_v1 as v1
from trueto.checkpoints.clip_vocabulary import WRITE_TOKENIZER, Vocabulary, digest_of_words, is_vocabulary, open_vocabulary, words_of
from trueto.checkpoints.files import Stored, stored_tensors
from trueto.checkpoints.folder import expect_said, read_index, read_weights
from trueto.checkpoints.shapes import TABLES, expect_alike, expect_tables, weights_of
from trueto.errors import DataError, UsageError
from trueto.model import Case

__all__ = ["Checkpoint", "Given", "digest_of", "open_checkpoint"]

KIND = "stable_diffusion_v1"
SHOWN = 5
TOKENIZER = "tokenizer"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The weights of a checkpoint by their released names, the sizes of its networks, and its tokenizer's folder.

    `form` is `file` or `folder`; `kind` is what references ask for; `variant` is diffusers' word in the names of a folder's files.
    `others` are tensors of a single file that are no weights: tables, which must be those that the original makes.
    """

    path: Path
    form: str
    tensors: Mapping[str, Stored]
    others: Mapping[str, Stored]
    sizes: Mapping[str, Mapping[str, Any]]
    tokenizer: Path
    variant: str = ""
    kind: str = KIND

    @property
    def numbers(self) -> int:
        """How many parameters it has."""
        return sum(math.prod(stored.shape) for stored in self.tensors.values())

    @property
    def multiple(self) -> int:
        """What the sides of latents must be a multiple of, so that the U-Net can halve them on each of its levels."""
        return int(2 ** (len(self.sizes["unet"]["channel_mult"]) - 1))

    def released(self, name: str) -> str:
        """The released name of a parameter of the original's model: since transformers 5 its text encoder has no `text_model` in it."""
        prefix = v1.PREFIXES["text"]
        short = prefix.removesuffix("text_model.")
        return prefix + name.removeprefix(short) if name.startswith(short) and not name.startswith(prefix) else name

    def prefix(self, part: str) -> str:
        """How the released names of the weights of one network begin."""
        return v1.PREFIXES[part]

    def fitted(self, case: Case) -> Case:
        """The case on these weights: its latents as many as the U-Net can halve, everything else as it is."""
        batch, channels, *sides = case.shape
        height, width = (-(-side // self.multiple) * self.multiple for side in sides)
        return replace(case, weights=str(self.path), shape=(batch, channels, height, width))

    def digest(self) -> str:
        """SHA-256 of every weight under its released name, in its own dtype, and of the vocabulary: the same in both forms.

        Shapes need not be in it: all follow from the sizes, and these from how many numbers the weights have. DataError that names
        weights with numbers that are not finite: of them nothing can be told, and every weight is read here.
        """
        found, wrong = hashlib.sha256(), list[str]()
        for name, stored in sorted(self.tensors.items()):
            found.update(f"{name}:{stored.dtype}:{math.prod(stored.shape)}\n".encode())
            found.update(stored.raw().data)
            wrong += [] if stored.finite else [name]
        if wrong:
            said = f"{self.path}: {len(wrong)} of its weights have numbers that are not finite ({', '.join(wrong[:SHOWN])})"
            raise DataError(said, "the same with --weights PATH of a checkpoint without such")
        found.update(digest_of_words(*words_of(self.tokenizer)))
        return found.hexdigest()

    def write_tokenizer(self, folder: Path) -> Path:
        """The checkpoint's tokenizer in a new folder."""
        return Path(shutil.copytree(self.tokenizer, folder))


Given = Checkpoint | Vocabulary  # what `--weights` can name


@cache
def digest_of(path: str) -> str:
    """The digest of the checkpoint at a path, computed once."""
    return open_checkpoint(Path(path)).digest()


def open_checkpoint(path: Path) -> Given:
    """What lies at a path, weights of networks or a vocabulary; UsageError or DataError say what is wrong with it, and what to type."""
    if not path.exists():
        raise UsageError(f"{path} does not exist; expected a checkpoint", "--weights FILE.safetensors, or the folder that diffusers made")
    path = path.resolve()
    if is_vocabulary(path):
        return open_vocabulary(path)
    found = _from_folder(path) if path.is_dir() else _from_file(path)
    if wrong := [f"{name} is {stored.dtype}" for name, stored in found.tensors.items() if not stored.exact]:
        said = f"{path}: float32 does not hold the numbers of {len(wrong)} of its weights ({', '.join(wrong[:SHOWN])})"
        raise DataError(said, "--weights PATH of a checkpoint in float32, float16 or bfloat16")
    words, known = len(words_of(found.tokenizer)[0]), found.sizes["text"]["vocab_size"]
    if words != known:
        said = f"{found.tokenizer} has {words} pieces of words, and the text encoder knows {known}: it belongs to another checkpoint"
        raise DataError(said, WRITE_TOKENIZER.format(found.tokenizer))
    return found


def _from_file(path: Path) -> Checkpoint:
    held = {name: stored for name, stored in stored_tensors(path).items() if not name.startswith(v1.IGNORED)}
    tensors, others, sizes = _parted(path, held, linear=False)
    tokenizer = path.parent / TOKENIZER
    return Checkpoint(path, "file", tensors, others, sizes, _with_tokenizer(tokenizer, "beside the file, which has none"))


def _from_folder(path: Path) -> Checkpoint:
    index = read_index(path)
    held, variant = read_weights(path)
    tensors, others, sizes = _parted(path, held, linear=True)
    expect_said(path, index, sizes)
    return Checkpoint(path, "folder", tensors, others, sizes, _with_tokenizer(path / TOKENIZER, "in the folder"), variant)


def _parted(
    path: Path, held: Mapping[str, Stored], *, linear: bool
) -> tuple[dict[str, Stored], dict[str, Stored], dict[str, dict[str, Any]]]:
    """Weights and other tensors, and the sizes of the networks; DataError where weights are not exactly those of such networks.

    `linear` says that the autoencoder's attention has matrices where the original has convolutions: these get their two sides.
    """
    tensors = {name: stored for name, stored in held.items() if v1.is_weight(name)}
    others = {name: stored for name, stored in held.items() if name not in tensors}
    sizes = v1.sizes(tensors, path)
    shapes = weights_of(sizes)
    as_kept = {name: shape[:2] for name, shape in shapes.items() if ".mid.attn_1." in name} if linear else {}
    expect_alike(path, tensors, {**shapes, **as_kept})
    expect_tables(path, others, TABLES)
    return {name: replace(stored, shape=shapes[name]) for name, stored in tensors.items()}, others, sizes


def _with_tokenizer(folder: Path, where: str) -> Path:
    if not folder.is_dir():
        raise DataError(f"there is no {TOKENIZER}/ {where}; expected {folder}", WRITE_TOKENIZER.format(folder))
    return folder
