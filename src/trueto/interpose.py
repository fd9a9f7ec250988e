"""Standing between torch and the code that calls it: noise is replayed, float32 is promoted; nothing else changes.

Used in the process of an original or of a candidate, never in the judge's. Importing this module imports torch.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Generator, Hashable, Iterable
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from trueto.fixtures.noise import Tape

__all__ = [
    "DRAWS",
    "NUMPY_OF",
    "Interposer",
    "NoiseSource",
    "Promoted",
    "draw_of",
    "lifted",
    "put",
    "served_draws",
    "tensor_of",
    "to_numpy",
    "to_torch",
]

TORCH_OF = {"float32": torch.float32, "float64": torch.float64, "float16": torch.float16, "bfloat16": torch.bfloat16}
NUMPY_OF = {torch.float32: np.float32, torch.float64: np.float64, torch.float16: np.float16, torch.bfloat16: np.float32}
DRAWS = frozenset({torch.randn, torch.randn_like, torch.Tensor.normal_, torch.normal})
BELOW_FLOAT64 = frozenset({torch.float32, torch.float16, torch.bfloat16})
_FLOAT32, _FLOAT64, _TO_FLOAT = torch.float32, torch.float64, torch.Tensor.float
_FROM_NUMPY, _TO = torch.from_numpy, torch.Tensor.to  # torch's own, whatever stands for their names during a run


def to_numpy(tensor: torch.Tensor) -> np.ndarray[Any, np.dtype[Any]]:
    """A numpy copy in the same dtype (bfloat16, which numpy lacks, as float32)."""
    plain = _TO(tensor.detach(), "cpu")
    return (_TO(plain, torch.float32) if plain.dtype == torch.bfloat16 else plain).numpy().copy()


def to_torch(array: np.ndarray[Any, np.dtype[Any]], like: torch.Tensor) -> torch.Tensor:
    """A torch tensor with the dtype and device of `like`."""
    return tensor_of(np.ascontiguousarray(array), like.dtype, like.device)


def tensor_of(array: np.ndarray[Any, np.dtype[Any]], dtype: torch.dtype, device: Any = "cpu") -> torch.Tensor:
    """A torch tensor of a numpy array, made by the harness: no mode and no replaced name is asked."""
    with torch._C.DisableTorchFunction():  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001 - the only way to do so
        return _TO(_FROM_NUMPY(array), dtype=dtype, device=device)


class NoiseSource:
    """Where random numbers come from: a recorded tape, or the generator itself (`tape` None).

    `step` is set by whoever owns the loop; the order within it counts up. `bump` adds one to that draw, which shows whether it moves Y;
    `branch` is asked at each draw whether to do so (trueto.workers.branches).
    """

    def __init__(self, tape: Tape | None, bump: int | None = None) -> None:
        self.tape = tape
        self.bump = bump
        self.draws: list[np.ndarray[Any, np.dtype[Any]]] = []
        self.branch: Callable[[int], bool] | None = None
        self.step_of: Callable[[int], int] | None = None
        self._step, self._order = 0, 0
        self._watching = False

    @property
    def step(self) -> int:
        """The sampling step that draws belong to now."""
        return self._step

    @step.setter
    def step(self, value: int) -> None:
        if value != self._step:
            self._step, self._order = value, 0

    def serve(self, natural: Callable[[], torch.Tensor], shape: Iterable[int], like: torch.Tensor | None = None) -> torch.Tensor:
        """One draw: from the tape if there is one and the shape is the recorded one, else from the generator."""
        if self._watching:
            return natural()
        drawn = natural()
        if self.step_of is not None:
            self.step = self.step_of(len(self.draws))
        if self.tape is not None:
            recorded = self.tape.draw(self._step, self._order)
            asked = tuple(shape)
            if asked[1:] == recorded.shape[1:] and asked[0] % len(recorded) == 0:  # a doubled batch for guidance: the same in both halves
                drawn = to_torch(np.concatenate([recorded] * (asked[0] // len(recorded))), drawn if like is None else like)
        self._order += 1
        if self.bump == len(self.draws) or (self.branch is not None and self.branch(len(self.draws))):
            drawn = drawn + 1
        self.draws.append(to_numpy(drawn))
        return drawn

    def begin_again(self) -> None:
        """Forget every draw so far, as before the first one."""
        self.draws.clear()
        self._step = self._order = 0

    def watch(self, function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        """Wrap a noise function (a Brownian tree): its results count as the draws, not what it draws inside."""

        def watched(*args: Any, **kwargs: Any) -> torch.Tensor:
            self._watching = True
            try:
                drawn = function(*args, **kwargs)
            finally:
                self._watching = False
            return self.serve(lambda: drawn, drawn.shape)

        return watched


def lifted(values: tuple[Any, ...], target: torch.dtype) -> tuple[Any, ...]:
    """Arguments of a function with `target` for every float32."""
    for value in values:
        if value is _FLOAT32:
            return tuple(target if other is _FLOAT32 else other for other in values)
    return values


class Interposer(TorchFunctionMode):
    """Serve draws from a NoiseSource and, with `promote`, turn every request for float32 into that dtype.

    With `moved` and no source the generator draws itself, in float32 always, so that float64 has the same numbers; `moved` may nudge them.
    """

    def __init__(
        self,
        noise: NoiseSource | None = None,
        promote: torch.dtype | None = None,
        moved: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.noise = noise
        self.promote = promote
        self.moved = moved
        self.below: str = ""
        self._watches = promote is torch.float64

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        # Every operation of a twin comes through here, so the usual one (no dtype named, no draw) takes the shortest way.
        if self.promote is not None:
            args = lifted(args, self.promote)
            if kwargs:
                kwargs = dict(zip(kwargs, lifted(tuple(kwargs.values()), self.promote), strict=True))
            if func is _TO_FLOAT:
                func, args = torch.Tensor.to, (args[0], self.promote)
        if func in DRAWS:
            if self.noise is not None:
                return self._draw(func, args, kwargs or {})
            if self.moved is not None:
                return self._generated(func, args, dict(kwargs or {}))
        result = func(*args, **kwargs) if kwargs else func(*args)
        if self._watches and type(result) is torch.Tensor and result.dtype is not _FLOAT64 and result.dtype in BELOW_FLOAT64:
            self.below, self._watches = str(getattr(func, "__name__", func)), False
        return result

    def _draw(self, func: Any, args: Any, kwargs: Any) -> Any:
        assert self.noise is not None
        drawn: list[torch.Tensor] = []

        def natural() -> torch.Tensor:
            if not drawn:
                drawn.append(func(*args, **kwargs))
            return drawn[0]

        served = self.noise.serve(natural, natural().shape)
        return args[0].copy_(served) if func is torch.Tensor.normal_ else served  # in place is in place

    def _generated(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """A draw by the generator in float32, in the dtype that was asked for."""
        assert self.moved is not None
        if func is torch.Tensor.normal_:
            drawn = func(torch.empty_like(args[0], dtype=_FLOAT32), *args[1:], **kwargs)
            return args[0].copy_(self.moved(_TO(drawn, args[0].dtype)))
        if func is torch.normal:  # of given means or deviations: in their dtype
            given = [value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor)]
            drawn = func(*map(_narrowed, args), **{name: _narrowed(value) for name, value in kwargs.items()})
            return self.moved(_TO(drawn, given[0].dtype if given else torch.get_default_dtype()))
        asked = kwargs.pop("dtype", None) or (args[0].dtype if func is torch.randn_like else torch.get_default_dtype())
        return self.moved(_TO(func(*args, dtype=_FLOAT32, **kwargs), asked))


def _narrowed(value: Any) -> Any:
    """A tensor in float32, anything else as it is."""
    return _TO(value, _FLOAT32) if isinstance(value, torch.Tensor) else value


def draw_of(function: Callable[..., torch.Tensor], noise: NoiseSource, *, in_place: bool) -> Callable[..., torch.Tensor]:
    """A function that draws, served from a NoiseSource; `in_place` it fills its first argument."""

    def drawn(*args: Any, **kwargs: Any) -> torch.Tensor:
        natural = function(*args, **kwargs)
        served = noise.serve(lambda: natural, natural.shape)
        return args[0].copy_(served) if in_place else served

    return drawn


@cache
def _places(modules: tuple[str, ...], loaded: int) -> list[tuple[Any, str, Any]]:
    """Where a draw of torch can be called by name: torch's own names, and those that `modules` imported; anew when more is `loaded`."""
    del loaded
    homes: list[Any] = [torch, torch.Tensor, *(module for name, module in list(sys.modules.items()) if name.startswith(modules))]
    names = [(home, name, value) for home in homes for name, value in list(vars(home).items())]
    return [(home, name, value) for home, name, value in names if isinstance(value, Hashable) and value in DRAWS]


@contextlib.contextmanager
def served_draws(noise: NoiseSource, modules: tuple[str, ...]) -> Generator[None]:
    """Serve draws from a NoiseSource at no cost to any other operation: torch's own names, and those that `modules` imported, are replaced.

    Half the time of a short run goes into an Interposer, which sees every operation; where nothing is promoted this is enough.
    """
    places = _places(modules, len(sys.modules))
    wrappers: dict[Any, Any] = {function: draw_of(function, noise, in_place=function is torch.Tensor.normal_) for function in DRAWS}
    for home, name, value in places:
        put(home, name, wrappers[value])
    try:
        yield
    finally:
        for home, name, value in places:
            put(home, name, value)


def put(home: Any, name: str, value: Any) -> None:
    """Replace a name; in a module so that it does not notice (trueto.workers.traces)."""
    if isinstance(home, ModuleType):
        vars(home)[name] = value
    else:
        setattr(home, name, value)


class Promoted:
    """A module namespace in which `float32` means float64 (`numpy` as a candidate's module sees it in the twin)."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return self._module.float64 if name in ("float32", "single") else getattr(self._module, name)
