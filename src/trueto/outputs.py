"""Named tensors that a function returns, in the order in which it gives them: what is seen of a network, a pipeline, a loss."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trueto.errors import DataError

__all__ = ["Outputs", "wide"]

Array = np.ndarray[Any, np.dtype[Any]]
NAMES = "names"


def narrow(value: Array) -> Array:
    """Whole numbers of one byte or two as such, for a file; anything else as it is."""
    if value.dtype.kind != "i" or value.size == 0 or value.min() < 0:
        return value
    return next((value.astype(kind) for kind in (np.uint8, np.uint16) if value.max() <= np.iinfo(kind).max), value)


def wide(value: Array) -> Array:
    """The inverse: whole numbers as int64."""
    return value.astype(np.int64) if value.dtype.kind in "iu" else value


@dataclass(frozen=True, slots=True)
class Outputs:
    """What one call gave: `arrays` by name, in order; floating values in the precision of the run, whole numbers as int64.

    `spread_rms` and `spread_max` (K,) say how far repetitions nudged by one unit in the last place end up from it, value by value, where
    somebody repeated it. `effect` is what proves that a feature was at work, in words.
    """

    arrays: Mapping[str, Array]
    spread_rms: Array | None = None
    spread_max: Array | None = None
    effect: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)

    def tensors(self) -> dict[str, Array]:
        """The arrays under names that keep their order, for safetensors."""
        found = {f"value/{name}": narrow(value) for name, value in self.arrays.items()}
        if self.spread_rms is not None and self.spread_max is not None:
            found |= {"spread_rms": self.spread_rms, "spread_max": self.spread_max}
        return found

    def header(self) -> dict[str, str]:
        """What the file says beside the tensors: their order, and the proof of an effect."""
        return {NAMES: json.dumps(list(self.arrays)), "effect": self.effect}

    @classmethod
    def read(cls, tensors: Mapping[str, Array], header: Mapping[str, str], meta: Mapping[str, Any]) -> Outputs:
        """The inverse; DataError where a file is not what was agreed."""
        try:
            names = json.loads(header[NAMES])
            arrays = {str(name): tensors[f"value/{name}"] for name in names}
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"the file of outputs lacks {error}", "docs/outputs.md") from error
        for name, value in arrays.items():
            if value.dtype.kind not in "fiu":
                raise DataError(f"output {name} has dtype {value.dtype}, expected a floating or a whole one", "docs/outputs.md")
        return cls(
            {name: wide(value) for name, value in arrays.items()},
            tensors.get("spread_rms"),
            tensors.get("spread_max"),
            str(header.get("effect", "")),
            meta,
        )
