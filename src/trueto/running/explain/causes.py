"""Which search fits a cell: cheap layers before the trajectory, which draws are used, when a case is refused."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable

from trueto.model import Layer
from trueto.observe import Observation
from trueto.running.explain.search import Knobs, Scale, Search, Trial, choices_for, confirm, distinct, nearest_of, search, shrunk
from trueto.running.explain.subject import Subject

__all__ = ["find_cause"]

Tell = Callable[[str], None]

BEFORE = (Layer.SCHEDULE, Layer.START, Layer.UPDATE)
MOST_DRAW_KNOBS = 4  # of one set about draws: where they come from, and what decides which are used
MOST_SETS = 400


def find_cause(subject: Subject, layer: Layer, tell: Tell) -> tuple[Search, dict[Layer, Search]]:
    """The search for the cell, and those in the layers before it that its trajectory is made of."""
    observed: Observation | None = subject.runs(layer).native.observation
    if observed is None or (subject.judgement(layer).verdict.bad and subject.judgement(layer).ratio is None):
        return _refusals(subject, layer, tell), {}
    if layer is Layer.NOISE:
        return _draws(subject, tell), {}
    scale = Scale(subject, layer)
    if layer is not Layer.TRAJECTORY:
        return _preferred(subject, search(scale, choices_for(subject, layer), tell)), {}
    before = {part: find_cause(subject, part, tell)[0] for part in BEFORE if _parts(subject, part)}
    return _trajectory(subject, scale, before, tell), before


def _preferred(subject: Subject, found: Search) -> Search:
    """Of several sets that restore this layer, first the one that is nearest in the layers after it as well."""
    after = [layer for layer in (Layer.UPDATE, Layer.TRAJECTORY) if layer is not found.layer and _parts(subject, layer)]
    if len(found.found) > 1 and found.layer in (Layer.SCHEDULE, Layer.START):
        scales = [Scale(subject, layer) for layer in after if subject.runs(layer).native.observation is not None]
        found.found.sort(key=lambda trial: sum(scale.weigh(trial.knobs).score for scale in scales))
    return found


def _parts(subject: Subject, layer: Layer) -> bool:
    return layer in subject.case.layers and subject.judgement(layer).verdict.bad


def _trajectory(subject: Subject, scale: Scale, before: dict[Layer, Search], tell: Tell) -> Search:
    """What restores the layers before, taken together; then more knobs on top of it."""
    choices = choices_for(subject, Layer.TRAJECTORY)
    together = _together(before.values())
    tell("trajectory: what restores the layers before it")
    weighed = [scale.weigh(knobs) for knobs in together]
    if confirmed := confirm(scale, weighed):
        found = Search(Layer.TRAJECTORY, scale.weigh({}), distinct(shrunk(scale, trial) for trial in confirmed), tried=len(weighed))
        found.singles = [scale.weigh({knob: value}) for knob, value in choices]
        return found
    nearest = nearest_of(weighed)
    return search(scale, choices, tell, given=None if nearest is None else nearest.knobs)


def _together(searches: Iterable[Search]) -> list[Knobs]:
    """One restoring set of each layer (or its nearest, where none restores), joined, in every combination; the first layer wins."""
    options = [[trial.knobs for trial in one.found] or ([one.nearest.knobs] if one.nearest else []) for one in searches]
    joined: dict[frozenset[tuple[str, str]], Knobs] = {}
    for chosen in itertools.product(*(option for option in options if option)):
        knobs: Knobs = {}
        for part in chosen:
            knobs = {**part, **knobs}
        if knobs:
            joined[frozenset(knobs.items())] = knobs
    return list(joined.values())


def _refusals(subject: Subject, layer: Layer, tell: Tell) -> Search:
    """A variant that refuses the case as the candidate does."""
    tell(f"{layer}: variants that refuse this case")
    nothing = Trial({}, math.inf, math.inf, math.inf)
    found = Search(layer, nothing)
    for knob, values in subject.ref.knobs.items():
        for value in () if knob in subject.parts else values[1:]:
            trial = Trial({knob: value}, math.inf, math.inf, math.inf, subject.judged_as(layer, {knob: value}))
            found.singles.append(trial)
            if trial.restores:
                found.found.append(trial)
    found.tried = len(found.singles)
    return found


def _draws(subject: Subject, tell: Tell) -> Search:
    """A variant that draws the noise which the candidate draws."""
    base = subject.judgement(Layer.NOISE)
    found = Search(Layer.NOISE, Trial({}, 0.0, base.drift or 0.0, base.ratio or 0.0))
    knobs = subject.ref.knobs
    sources = [{"draws": value} for value in knobs.get("draws", ("original",))[1:]]
    others = [(knob, value) for knob, value in choices_for(subject, Layer.NOISE) if knob != "draws"]
    chosen = getattr(subject.ref.frame, "drawn", None)
    tried: dict[tuple[str, tuple[int, ...] | None], Trial] = {}
    for size in range(MOST_DRAW_KNOBS if chosen is not None else 1):
        tell(f"noise: sets of {size + 1} knobs")
        for source, more in itertools.product(sources, itertools.combinations(others, size)):
            knobs_of = {**source, **dict(more)}
            if len(knobs_of) <= size or len(tried) > MOST_SETS:
                continue
            used = () if chosen is None else _used(chosen, subject, knobs_of)
            key = (source["draws"], used)
            if used is None or key in tried:
                continue
            tried[key] = _judged_draws(subject, knobs_of)
            found.tried += 1
            if size == 0:
                found.singles.append(tried[key])
            if tried[key].restores:
                found.found.append(tried[key])
        if found.found:
            break
    return found


def _used(chosen: Callable[..., list[int]], subject: Subject, knobs: Knobs) -> tuple[int, ...] | None:
    """Which of the seed's tensors move the sample in a variant; None for knobs that do not go together."""
    try:
        return tuple(chosen(subject.case, knobs))
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None


def _judged_draws(subject: Subject, knobs: Knobs) -> Trial:
    judged = subject.judged_as(Layer.NOISE, knobs)
    drift = math.inf if judged.drift is None else judged.drift
    return Trial(knobs, drift, drift, math.inf if judged.ratio is None else judged.ratio, judged)
