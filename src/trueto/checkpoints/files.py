"""The safetensors files of a checkpoint, as their headers describe them; whatever is a pickle is refused."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trueto.errors import DataError, UsageError

__all__ = ["INDEX", "Stored", "conversion", "refuse_pickle", "stored_tensors"]

PICKLES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")  # what torch saves, by the names that users give it
MAGIC = (b"PK\x03\x04", b"\x80")  # how such files begin: a zip archive, or since pickle 2 its protocol's mark
POINTER = b"version https://git-lfs"
# Widths of the dtypes that float32 holds without loss: weights in any other would be other weights in the original.
EXACT = {"F32": 4, "F16": 2, "BF16": 2}
# In each of them the bits of the exponent: where all are set, a number is infinite, or is none.
EXPONENT = {"F32": ("<u4", 0x7F800000), "F16": ("<u2", 0x7C00), "BF16": ("<u2", 0x7F80)}
AT_ONCE = 1 << 22  # bytes
# What to type for a file that torch saved: tensors alone are taken from it (weights_only), and nothing is fetched. Files of Stable
# Diffusion v1 can hold an object of PyTorch Lightning beside their weights; a plain dictionary stands in for it, which can do nothing.
# It is opened first, as torch goes by the name, and a pickle may be called .safetensors.
CONVERT_FILE = (
    "import sys, torch as t; from safetensors.torch import save_file as save; "
    "t.serialization.add_safe_globals([(dict, 'pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint')]); "
    "held = t.load(open(sys.argv[1], 'rb'), 'cpu', weights_only=True); "
    "save({k: v.clone() for k, v in held.get('state_dict', held).items() if t.is_tensor(v)}, sys.argv[2])"
)
# And for a folder of diffusers with pickles in it, which diffusers reads in the same way, and writes as safetensors.
CONVERT_FOLDER = "import sys, diffusers as d; d.StableDiffusionPipeline.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[2])"
INDEX = "model_index.json"  # of a folder of diffusers


@dataclass(frozen=True, slots=True)
class Stored:
    """One tensor where it lies: the file, its name there, its dtype as safetensors calls it, its shape, and its bytes in the file."""

    file: Path
    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def exact(self) -> bool:
        """Whether float32 holds every number of that dtype."""
        return self.dtype in EXACT

    def raw(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Its bytes, read as they are looked at."""
        if self.begin == self.end:
            return np.zeros(0, np.uint8)
        return np.memmap(self.file, np.uint8, "r", self.begin, (self.end - self.begin,))

    @property
    def finite(self) -> bool:
        """Whether all of its numbers are finite, in a dtype that float32 holds; a part is read after the other."""
        whole, (kind, bits) = self.raw(), EXPONENT[self.dtype]
        parts = (whole[start : start + AT_ONCE].view(kind) for start in range(0, len(whole), AT_ONCE))
        return not any(bool(((part & bits) == bits).any()) for part in parts)


def conversion(path: Path) -> str:
    """What to type to make a safetensors file of one that torch saved, or a folder of the folder of diffusers that it is part of."""
    folder = path.parent.parent
    if (folder / INDEX).is_file():
        program, given, made = CONVERT_FOLDER, folder, folder.with_name(f"{folder.name}-safetensors")
    else:
        program, given, made = CONVERT_FILE, path, path.with_suffix(".safetensors")
        if made.exists():  # as where the pickle itself is called so
            made = path.with_name(f"{path.stem}-converted.safetensors")
    typed = f'python -c "{program}" {shlex.quote(str(given))} {shlex.quote(str(made))}'
    return f"{typed}, then --weights {shlex.quote(str(made))}"


def refuse_pickle(path: Path) -> None:
    """UsageError for a file that is a pickle by name or content."""
    with path.open("rb") as stream:
        begins = stream.read(32)
    # The size of a header, with which safetensors begin, can look like either mark; behind it they have a brace, where neither has one.
    if path.suffix.lower() in PICKLES or (begins.startswith(MAGIC) and begins[8:9] != b"{"):
        raise UsageError(f"{path} is a pickle, which can run anything when it is read, and so is never read here", conversion(path))
    if begins.startswith(POINTER):
        raise UsageError(f"{path} is a pointer of Git LFS and not the file itself", "git lfs pull")


def stored_tensors(path: Path) -> dict[str, Stored]:
    """Every tensor of a safetensors file by name; UsageError for a pickle, DataError where the file is damaged or cut off."""
    refuse_pickle(path)
    whole = path.stat().st_size
    try:
        with path.open("rb") as stream:
            size = int.from_bytes(stream.read(8), "little")
            if not size or size > whole:
                raise ValueError("it does not begin with the size of a header" if whole else "it is empty")  # noqa: TRY301 - of many ways
            header = json.loads(stream.read(size))
        if not isinstance(header, dict):
            raise ValueError(f"its header is a {type(header).__name__}, and tensors by name are expected")  # noqa: TRY301, TRY004 - as above
        header.pop("__metadata__", None)
        found = {name: _stored(path, name, entry, 8 + size) for name, entry in header.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is not a safetensors file, or damaged: {error}", "the same with the file fetched again") from error
    last = max((stored.end for stored in found.values()), default=8 + size)
    if last > whole:
        raise DataError(f"{path} is cut off: it has {whole} bytes of {last}", "the same with the file fetched again")
    return found


def _stored(path: Path, name: str, entry: dict[str, Any], start: int) -> Stored:
    begin, end = (start + int(offset) for offset in entry["data_offsets"])
    if any(length < 0 for length in entry["shape"]):
        raise ValueError(f"{name} has the shape {entry['shape']}")
    stored = Stored(path, name, str(entry["dtype"]), tuple(int(length) for length in entry["shape"]), begin, end)
    wanted = EXACT.get(stored.dtype, 0) * int(np.prod(stored.shape, dtype=np.int64))
    if end < begin or (stored.exact and wanted != end - begin):
        raise ValueError(f"{name} has {end - begin} bytes, and by its shape and dtype {wanted}")
    return stored
