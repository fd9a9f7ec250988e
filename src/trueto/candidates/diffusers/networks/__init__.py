"""diffusers' networks with the originals' weights, moved by diffusers' own conversion: one module for each codebase of originals.

A module has `OUTPUTS`: reference to a function of the claim, the task and the class that the claim names, which gives the outputs.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable

__all__ = ["OUTPUTS"]

OUTPUTS: dict[str, Callable[..., None]] = {
    reference: function
    for found in pkgutil.iter_modules(__path__)
    for reference, function in vars(importlib.import_module(f"{__name__}.{found.name}")).get("OUTPUTS", {}).items()
}
