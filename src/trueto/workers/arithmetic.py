"""What a harmless rewrite computes in a library's place: both forms of a formula, the new one only where rounding alone parts them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from trueto.distances import measure

__all__ = ["as_one_cumprod", "as_one_linspace", "kept", "widened"]

PICTURE = 3  # dimensions from which on numbers are a picture's, and rounding is measured against the largest of them
Function = Callable[..., Any]


def _array(value: Any) -> np.ndarray[Any, np.dtype[Any]] | None:
    """A floating number, array or tensor as an array; None for anything else."""
    if isinstance(value, torch.Tensor):
        return value.detach().numpy() if value.dtype in (torch.float32, torch.float64) and value.device.type == "cpu" else None
    found = np.asarray(value) if isinstance(value, float | np.ndarray | np.floating) else None
    return found if found is not None and found.dtype.kind == "f" else None


def _number(value: Any) -> bool:
    if isinstance(value, torch.Tensor):
        return value.device.type == "cpu" and not value.dtype.is_complex and value.dtype is not torch.bool
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiu"
    return isinstance(value, int | float | np.floating | np.integer) and not isinstance(value, bool)


def _within(right: Any, other: Any, roundings: int) -> bool:
    """Whether two values are apart by no more than so many roundings: of the largest element in a picture, of each in a table.

    A negative number of roundings bounds nothing. Where every number is whole nothing was rounded: the original has no error there.
    """
    first, second = _array(right), _array(other)
    if first is None or second is None or type(right) is not type(other):
        return False
    if first.dtype != second.dtype or first.shape != second.shape or not first.size or not np.isfinite(second).all():
        return False
    if bool((first == np.rint(first)).all()):
        return False
    if roundings < 0:
        return True
    unit = float(np.finfo(first.dtype).eps) / 2
    if first.ndim >= PICTURE:
        return measure(second, first)[1] <= roundings * unit * float(np.abs(first).max())
    exact = first != 0
    if not bool((second[~exact] == 0).all()):
        return False
    quotients = second[exact].astype(np.longdouble) / first[exact]
    return float(np.abs(quotients - 1).max(initial=0)) <= roundings * unit


def kept(roundings: int, before: Function, after: Function, *values: Any) -> Any:
    """`after` of the values where it is `before` of them, but for rounding."""
    right = before(*values)
    if _array(right) is None or not all(_number(value) for value in values):
        return right
    try:
        with np.errstate(all="ignore"):
            other = after(*values)
    except ArithmeticError:
        return right
    return other if _within(right, other, roundings) else right


def _wide(value: Any, kind: type[np.floating[Any]]) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().numpy().astype(kind) if value.dtype.is_floating_point else value.numpy()
    return np.asarray(value).astype(kind) if _array(value) is not None else value


def _back(wide: Any, like: Any) -> Any:
    """A wide value in the type and precision of another."""
    if isinstance(like, torch.Tensor):
        return torch.from_numpy(np.array(wide, _array(like).dtype))  # type: ignore[union-attr]
    return np.asarray(wide).astype(like.dtype)[()] if isinstance(like, np.ndarray | np.floating) else float(wide)


def _wider(right: Any) -> type[np.floating[Any]]:
    found = _array(right)
    return np.float64 if found is not None and found.dtype == np.float32 else np.longdouble


def widened(roundings: int, formula: Function, *values: Any) -> Any:
    """The formula in the next wider precision, rounded back once: float64 for float32, extended precision for float64.

    Not where a gradient is asked for, which the wider numbers do not carry.
    """
    right = formula(*values)
    if getattr(right, "requires_grad", False) or _array(right) is None or not all(_number(value) for value in values):
        return right
    kind = _wider(right)
    with np.errstate(all="ignore"):
        other = formula(*(_wide(value, kind) for value in values))
    made = _back(other, right)
    return made if _within(right, made, roundings) else right


def as_one_linspace(roundings: int, whole: Function, first: Any = None, last: Any = None, count: Any = None) -> Any:
    """An evenly spaced table as one expression; two steps and a product are three roundings, the original's own recipe as many."""
    right = whole()
    if _array(right) is None or not (_number(first) and _number(last)) or not isinstance(count, int) or count <= 1:
        return right
    kind = _wider(right)
    low, high = _wide(first, kind), _wide(last, kind)
    made = _back(low + (high - low) / kind(count - 1) * np.arange(count, dtype=kind), right)
    return made if _within(right, made, roundings) else right


def as_one_cumprod(roundings: int, whole: Function, factors: Any = None, *more: Any) -> Any:
    """A running product in a wider precision; each factor is one rounding."""
    del more
    right = whole()
    values = _array(factors)
    if values is None or values.ndim != 1:
        return right
    made = _back(np.cumprod(values.astype(_wider(right))), right)
    return made if _within(right, made, roundings * len(values)) else right
