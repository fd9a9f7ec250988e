"""How fast a pair of tensors is judged, beside what others compare with: python benchmarks/judge_speed.py."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
from figures import Figure, best_seconds, text_of

from trueto.distances import measure
from trueto.judge import compare, expect

__all__ = ["figures"]

SIZES = (100, 1_000, 10_000, 100_000, 1_000_000, 8_000_000, 64_000_000)
STEPS = 20  # tensors of one run, which the gate judges together
TOLERANCE = {"rtol": 1e-3, "atol": 1e-3}


def _pair(size: int) -> tuple[np.ndarray, np.ndarray]:
    """A float32 tensor of `size` bytes and one that differs from it by rounding."""
    values = np.random.default_rng(0).standard_normal(max(size // 4, 1)).astype(np.float32)
    return values, values + np.float32(1e-7)


def _contenders(size: int) -> dict[str, Callable[[], object]]:
    import torch

    torch.set_num_threads(1)
    got, wanted = _pair(size)
    torch_got, torch_wanted = torch.from_numpy(got), torch.from_numpy(wanted)
    found: dict[str, Callable[[], object]] = {
        "measure": lambda: measure(got, wanted),
        "torch": lambda: torch.testing.assert_close(torch_got, torch_wanted, **TOLERANCE),
        "numpy": lambda: np.testing.assert_allclose(got, wanted, **TOLERANCE),
    }
    single = expect(wanted[None].astype(np.float64), wanted[None])
    found["compare"] = lambda: compare(got[None], single, "state")
    if size <= 1_000_000:
        run = np.broadcast_to(got, (STEPS, got.size)).copy()
        wanted_run = np.broadcast_to(wanted, run.shape)
        expected = expect(wanted_run.astype(np.float64), wanted_run.copy())
        found["compare a run"] = lambda: compare(run, expected, "state")
    return found


def _peaks() -> tuple[float, float]:
    """KiB that `measure` allocates on a pair of 1 MB and on one of 64 MB."""
    found = []
    for size in (1_000_000, 64_000_000):
        got, wanted = _pair(size)
        tracemalloc.start()
        measure(got, wanted)
        found.append(tracemalloc.get_traced_memory()[1] / 1024)
        tracemalloc.stop()
    return found[0], found[1]


def figures() -> list[Figure]:
    """The figures of the judge: ratios up to 1 MB, GB/s of both tensors beyond, memory."""
    found, faster, slowest = [], {}, float("inf")
    for size in SIZES:
        inner = max(1, 100_000 // (size + 1000))
        best = best_seconds(_contenders(size), rounds=30 if size <= 1_000_000 else 5, inner=inner)
        other = min(best["torch"], best["numpy"])
        faster[size] = other / best["measure"]
        verdict = f"whole verdict with steps and indices {other / best['compare']:.1f} x"
        if "compare a run" in best:
            verdict += f", for {STEPS} tensors of a run together {STEPS * other / best['compare a run']:.1f} x"
        speed = 2 * size / best["measure"] / 1e9
        slowest = min(slowest, speed) if size > 1_000_000 else slowest
        note = f"{best['measure'] * 1e6:.0f} us; torch {best['torch'] * 1e6:.0f}, numpy {best['numpy'] * 1e6:.0f}; {verdict}"
        small = size <= 1_000_000
        found.append(
            Figure(
                f"judging a pair of {size:,} B, faster than the faster of both", faster[size], "x", at_least=4 if small else None, note=note
            )
        )
    found.append(Figure("judging pairs beyond 1 MB", slowest, "GB/s", at_least=1))
    small_peak, large_peak = _peaks()
    found.append(
        Figure("memory for a pair of 64 MB over that for 1 MB", large_peak / small_peak, "x", at_most=1.1, note=f"{large_peak:.0f} KiB")
    )
    return found


if __name__ == "__main__":
    print(text_of(figures()))
