"""Everything that can be said about why one cell differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from trueto.model import Judgement, Layer
from trueto.references import observe_spec
from trueto.running.arbiters import twin_observation
from trueto.running.explain.causes import find_cause
from trueto.running.explain.convergence import Convergence, convergence
from trueto.running.explain.search import Search
from trueto.running.explain.subject import Subject
from trueto.running.explain.terms import Rule, parted_rule

__all__ = ["Explanation", "explain"]

Tell = Callable[[str], None]


@dataclass(slots=True)
class Explanation:
    """What was found about one cell. `layers` are the verdicts against the original in every layer that was looked at."""

    subject: Subject
    layer: Layer
    judgement: Judgement
    layers: dict[Layer, Judgement] = field(default_factory=dict)
    search: Search | None = None
    before: dict[Layer, Search] = field(default_factory=dict)
    rule: Rule | None = None
    order: Convergence = field(default_factory=Convergence)
    source: str = ""

    @property
    def differs(self) -> bool:
        """Whether there is anything to explain."""
        return self.judgement.verdict.bad

    @property
    def explained(self) -> bool:
        """Whether a set of knobs restores agreement."""
        return self.search is not None and bool(self.search.found)

    @property
    def exit_code(self) -> int:
        """0 explained, or nothing to explain; 1 no explanation was found; 2 could not judge."""
        if self.judgement.verdict.unknown:
            return 2
        return 0 if self.explained or not self.differs else 1


def explain(subject: Subject, tell: Tell) -> Explanation:
    """Run the candidate for the subject's cell, and say why it differs; without a layer, for the first one that parts."""
    tell("running the candidate")
    layers: dict[Layer, Judgement] = {}
    for layer in subject.layers:
        if subject.layer is None and layer is Layer.NOISE and any(judged.verdict.bad for judged in layers.values()):
            break
        if layer is not Layer.NOISE or subject.layer in (None, Layer.NOISE):
            tell(f"judging layer {layer}")
            layers[layer] = subject.judgement(layer)
    chosen = subject.layer or _first(layers)
    found = Explanation(subject, chosen, layers[chosen], layers)
    native = subject.runs(chosen).native
    found.source = str(native.meta.get("source", ""))
    if not found.differs:
        return found
    found.search, found.before = find_cause(subject, chosen, tell)
    if native.observation is not None:
        found.rule = _rule(subject, layers)
        tell("with more steps, against the exact solution")
        found.order = convergence(subject)
    return found


def _first(layers: dict[Layer, Judgement]) -> Layer:
    """The first layer that parts; else the first that could not be judged; else the first."""
    for wanted in ("bad", "unknown"):
        for layer, judged in layers.items():
            if getattr(judged.verdict, wanted):
                return layer
    return next(iter(layers))


def _rule(subject: Subject, layers: dict[Layer, Judgement]) -> Rule | None:
    """The terms that differ, where the update rule does."""
    judged = layers.get(Layer.UPDATE)
    if judged is None or not judged.verdict.bad:
        return None
    seen, _ = twin_observation(subject.runs(Layer.UPDATE))
    if seen is None or not len(seen.told):
        return None
    own = {knob: value for knob, value in subject.parts.items() if knob not in subject.ref.frame.KNOBS}  # levels are the candidate's
    try:
        spec = observe_spec(subject.ref, subject.case, "open", own, levels=seen.levels, told=seen.told, start=seen.start).exact
    except LookupError:  # another number of network calls than times
        return None
    return parted_rule(subject.case, seen, spec)
