"""A checkpoint that a user has, in one of two forms: CompVis' single file, or diffusers' folder. Only headers are read."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from trueto.checkpoints import stable_diffusion_v1 as v1
from trueto.checkpoints.clip_vocabulary import WRITE_TOKENIZER, Vocabulary, digest_of_words, is_vocabulary, open_vocabulary, words_of
from trueto.checkpoints.files import INDEX, Stored, refuse_pickle, stored_tensors
from trueto.errors import DataError, UsageError
from trueto.model import Case

__all__ = ["Checkpoint", "Given", "digest_of", "open_checkpoint"]

KIND = "stable_diffusion_v1"
SHOWN = 5
TOKENIZER = "tokenizer"
HEADS = {"unet": ("attention_head_dim", v1.HEADS), "text_encoder": ("hidden_act", "quick_gelu")}


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
        return sum(_length(stored) for stored in self.tensors.values())

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
        """SHA-256 of every weight under its released name, in its own dtype, and of the vocabulary: the same in both forms."""
        found = hashlib.sha256()
        for name, stored in sorted(self.tensors.items()):
            found.update(f"{name}:{stored.dtype}:{_length(stored)}\n".encode())
            found.update(stored.raw().data)
        found.update(digest_of_words(*words_of(self.tokenizer)))
        return found.hexdigest()

    def write_tokenizer(self, folder: Path) -> Path:
        """The checkpoint's tokenizer in a new folder."""
        return Path(shutil.copytree(self.tokenizer, folder))


Given = Checkpoint | Vocabulary  # what `--weights` can name


def _length(stored: Stored) -> int:
    total = 1
    for length in stored.shape:
        total *= length
    return total


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
    tensors = {name: stored for name, stored in held.items() if v1.is_weight(name)}
    others = {name: stored for name, stored in held.items() if name not in tensors}
    tokenizer = path.parent / TOKENIZER
    return Checkpoint(path, "file", tensors, others, v1.sizes(tensors), _with_tokenizer(tokenizer, "beside the file, which has none"))


def _from_folder(path: Path) -> Checkpoint:
    if not (path / INDEX).is_file():
        raise UsageError(f"{path} is not a checkpoint: it has no {INDEX}, which diffusers writes", "--weights FILE.safetensors")
    tensors: dict[str, Stored] = {}
    variants = set[str]()
    for folder, part in v1.FOLDERS.items():
        _expect_config(path / folder / "config.json", folder)
        file, variant = _weights_file(path / folder)
        variants.add(variant)
        tensors |= _under_released_names(part, stored_tensors(file))
    if len(variants) > 1:
        said = f"{path}: its networks lie there as different variants ({', '.join(sorted(v or 'plain' for v in variants))})"
        raise DataError(said, "--weights PATH of a folder in one variant")
    others = {name: stored for name, stored in tensors.items() if not v1.is_weight(name)}
    weights = {name: stored for name, stored in tensors.items() if name not in others}
    tokenizer = _with_tokenizer(path / TOKENIZER, "in the folder")
    return Checkpoint(path, "folder", weights, others, v1.sizes(weights), tokenizer, variants.pop())


def _weights_file(folder: Path) -> tuple[Path, str]:
    """The weights of one network, and diffusers' word for their variant: the plain ones where there are any, else the only ones."""
    files = sorted(folder.glob("*.safetensors"))
    plain = [file for file in files if file.stem.count(".") == 0]
    chosen = plain or files
    if len(chosen) == 1:
        return chosen[0], chosen[0].stem.partition(".")[2]
    if not files:
        for file in sorted(folder.glob("*.bin")):
            refuse_pickle(file)
    seen = ", ".join(file.name for file in files) or "none"
    raise DataError(f"{folder} has not one safetensors file of weights: {seen}", "--weights PATH of a folder with one for each network")


def _expect_config(file: Path, folder: str) -> None:
    """What no shape tells must be as the original has it."""
    try:
        said = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read: {error}", "--weights PATH of a whole folder of diffusers") from error
    name, wanted = HEADS.get(folder, ("", None))
    if name and said.get(name, wanted) != wanted:
        raise DataError(f"{file}: {name} is {said[name]}, and Stable Diffusion v1 has {wanted}", "--weights PATH of another checkpoint")


def _under_released_names(part: str, held: Mapping[str, Stored]) -> dict[str, Stored]:
    """The weights of one network of diffusers' folder, renamed; linear layers that are convolutions in the original get their two sides."""
    found: dict[str, Stored] = {}
    names = v1.renamed(part, held)
    for name, stored in held.items():
        flat = ".mid.attn_1." in names[name] and len(stored.shape) == 2
        found[names[name]] = replace(stored, shape=(*stored.shape, 1, 1)) if flat else stored
    return found


def _with_tokenizer(folder: Path, where: str) -> Path:
    if not folder.is_dir():
        raise DataError(f"there is no {TOKENIZER}/ {where}; expected {folder}", WRITE_TOKENIZER.format(folder))
    return folder
