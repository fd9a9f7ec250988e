"""A float64 twin at the cost of few operations: only what can bring anything below float64 into a run is looked at.

An operation on float64 tensors gives float64, unless it is told a dtype, makes a new tensor or reads one in. Those have names, which are
replaced here; an Interposer sees every operation instead, which costs more than the operations do. What existed before a run has no
name, so that a run begins with a look at all tensors that are alive: where one of them is below float64 the Interposer takes over.
Used in the process of a candidate. Importing this module imports torch.
"""

from __future__ import annotations

import contextlib
import gc
import inspect
import sys
from collections.abc import Callable, Generator, Hashable
from functools import cache
from typing import Any, Protocol

import torch
from torch.overrides import get_testing_overrides

from trueto.interpose import DRAWS, Interposer, NoiseSource, draw_of, lifted, put

__all__ = ["Seen", "entry_points", "get_ready", "low_now", "twin_of"]

HOMES = ("torch", "torch.nn.functional", "torch.special", "torch.fft", "torch.linalg")
LOW = frozenset({torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.complex32})
READERS = ("from_numpy", "from_dlpack", "from_file", "frombuffer", "as_tensor", "asarray", "scalar_tensor", "complex", "polar")
CASTS = ("float", "half", "bfloat16", "cfloat", "chalf", "to", "type", "type_as", "new", "new_tensor", "view", "to_mkldnn")
UNSAID = ("addmm", "baddbmm", "log_softmax", "empty_quantized")  # told a dtype, though their documentation does not begin with it


class Seen(Protocol):
    """What came below float64 in a twin; empty when nothing did."""

    below: str


class _Names:
    """Names replaced by functions that ask for float64 where float32 was asked for, and note what comes out below it all the same."""

    def __init__(self) -> None:
        self.below = ""

    def watched(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with every float32 in its arguments lifted, and its result looked at."""
        to_float = function is torch.Tensor.float

        def watched(*args: Any, **kwargs: Any) -> Any:
            args = lifted(args, torch.float64)
            kwargs = dict(zip(kwargs, lifted(tuple(kwargs.values()), torch.float64), strict=True))
            result = torch.Tensor.to(args[0], torch.float64) if to_float else function(*args, **kwargs)
            if isinstance(result, torch.Tensor) and result.dtype in LOW:
                self.below = self.below or str(getattr(function, "__name__", function))
            return result

        return watched


def _takes_dtype(function: Any, overrides: dict[Any, Any]) -> bool:
    """Whether a function of torch can be told a dtype, by its signature, the head of its documentation or torch's own list."""
    said = (getattr(function, "__doc__", None) or "").strip().partition("\n\n")[0]
    with contextlib.suppress(TypeError, ValueError):
        said += str(inspect.signature(function))
    with contextlib.suppress(TypeError, ValueError):
        said += str(inspect.signature(overrides[function])) if function in overrides else ""
    return "dtype" in said


@cache
def entry_points() -> frozenset[Any]:
    """Functions and methods of torch by which a tensor below float64 can come into a run of float64 tensors."""
    overrides = get_testing_overrides()
    homes = [*(sys.modules[name] for name in HOMES), torch.Tensor]
    named = [(name, value) for home in homes for name, value in list(vars(home).items()) if callable(value) and not name.startswith("_")]
    inherited = [(name, getattr(torch.Tensor, name)) for name in dir(torch.Tensor) if not name.startswith("_")]
    found = {value for name, value in named + inherited if name in (*READERS, *CASTS, *UNSAID) or _is_told(value, overrides)}
    return frozenset(found | DRAWS)


def _is_told(value: Any, overrides: dict[Any, Any]) -> bool:
    return callable(value) and not isinstance(value, type) and _takes_dtype(value, overrides)


@cache
def _places(modules: tuple[str, ...], loaded: int) -> list[tuple[Any, str, Any]]:
    """Where an entry point can be called by name: torch's own names, and those that `modules` imported; anew when more is `loaded`."""
    del loaded
    points = entry_points()
    homes: list[Any] = [*(sys.modules[name] for name in HOMES)]
    homes += [module for name, module in list(sys.modules.items()) if name.startswith(modules)]
    names = [(home, name, value) for home in homes for name, value in list(vars(home).items())]
    names += [(torch.Tensor, name, getattr(torch.Tensor, name)) for name in dir(torch.Tensor) if not name.startswith("_")]
    return [(home, name, value) for home, name, value in names if isinstance(value, Hashable) and value in points]


def low_now() -> bool:
    """Whether a tensor below float64 is alive that was made after the last loading (what is there then is frozen, and not looked at)."""
    alive = gc.get_objects()
    tensors = {kind for kind in set(map(type, alive)) if issubclass(kind, torch.Tensor)}
    return bool(tensors) and any(found.dtype in LOW for found in alive if type(found) in tensors)


_kept: set[bool] = set()


def get_ready(modules: tuple[str, ...]) -> None:
    """Look up once what every twin needs, and note whether what was loaded since keeps a tensor below float64.

    Asked before the collector is frozen.
    """
    _places(modules, len(sys.modules))
    if low := low_now():
        gc.collect()  # what nobody keeps is no such tensor
        low = low_now()
    _kept.add(low)


@contextlib.contextmanager
def _named(noise: NoiseSource | None, modules: tuple[str, ...]) -> Generator[Seen]:
    """Replace the entry points while a run lasts: promoted, looked at, and draws served."""
    seen, places = _Names(), _places(modules, len(sys.modules))
    wrappers: dict[Any, Any] = {}
    for _, _, value in places:
        if value not in wrappers:
            watched = seen.watched(value)
            wrappers[value] = (
                draw_of(watched, noise, in_place=value is torch.Tensor.normal_) if noise is not None and value in DRAWS else watched
            )
    own = set(vars(torch.Tensor))
    for home, name, value in places:
        put(home, name, wrappers[value])
    try:
        yield seen
    finally:
        for home, name, value in places:
            if home is torch.Tensor and name not in own:
                delattr(home, name)
            else:
                put(home, name, value)


@contextlib.contextmanager
def twin_of(noise: NoiseSource | None, modules: tuple[str, ...], *, compiled: bool = False) -> Generator[Seen]:
    """A run in float64, of a library whose modules begin with `modules`; says afterwards what was below it all the same."""
    if compiled or True in _kept or low_now():
        with Interposer(noise, torch.float64) as mode:
            yield mode
    else:
        with _named(noise, modules) as seen:
            yield seen
