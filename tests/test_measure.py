"""Measuring how far two tensors are apart: numpy's result, in constant memory, at any scale."""

import math
import tracemalloc

import numpy as np
import pytest

from trueto.distances import measure
from trueto.errors import DataError
from trueto.outputs import Outputs
from trueto.running.likewise import compare_outputs
from trueto.store import map_tensors, write_tensors


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("other", [np.float32, np.float64])
@pytest.mark.parametrize("size", [0, 1, 32768, 32769, 300_001])
def test_measure_is_numpys_result(dtype, other, size):
    """RMS and maximum are numpy's on the whole array, below and above a block's size; two float32 arrays are subtracted as such.

    So are the squares of long ones summed, 256 at a time: 16 roundings deep, which is a millionth.
    """
    rng = np.random.default_rng(size)
    first, second = rng.standard_normal(size).astype(dtype), rng.standard_normal(size).astype(other)
    difference = (first - second if dtype == other else first.astype(np.float64) - second.astype(np.float64)).astype(np.float64)
    wanted = (math.sqrt((difference**2).sum() / max(size, 1)), np.abs(difference).max(initial=0.0))
    seen = measure(first.reshape(1, -1), second.reshape(1, -1))
    assert wanted[1] == seen[1]
    summed_in_float32 = dtype == other == np.float32 and size > 4096
    assert abs(seen[0] - wanted[0]) <= (1e-6 if summed_in_float32 else 1e-13) * wanted[0]


@pytest.mark.parametrize("size", [10, 300_000])
def test_a_difference_that_float32_cannot_hold_is_finite(size):
    """Two huge float32 numbers of unlike signs are far, but not infinitely far."""
    first = np.full(size, 3e38, np.float32)
    assert (6e38, 6e38) == tuple(float(f"{value:.6g}") for value in measure(first, -first))


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_squares_that_float32_cannot_hold_count(size):
    """Differences whose squares would vanish, or be infinite, in float32 have the RMS of their size."""
    first = np.full(300_000, size, np.float32)
    assert [1, 1] == [round(value / float(first[0]), 12) for value in measure(first, np.zeros_like(first))]


@pytest.mark.parametrize("size", [10, 300_000])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_measure_does_not_swallow_what_is_not_finite(size, value):
    """NaN and infinity anywhere come out as not finite, in small and in large arrays."""
    first = np.zeros(size, np.float32)
    first[size // 2] = value
    assert not any(math.isfinite(part) for part in measure(first, np.zeros(size, np.float32)))


def test_measure_takes_constant_memory():
    """Judging 64 MB takes less than a megabyte of its own."""
    first, second = np.zeros(1 << 24, np.float32), np.ones(1 << 24, np.float32)
    tracemalloc.start()
    seen = measure(first, second)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (1.0, 1.0) == seen
    assert peak < 1e6


def test_outputs_are_judged_where_they_lie(tmp_path):
    """Judging 48 MB of outputs takes less than a megabyte: they are read as they are looked at, and a difference is found all the same."""
    exact = {f"value/{name}": np.random.default_rng(0).standard_normal((4, 400_000)) for name in ("a", "b")}
    native = {name: value.astype(np.float32) for name, value in exact.items()}
    got = {name: value.copy() for name, value in native.items()}
    got["value/b"][3, 399_999] += 1
    sets = []
    for name, tensors in (("got", got), ("exact", exact), ("native", native)):
        write_tensors(tmp_path / name, tensors, {})
        mapped = map_tensors(tmp_path / name)
        assert [] == [key for key, value in tensors.items() if mapped[key].tobytes() != value.tobytes()]
        sets.append(Outputs({key.removeprefix("value/"): mapped[key] for key in tensors}))
    tracemalloc.start()
    seen = compare_outputs(*sets, "float32")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6
    assert not isinstance(seen, str)
    assert ("b", 1, (3, 399_999)) == (seen.what, seen.first_step, seen.worst_index)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-9],
        lambda data: data[:5],
        lambda data: data.replace(b"F32", b"F33"),
        lambda data: data[:0],
        lambda data: (2**62).to_bytes(8, "little") + data[8:],
        lambda data: (2**63).to_bytes(8, "little") + data[8:],
        lambda data: (len(data) - 7).to_bytes(8, "little") + data[8:],
        lambda data: data.replace(b"[3,3]", b"[3,9223372036854775808]"),
        lambda _: (200_000).to_bytes(8, "little") + b"[" * 200_000,
    ],
)
def test_mapped_files_that_are_damaged(tmp_path, spoil):
    """A file that is cut off, with a size of its header or a shape beyond all bounds, or of dtypes that nobody knows, is a clear error."""
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"x": np.ones((3, 3), np.float32)}, {})
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError, match="cannot be read"):
        map_tensors(path)
