"""Judging more than fits into memory: the activations of a full-size U-Net, read from files as they are looked at.

python benchmarks/streaming.py [GB]: makes a set of that size (4) in a temporary folder, judges it, and says how much memory that took.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
from figures import Figure, text_of

from trueto.outputs import Outputs
from trueto.references import Golden
from trueto.references.library import OUTPUTS
from trueto.running.likewise import compare_outputs
from trueto.store import map_tensors

__all__ = ["figures"]

SHAPE = (2, 320, 64, 64)  # of the blocks of Stable Diffusion's U-Net at full resolution, with guidance
BYTES = 16  # a number in float32 twice (candidate, original) and once in float64
GIB = 1 << 30


def _blocks(count: int, *, wide: bool, off: float) -> Iterator[bytes]:
    for place in range(count):
        values = np.random.default_rng(place).standard_normal(SHAPE, dtype=np.float32)
        yield (values.astype(np.float64) if wide else values + np.float32(off)).tobytes()


def _write(path: Path, count: int, prefix: str, *, wide: bool, off: float = 0.0) -> None:
    """A safetensors file of that many blocks, written one at a time, named by their numbers after a prefix."""
    size = int(np.prod(SHAPE)) * (8 if wide else 4)
    entries = {
        f"{prefix}{place:03}": {"dtype": "F64" if wide else "F32", "shape": SHAPE, "data_offsets": [place * size, (place + 1) * size]}
        for place in range(count)
    }
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)
    with path.open("wb") as stream:
        stream.write(len(header).to_bytes(8, "little") + header)
        for block in _blocks(count, wide=wide, off=off):
            stream.write(block)


def _original(native: Path, exact: Path, count: int) -> tuple[Outputs, Outputs]:
    """What the original returned in float32 and in float64, read as the gate reads a golden."""
    spread = {
        f"case/{OUTPUTS}/{dtype}/spread_{which}": np.full(count, size)
        for dtype in ("float32", "float64")
        for which, size in (("rms", 1e-7), ("max", 1e-6))
    }
    names = {f"names.case.{OUTPUTS}": json.dumps([f"{place:03}" for place in range(count)])}
    golden = Golden("toy/unet", names, {**map_tensors(native), **map_tensors(exact), **spread}, "")
    return golden.outputs("case", "float32"), golden.outputs("case", "float64")


class _Peak:
    """The most memory of its own that this process has while it lasts; pages of mapped files do not count: they can be dropped."""

    def __enter__(self) -> Self:
        self.bytes, self._over = 0, False
        self.before = _own()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def _look(self) -> None:
        while not self._over:
            self.bytes = max(self.bytes, _own() - self.before)
            time.sleep(0.01)

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._thread.join()


def _own() -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024


def figures(gigabytes: float = 4.0) -> list[Figure]:
    """Memory and speed of judging a set of that size, and memory of one an eighth as large."""
    found = []
    for share in (8, 1):
        count = max(1, int(gigabytes * GIB / share / (BYTES * int(np.prod(SHAPE)))))
        with tempfile.TemporaryDirectory() as folder:
            got, native, exact = (Path(folder) / f"{name}.safetensors" for name in ("got", "native", "exact"))
            _write(got, count, "value/", wide=False, off=1e-7)
            _write(native, count, f"case/{OUTPUTS}/float32/value/", wide=False)
            _write(exact, count, f"case/{OUTPUTS}/float64/value/", wide=True)
            seen = {"names": json.dumps([f"{place:03}" for place in range(count)])}
            candidate, (single, double) = Outputs.read(map_tensors(got), seen, {}), _original(native, exact, count)
            began = time.process_time()
            with _Peak() as peak:
                judged = compare_outputs(candidate, double, single, "float32")
            seconds = time.process_time() - began
        assert not isinstance(judged, str)
        assert len(judged.ratios) == count
        assert judged.agrees
        found.append((count, peak.bytes, seconds))
    (_, less, _), (count, most, seconds) = found
    total = count * BYTES * int(np.prod(SHAPE))
    note = f"{most / 1e6:.1f} MB beyond what it began with; {less / 1e6:.1f} MB for an eighth of the set"
    size = f"{total / GIB:.1f} GiB in files (the candidate's float32, the original's float32 and float64)"
    return [
        Figure(
            f"memory for judging {count} blocks of a U-Net, {size}",
            most / 1e6,
            "MB",
            at_most=64,
            note=note,
        ),
        Figure("speed of that, files of both sides together", total / seconds / 1e9, "GB/s", note=f"{seconds:.0f} s CPU"),
    ]


if __name__ == "__main__":
    print(text_of(figures(float(sys.argv[1]) if len(sys.argv) > 1 else 4.0)))
