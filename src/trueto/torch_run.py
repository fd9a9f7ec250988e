"""One run of a torch sampler, original or candidate, seen from outside: what it is fed, and what it does with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from trueto.fixtures import Network, Schedule, variance_channels
from trueto.fixtures.noise import first_of
from trueto.fixtures.pictures import keep_mask, known_picture
from trueto.interpose import NoiseSource, tensor_of, to_numpy, to_torch
from trueto.model import Case
from trueto.observe import Observation, Probe, by_branch, nudge_signs

__all__ = ["Run"]

Array = np.ndarray[Any, np.dtype[Any]]


class Run:
    """One run of an original: what it is fed, and what is seen of it.

    `dtype` is the dtype of the latents, `table_dtype` that of tables (float32 also for 16-bit latents, as users have it).
    `seeded` runs draw their own noise; others replay the tape.
    """

    def __init__(  # noqa: PLR0913 - everything that a run is fed
        self,
        case: Case,
        net: Network,
        schedule: Schedule,
        dtype: torch.dtype,
        start: Array,
        source: NoiseSource,
        *,
        seeded: bool = False,
        device: str = "cpu",
        nudge: int | None = None,
    ) -> None:
        self.case = case
        self.device = device
        self.nudge = nudge
        self.schedule = schedule
        self.dtype = dtype
        self.table_dtype = torch.float64 if dtype == torch.float64 else torch.float32
        self.noise = source
        self.seeded = seeded
        self.probe = Probe(net)
        self.step = 0
        self._start = start
        self.observation: Observation | None = None
        self.built: Any = None
        self.generator: Any = None  # what an adapter made for this run to draw from, if it made any

    def table(self, values: Array) -> torch.Tensor:
        """A float64 table in the dtype that the original keeps tables in."""
        return tensor_of(np.array(values), self.table_dtype)

    def nudged(self, levels: torch.Tensor) -> torch.Tensor:
        """The noise levels; in a nudged repetition each is moved by one unit in the last place, but an exact 0 stays.

        Moving the levels makes the rounding of every coefficient fall out anew, which moving x alone would not.
        """
        if self.nudge is None:
            return levels
        signs = to_torch(nudge_signs(self.nudge, len(levels)), levels)
        moved = torch.nextafter(levels, signs * float("inf"))
        return torch.where(levels == 0, levels, moved)

    def start_noise(self, generator: torch.Generator | None = None) -> torch.Tensor:
        """Standard normal latents, shape of the case: recorded, or drawn now (from `generator`) in a seeded run."""
        if self.seeded:
            return torch.randn(self.case.shape, dtype=self.dtype, generator=generator)
        return tensor_of(self._start, self.dtype, self.device)

    def picture(self) -> torch.Tensor:
        """The known picture of an algorithm that fills in the rest, shape of the case."""
        return tensor_of(known_picture(self.case.shape, first_of(self.case.seed)), self.dtype, self.device)

    def mask(self) -> torch.Tensor:
        """Ones where the picture is known, zeros elsewhere, shape of the case."""
        return tensor_of(keep_mask(self.case.shape), self.dtype, self.device)

    def network(self, x: torch.Tensor, t: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        """The closed-form network as the original calls it: x (B, C, H, W), t (B,), condition (B, 1) in {0, 1} or None."""
        with torch._C.DisableTorchFunction():  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001 - what the harness itself does is not the candidate's, and need not be interposed
            marks = None if condition is None else to_numpy(condition).reshape(-1).astype(np.float64)
            values = to_numpy(x)
            times = to_numpy(t).reshape(-1).astype(np.float64)
            if times.size == 1:
                times = np.full(len(values), times[0])
            branch = values if marks is None else values[marks == marks[-1]]
            self.probe.record(branch, float(times[-1]), self.step)
            return to_torch(by_branch(self.probe.net, values.astype(np.float64), times, marks), x)

    def network_with_variance(self, x: torch.Tensor, t: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        """The network with learned variance, (B, 2C, H, W): its prediction, then `fixtures.variance_channels`."""
        with torch._C.DisableTorchFunction():  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001 - as in `network`
            marks = None if condition is None else to_numpy(condition).reshape(-1).astype(np.float64)
            times = np.broadcast_to(to_numpy(t).reshape(-1).astype(np.float64), (len(x),))
            variance = to_torch(variance_channels(self.schedule, tuple(x.shape), times, marks), x)
            return torch.cat([self.network(x, t, condition), variance], dim=1)

    def see(self, x: torch.Tensor, time: float, step: int) -> None:
        """Note a state of an algorithm that calls no network: x (B, C, H, W) of variance one in the noise, at a training time."""
        self.probe.record(to_numpy(x), float(time), step)

    def draw(self, step: int) -> torch.Tensor:
        """Noise for a place where the original lets its caller give it; keyed by the step and the order of draws in it."""
        self.noise.step = step
        blank = torch.zeros(self.case.shape, dtype=self.dtype, device=self.device)
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
