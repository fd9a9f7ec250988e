"""EMAModel of diffusers before 0.12, which keeps a whole module, asked as today's is: by parameters.

Only the way of asking is another: what a step computes is the release's own, and it always warms up, whether that is asked for or not.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable
from typing import Any

__all__ = ["by_parameters", "keeps_a_module"]


def keeps_a_module(found: Any) -> bool:
    """Whether a class is the average of weights of a release that took a module."""
    return found.__name__ == "EMAModel" and "parameters" not in inspect.signature(found.__init__).parameters


def _module(parameters: Iterable[Any]) -> Any:
    import torch

    return torch.nn.ParameterList(list(parameters))


def by_parameters(found: Any) -> Any:
    """A class of the same name that takes parameters where `found` took a module, and gives them as `shadow_params`."""

    def __init__(  # noqa: N807, PLR0917 - what today's has
        self: Any,
        parameters: Iterable[Any],
        decay: float = 0.9999,
        min_decay: float = 0.0,
        update_after_step: int = 0,
        use_ema_warmup: bool = False,  # noqa: ARG001, FBT001, FBT002 - it is not known to the release
        inv_gamma: float = 1.0,
        power: float = 2 / 3,
    ) -> None:
        bounds = {"min_value": min_decay, "max_value": decay}
        found.__init__(self, _module(parameters), update_after_step=update_after_step, inv_gamma=inv_gamma, power=power, **bounds)

    @functools.wraps(found.step)
    def step(self: Any, parameters: Iterable[Any]) -> None:
        found.step(self, _module(parameters))

    shadow = property(lambda self: list(self.averaged_model.parameters()))
    return type(found.__name__, (found,), {"__init__": __init__, "step": step, "shadow_params": shadow, "__module__": found.__module__})
