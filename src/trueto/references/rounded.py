"""Running a spec as a library runs it whose latents have 16 bits: every operation on the state is rounded, as torch rounds it on a CPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from trueto.observe import NetworkFunction, Probe

__all__ = ["LOW", "STATES", "LowProbe", "as_latents", "low_latents", "round_to"]

Array = np.ndarray[Any, np.dtype[Any]]

LOW = ("float16", "bfloat16")
# What becomes of latents of 16 bits. promoted: float32 in the first operation; rounded: they stay, coefficients are exact;
# rounded_weights: they stay, and coefficients are rounded to 16 bits as well where torch does it with a tensor without axes.
STATES = ("promoted", "rounded", "rounded_weights")


def round_to(values: Array, low: str) -> Array:
    """float32 `values` rounded to nearest, ties to even, in the 16-bit dtype `low`; kept as float32."""
    if low == "float16":
        with np.errstate(over="ignore"):
            return values.astype(np.float16).astype(np.float32)
    bits = np.asarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


class _Rounded(np.ndarray[Any, np.dtype[Any]]):
    """Latents whose every operation is computed in float32 and rounded to 16 bits; coefficients keep their own precision.

    With `weights` a coefficient is rounded first, as torch does it on a CPU where it is a tensor without axes: as the left factor of a
    product, in a sum or a difference and over a picture, but not as the right factor or under it.
    """

    low = ""
    weights = False

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """The operation on plain arrays, its result rounded where it is a picture again (not a number)."""
        plain = [value.view(np.ndarray) if isinstance(value, _Rounded) else value for value in inputs]
        if self.weights:
            plain = [self._weight(value, ufunc, place) for place, value in enumerate(plain)]
        if into := kwargs.pop("out", None):  # in place, as numpy's own functions do it (a quantile)
            into[0][...] = self.__array_ufunc__(ufunc, method, *plain, **kwargs)
            return into[0]
        out = getattr(ufunc, method)(*plain, **kwargs)
        if not isinstance(out, np.ndarray) or not out.ndim or out.dtype.kind != "f":
            return out
        return round_to(np.asarray(out, np.float32), self.low).view(type(self))

    def _weight(self, value: Any, ufunc: np.ufunc, place: int) -> Any:
        kept = isinstance(value, int) or np.ndim(value) or (place == 1 and ufunc in (np.multiply, np.divide))
        return value if kept else round_to(np.asarray(value, np.float32), self.low)


class _Float16(_Rounded):
    low = "float16"


class _BFloat16(_Rounded):
    low = "bfloat16"


class _WeighedFloat16(_Float16):
    weights = True


class _WeighedBFloat16(_BFloat16):
    weights = True


_KINDS: dict[tuple[str, str], type[_Rounded]] = {
    ("float16", "rounded"): _Float16,
    ("bfloat16", "rounded"): _BFloat16,
    ("float16", "rounded_weights"): _WeighedFloat16,
    ("bfloat16", "rounded_weights"): _WeighedBFloat16,
}


def low_latents(values: Array, low: str, state: str) -> Array:
    """Start latents in 16 bits; where the `state` stays there (see STATES) whatever is computed from them has 16 bits too, else float32."""
    rounded = round_to(np.asarray(values, np.float32), low)
    return rounded if state == STATES[0] else rounded.view(_KINDS[low, state])


def as_latents(values: Array, like: Array) -> Array:
    """Values in the dtype of some latents, 16 bits where these have 16."""
    if not isinstance(like, _Rounded):
        return np.asarray(values, like.dtype)
    return round_to(np.asarray(values, np.float32), like.low).view(type(like))


class LowProbe(Probe):
    """A network that answers in 16 bits: always where the latents stay in 16 bits, else in its first call only."""

    def __init__(self, net: NetworkFunction, low: str, state: str) -> None:
        super().__init__(net)
        self.low, self.state = low, state

    def run(self, x: Array, t: Array, step: int, condition: Array | None = None) -> Array:
        """As Probe.run, with the answer rounded."""
        first = not self.told
        out = super().run(np.asarray(x).view(np.ndarray), t, step, condition)
        return low_latents(out, self.low, self.state) if first or self.state != STATES[0] else out
