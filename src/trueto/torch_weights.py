"""The weights of a user's checkpoint in torch networks: put into an original's, and looked for in a candidate's."""

from __future__ import annotations

import contextlib
import gc
import hashlib
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any
from unittest.mock import patch

import torch
from safetensors import safe_open
from torch.overrides import _pop_mode_temporarily  # pyright: ignore[reportPrivateUsage] - as below

from trueto.checkpoints import Checkpoint, Stored
from trueto.checkpoints.shapes import another, expect_alike, expect_tables, listed
from trueto.errors import DataError
from trueto.interpose import to_numpy

__all__ = ["as_stored", "expect_weights", "filled", "read_weights", "unfilled"]

DRAWS = ("uniform_", "normal_", "trunc_normal_", "xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_")


@contextlib.contextmanager
def unfilled() -> Generator[None]:
    """Networks made here begin with what lies in memory: every number will come from a checkpoint, and many take long to draw."""
    gc.collect()  # what is left of a run before, in a circle with its hooks, is as large
    with contextlib.ExitStack() as replaced:
        for name in DRAWS:
            replaced.enter_context(patch.object(torch.nn.init, name, _as_it_is))
        yield


def _as_it_is(values: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
    return values


@contextlib.contextmanager
def as_stored() -> Generator[None]:
    """In which a request for float32 is none for float64, in a run that is promoted as well: files are read as they are."""
    with contextlib.ExitStack() as left:
        while torch._C._len_torch_function_stack():  # pyright: ignore  # noqa: PGH003, SLF001 - the only way out of a mode
            left.enter_context(_pop_mode_temporarily())
        yield


def read_weights(held: Mapping[str, Stored], names: Iterable[str]) -> Iterator[tuple[str, torch.Tensor]]:
    """Tensors of a checkpoint by name, in their own dtype, one after the other."""
    with contextlib.ExitStack() as opened:
        files: dict[str, Any] = {}
        for name in names:
            stored = held[name]
            if (path := str(stored.file)) not in files:
                files[path] = opened.enter_context(safe_open(path, framework="pt"))
            with as_stored():
                values = files[path].get_tensor(stored.name).reshape(stored.shape)
            yield name, values


def filled(module: torch.nn.Module, checkpoint: Checkpoint, dtype: torch.dtype) -> torch.nn.Module:
    """The network, to evaluate, with the checkpoint's weights; DataError unless these are its parameters by name and shape."""
    module.to(dtype)
    parameters = {checkpoint.released(name): held for name, held in module.named_parameters()}
    expect_alike(checkpoint.path, checkpoint.tensors, {name: tuple(held.shape) for name, held in parameters.items()})
    _expect_tables(module, checkpoint, dtype)
    for name, values in read_weights(checkpoint.tensors, parameters):
        parameters[name].data = values.to(dtype)
    return module.eval()


def _expect_tables(module: torch.nn.Module, checkpoint: Checkpoint, dtype: torch.dtype) -> None:
    """What a single file holds besides weights must be what the original makes itself: it would load it, and a library does not."""
    own = {checkpoint.released(name): held for name, held in module.named_buffers()}
    expect_tables(checkpoint.path, checkpoint.others, own)
    for name, values in read_weights(checkpoint.others, checkpoint.others):
        with as_stored():
            made = own[name].to(torch.float32).to(values.dtype)
        if dtype == torch.float32 and _marks(made) != _marks(values):  # which is recorded first; a lifted table is rounded otherwise
            said = f"{checkpoint.path}: its {name} is not that of Stable Diffusion v1: another noise schedule"
            raise DataError(said, another(checkpoint.path))


def expect_weights(net: torch.nn.Module, checkpoint: Checkpoint, part: str, dtype: torch.dtype) -> None:
    """DataError where a parameter of a candidate's network does not hold, byte for byte, one of the checkpoint's weights of that part."""
    names = [name for name in checkpoint.tensors if name.startswith(checkpoint.prefix(part))]
    known = {_marks(values.to(dtype)) for _, values in read_weights(checkpoint.tensors, names)}
    if foreign := [name for name, held in net.named_parameters() if held.is_meta or _marks(held) not in known]:
        said = f"the conversion leaves {len(foreign)} parameters without the checkpoint's weights: {listed(foreign)}"
        raise DataError(said, "a conversion in the adapter that moves these too")


def _marks(values: torch.Tensor) -> bytes:
    return hashlib.blake2b(to_numpy(values.detach().contiguous()).tobytes(), digest_size=16).digest()
