"""Reading and writing tensors: safetensors files, checked against a committed SHA-256 manifest before use."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from trueto.errors import DataError

__all__ = ["Manifest", "file_digest", "map_tensors", "read_header", "read_tensors", "write_tensors"]

Array = np.ndarray[Any, np.dtype[Any]]

NUMPY_OF = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "<i1",
    "U16": "<u2",
    "U8": "<u1",
    "BOOL": "?",
}


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal, read in constant memory."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_tensors(path: Path, tensors: Mapping[str, Array], header: Mapping[str, str]) -> None:
    """Write `tensors` with a flat `header` of strings; the same input gives the same bytes."""
    contiguous = {name: np.ascontiguousarray(value) for name, value in sorted(tensors.items())}
    payload = _sorted_header(to_bytes(contiguous, metadata=dict(sorted(header.items()))))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_bytes(payload)
    temporary.replace(path)


def _sorted_header(payload: bytes) -> bytes:
    """Sort the metadata of a safetensors payload, which the library writes in random order."""
    size = int.from_bytes(payload[:8], "little")
    header = json.loads(payload[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + payload[8 + size :]


def read_header(path: Path) -> dict[str, str]:
    """The flat header of a safetensors file; DataError when it is missing or damaged."""
    try:
        with safe_open(str(path), framework="numpy") as handle:
            return dict(handle.metadata() or {})
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}", "dvc pull") from error


def read_tensors(path: Path, prefix: str = "") -> dict[str, Array]:
    """The tensors whose names begin with `prefix`, with the prefix removed."""
    try:
        with safe_open(str(path), framework="numpy") as handle:
            return {
                name[len(prefix) :]: handle.get_tensor(name)
                for name in handle.keys()  # noqa: SIM118 - a handle is no dict
                if name.startswith(prefix)
            }
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}", "dvc pull") from error


def map_tensors(path: Path) -> dict[str, Array]:
    """The same tensors where they lie in the file, read as they are looked at: a set larger than memory can be judged.

    Floating and whole dtypes that numpy has. DataError when the file is missing, cut off or not made of such.
    """
    try:
        with path.open("rb") as stream:
            size = int.from_bytes(stream.read(8), "little")
            if size > (there := path.stat().st_size - 8):
                raise DataError(f"{path} cannot be read: its header says that it has {size} bytes, of which {there} are there", "dvc pull")
            header = json.loads(stream.read(size))
        header.pop("__metadata__", None)
        raw = np.asarray(np.memmap(path, np.uint8, "r")) if header else np.zeros(0, np.uint8)
        found: dict[str, Array] = {}
        for name, entry in header.items():
            begin, end = (8 + size + offset for offset in entry["data_offsets"])
            found[name] = raw[begin:end].view(NUMPY_OF[entry["dtype"]]).reshape(entry["shape"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise DataError(f"{path} cannot be read: {error}", "dvc pull") from error
    return found


class Manifest:
    """The committed SHA-256 of every tensor file of a folder (`manifest.json` beside it)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._checked: set[str] = set()

    def digests(self) -> dict[str, str]:
        """File name to SHA-256; empty when nothing was recorded yet."""
        if not self.path.is_file():
            return {}
        try:
            return dict(json.loads(self.path.read_text()))
        except (ValueError, TypeError) as error:
            raise DataError(f"{self.path} is not a manifest: {error}", f"git checkout -- {self.path}") from error

    def check(self, file: Path) -> str:
        """Return the digest of `file`, or raise DataError that says what is wrong with it."""
        expected = self.digests().get(file.name)
        if expected is None:
            raise DataError(f"{file.name} is not in {self.path}", "trueto record <codebase> --source DIR")
        if not file.is_file():
            raise DataError(f"{file} is missing", "dvc pull")
        if file.name not in self._checked:
            seen = file_digest(file)
            if seen != expected:
                raise DataError(
                    f"{file} is damaged or foreign: its SHA-256 is {seen[:12]}…, the manifest says {expected[:12]}…",
                    f"rm {file} && dvc pull",
                )
            self._checked.add(file.name)
        return expected

    def write(self, folder: Path, only: Iterable[str] | None = None) -> dict[str, str]:
        """Sign the safetensors files in `folder`: all of them, or `only` those just written, so that a damaged one is not made good."""
        files = sorted(folder.glob("*.safetensors"))
        signed = {file.name for file in files} if only is None else set(only)
        old = {} if only is None else self.digests()
        kept = [file for file in files if file.name in signed or file.name in old]
        digests = {file.name: file_digest(file) if file.name in signed else old[file.name] for file in kept}
        self.path.write_text(json.dumps(digests, indent=2) + "\n")
        return digests
