"""Running a spec as a library runs it whose latents have 16 bits: every operation on the state is rounded, as torch rounds it on a CPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from trueto.observe import NetworkFunction, Probe

__all__ = ["LOW", "LowProbe", "as_latents", "low_latents", "round_to"]

Array = np.ndarray[Any, np.dtype[Any]]

LOW = ("float16", "bfloat16")


def round_to(values: Array, low: str) -> Array:
    """float32 `values` rounded to nearest, ties to even, in the 16-bit dtype `low`; kept as float32."""
    if low == "float16":
        return values.astype(np.float16).astype(np.float32)
    bits = np.asarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


class _Rounded(np.ndarray[Any, np.dtype[Any]]):
    """Latents whose every operation is computed in float32 and rounded to 16 bits; coefficients keep their own precision."""

    low = ""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """The operation on plain arrays, its result rounded where it is a picture again (not a number)."""
        plain = [value.view(np.ndarray) if isinstance(value, _Rounded) else value for value in inputs]
        if into := kwargs.pop("out", None):  # in place, as numpy's own functions do it (a quantile)
            into[0][...] = self.__array_ufunc__(ufunc, method, *plain, **kwargs)
            return into[0]
        out = getattr(ufunc, method)(*plain, **kwargs)
        if not isinstance(out, np.ndarray) or not out.ndim or out.dtype.kind != "f":
            return out
        return round_to(np.asarray(out, np.float32), self.low).view(type(self))


class _Float16(_Rounded):
    low = "float16"


class _BFloat16(_Rounded):
    low = "bfloat16"


def low_latents(values: Array, low: str, *, stay: bool) -> Array:
    """Start latents in 16 bits; with `stay` whatever is computed from them has 16 bits too, else float32."""
    rounded = round_to(np.asarray(values, np.float32), low)
    return rounded.view({"float16": _Float16, "bfloat16": _BFloat16}[low]) if stay else rounded


def as_latents(values: Array, like: Array) -> Array:
    """Values in the dtype of some latents, 16 bits where these have 16."""
    return low_latents(values, like.low, stay=True) if isinstance(like, _Rounded) else np.asarray(values, like.dtype)


class LowProbe(Probe):
    """A network that answers in 16 bits: always where the latents stay in 16 bits, else in its first call only."""

    def __init__(self, net: NetworkFunction, low: str, *, stay: bool) -> None:
        super().__init__(net)
        self.low, self.stay = low, stay

    def run(self, x: Array, t: Array, step: int, condition: Array | None = None) -> Array:
        """As Probe.run, with the answer rounded."""
        first = not self.told
        out = super().run(np.asarray(x).view(np.ndarray), t, step, condition)
        return low_latents(out, self.low, stay=self.stay) if self.stay or first else out
