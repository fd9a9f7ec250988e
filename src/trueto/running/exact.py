"""How far a run is from the exact solution of the mixture: what the law of order and `trueto explain` measure alike."""

from __future__ import annotations

import numpy as np

from trueto.distances import measure
from trueto.fixtures import network, schedule
from trueto.model import Case
from trueto.observe import Observation, theta

__all__ = ["distance_from_exact"]


def distance_from_exact(case: Case, seen: Observation, until: float | None = None) -> float:
    """RMS distance from the exact solution where the network is told `until`, else where the last step begins.

    The step to the clean end is of first order in every sampler, so it is left out.
    """
    step = seen.step[-1] if until is None else seen.step[np.flatnonzero(seen.told == until)[0]]
    row = int(np.flatnonzero(seen.step == step)[0])
    angles, levels = theta(seen.levels, seen.level_kind), schedule(case.schedule)
    first, last = ((float(np.cos(a)), float(np.sin(a))) for a in (angles[0], angles[int(step)]))
    # What is seen is what the network is fed: of variance one, but for EDM's networks (1 / sqrt(sigma^2 + 1/4)) and flow matching (1 - s).
    size = float(np.hypot(*levels.level(seen.told[row : row + 1]))[0])
    exact = network("mixture", levels).exact(seen.start, first, (size * last[0], size * last[1]))
    return measure(seen.states[row].astype(np.float64), exact)[0]
