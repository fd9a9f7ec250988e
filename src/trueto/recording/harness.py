"""All that a references/*/record.py may import: stand-ins for unused imports, and one run of an original.

A record.py has two functions: `load(source)` imports the original from a checkout and returns it, `drive(original, algorithm,
run)` calls it with what `run` holds and ends with `run.finish(...)`.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import torch

from trueto.fixtures import Network, Schedule
from trueto.interpose import NoiseSource, to_numpy, to_torch
from trueto.model import Case
from trueto.observe import Observation, Probe

__all__ = ["Run", "import_file", "quiet_progress", "stand_in"]

Array = np.ndarray[Any, np.dtype[Any]]


def stand_in(*names: str) -> None:
    """Make these modules importable as empty stand-ins, for imports that the recorded functions never use."""
    for name in names:
        module = MagicMock(name=name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        module.__path__ = []
        sys.modules[name] = module


class _NoBar:
    """A progress bar without output."""

    def __init__(self, iterable: Iterable[Any] = (), **_: Any) -> None:
        self._iterable = iterable

    def __iter__(self) -> Any:
        return iter(self._iterable)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, *_: Any) -> None:
        """Do nothing."""


def quiet_progress() -> None:
    """Put progress bars that show nothing in the place of tqdm."""
    for name in ("tqdm", "tqdm.auto"):
        module = types.ModuleType(name)
        vars(module).update(tqdm=_NoBar, trange=lambda count, **_: range(count))
        sys.modules[name] = module


def import_file(name: str, path: Path) -> types.ModuleType:
    """Import one file under a dotted name, without running the __init__ of its package."""
    package = name.rpartition(".")[0]
    if package and package not in sys.modules:
        shell = types.ModuleType(package)
        shell.__path__ = [str(path.parent)]
        sys.modules[package] = shell
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class Run:
    """One run of an original: what it is fed, and what is seen of it.

    `dtype` is the dtype of the latents, `table_dtype` that of tables (float32 also for 16-bit latents, as users have it).
    `seeded` runs draw their own noise; others replay the tape.
    """

    def __init__(self, case: Case, net: Network, schedule: Schedule, dtype: torch.dtype, start: Array, source: NoiseSource, *, seeded: bool = False) -> None:
        self.case = case
        self.schedule = schedule
        self.dtype = dtype
        self.table_dtype = torch.float64 if dtype == torch.float64 else torch.float32
        self.noise = source
        self.seeded = seeded
        self.probe = Probe(net)
        self.step = 0
        self._start = start
        self.observation: Observation | None = None

    def table(self, values: Array) -> torch.Tensor:
        """A float64 table in the dtype that the original keeps tables in."""
        return torch.from_numpy(np.array(values)).to(self.table_dtype)

    def start_noise(self) -> torch.Tensor:
        """Standard normal latents, shape of the case: recorded, or drawn now in a seeded run."""
        if self.seeded:
            return torch.randn(self.case.shape, dtype=self.dtype)
        return torch.from_numpy(self._start).to(self.dtype)

    def network(self, x: torch.Tensor, t: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        """The closed-form network as the original calls it: x (B, C, H, W), t (B,), condition (B, 1) in {0, 1} or None."""
        marks = None if condition is None else to_numpy(condition).reshape(-1).astype(np.float64)
        values = to_numpy(x)
        times = to_numpy(t).astype(np.float64)
        branch = values if marks is None else values[marks == marks[-1]]
        self.probe.record(branch, float(np.broadcast_to(times.reshape(-1), (x.shape[0],))[-1]), self.step)
        spread = np.broadcast_to(times.reshape(-1), (x.shape[0],)) if times.size == 1 else times
        out = self.probe.net(x.detach().to(torch.float64).numpy(), spread, marks)
        return to_torch(out, x)

    def draw(self, step: int, order: int = 0) -> torch.Tensor:
        """Noise for a place where the original lets its caller give it; keyed by (step, order)."""
        self.noise.step = step
        blank = torch.zeros(self.case.shape, dtype=self.dtype)
        return self.noise.serve(lambda: blank, self.case.shape)

    def relabel(self, steps: Iterable[int]) -> None:
        """Name the sampling step of each recorded call, when that is known only afterwards."""
        self.probe.steps = list(steps)

    def finish(self, *, levels: Any, start: torch.Tensor, sample: torch.Tensor, level_kind: str) -> None:
        """Keep the run: `levels` (S+1,), `start` and `sample` (B, C, H, W) scaled by 1 / sqrt(alpha^2 + sigma^2)."""
        self.observation = self.probe.observation(
            levels=to_numpy(levels) if isinstance(levels, torch.Tensor) else np.asarray(levels),
            level_kind=level_kind,
            start=to_numpy(start),
            sample=to_numpy(sample),
        )


Drive = Callable[[Any, str, Run], None]
