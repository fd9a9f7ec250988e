"""What diffusers' documentation says its schedulers are, one module for each codebase of originals; nothing to register.

A module has `CLAIMS`, `NO_CLAIMS` (reference to reason) and, where its schedulers need one of their own, `LEVELS` (name to a function of
scheduler, claim and case that returns the noise levels) and `LOOPS` (name to a function of scheduler, claim, run and flags).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

from trueto.candidates.diffusers.claims.row import SD_V1
from trueto.model import Claim

__all__ = ["CLAIMS", "LEVELS", "LOOPS", "NO_CLAIMS", "SD_V1"]

_MODULES = tuple(importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__) if found.name != "row")


def _merged(name: str) -> dict[str, Any]:
    return {key: value for module in _MODULES for key, value in getattr(module, name, {}).items()}


CLAIMS: tuple[Claim, ...] = tuple(claim for module in _MODULES for claim in module.CLAIMS)
NO_CLAIMS: dict[str, str] = _merged("NO_CLAIMS")
LEVELS: dict[str, Callable[..., Any]] = _merged("LEVELS")
LOOPS: dict[str, Callable[..., Any]] = _merged("LOOPS")
