"""Drawing X from a claim's domain with Hypothesis; shrinking ends in the fewest steps, the plainest grid, no option at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from hypothesis import strategies as st

from trueto.model import Case, Claim
from trueto.running.domain import Domain, drawn_case

__all__ = ["cases", "forms", "pairs"]

Draw = Callable[[st.SearchStrategy[Any]], Any]
HUNDREDTHS = 100
FEWEST = 2  # steps of X for laws about several runs: with one step few samplers draw, remember or clip anything


def _steps(domain: Domain) -> st.SearchStrategy[int]:
    """A step count; three in eight are those at which something begins or ends, one is of those further up, which take longer to run."""
    within = st.integers(*domain.steps)
    edges = [st.sampled_from(domain.edges)] * 3 if domain.edges else []
    further = [st.sampled_from(domain.further)] if domain.further else []
    return st.one_of(*[within] * (4 if edges else 7), *edges, *further)


def _option(allowed: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "choices" in allowed:
        return st.sampled_from(allowed["choices"])
    if "whole" in allowed:
        return _and_ends(*allowed["whole"])
    low, high = (round(end * HUNDREDTHS) for end in allowed["range"])
    return _and_ends(low, high).map(lambda value: value / HUNDREDTHS)


def _and_ends(low: int, high: int) -> st.SearchStrategy[int]:
    """A number of a range, one time in four one of its ends, where what it scales is not there at all or is all there is."""
    within = st.integers(low, high)
    return st.one_of(within, within, within, st.sampled_from([low, high]))


def _some(draw: Draw, allowed: Mapping[str, Any], strategy: Callable[[Any], st.SearchStrategy[Any]]) -> dict[str, Any]:
    """Each of the named things or not: half of them are left out, but for those that are always given."""
    return {name: draw(strategy(one)) for name, one in sorted(allowed.items()) if one.get("always") or draw(st.booleans())}


def _axes(domain: Domain, grid: str, steps: int) -> dict[str, Mapping[str, Any]]:
    """The composed settings that may be drawn on a grid with so many steps."""
    return {
        name: axis
        for name, axis in domain.composed.items()
        if grid in axis.get("grids", (grid,)) and steps >= axis.get("least", 1) and "law" not in axis
    }


def _value(axis: Mapping[str, Any]) -> st.SearchStrategy[str]:
    return st.sampled_from(sorted(axis["values"]))


def _together(chosen: Mapping[str, str], axes: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """What was chosen, less what says that it is not for use with something else that was."""
    return {name: value for name, value in chosen.items() if not set(axes[name].get("without", ())) & set(chosen)}


def cases(claim: Claim) -> st.SearchStrategy[Case]:
    """Any X of the claim's domain, for the law that spec and candidate agree."""
    domain = Domain.of(claim)

    @st.composite
    def one(draw: Draw) -> Case:
        steps, grid = draw(_steps(domain)), draw(st.sampled_from(domain.grids))
        axes = _axes(domain, grid, steps)
        fields: dict[str, Any] = {
            "parameterization": draw(st.sampled_from(domain.parameterizations)),
            "schedule": draw(st.sampled_from(domain.schedules)),
            "network": draw(st.sampled_from(domain.networks)),
            "guidance": draw(st.sampled_from(domain.guidance)),
            "seed": draw(st.sampled_from(domain.seeds)),
            "shape": draw(st.sampled_from(domain.shapes)),
            "options": _some(draw, domain.options, _option),
        }
        composed = _together(_some(draw, axes, _value), axes) if draw(st.booleans()) else domain.fixed
        return drawn_case(steps=steps, grid=grid, composed=composed, **{**fields, **domain.fields(composed)})

    return one().filter(domain.holds)


def pairs(claim: Claim, law: str) -> st.SearchStrategy[Case]:
    """X with a batch of two, for laws about more than one run of one X."""
    domain = Domain.of(claim)
    name, axis = domain.axis_of(law) or ("", {})
    least = max(axis.get("least", 1), min(FEWEST, domain.steps[1]))

    @st.composite
    def one(draw: Draw) -> Case:
        return drawn_case(
            law,
            steps=draw(_steps(domain).filter(lambda steps: steps >= least)),
            grid=draw(st.sampled_from([grid for grid in domain.grids if grid in axis.get("grids", (grid,))])),
            schedule=domain.schedules[0],
            parameterization=draw(st.sampled_from(domain.parameterizations)),
            guidance=draw(st.sampled_from(domain.guidance)),
            shape=draw(st.sampled_from([shape for shape in domain.shapes if shape[0] > 1] or domain.shapes)),
            options=_some(draw, domain.options, _option),
            composed={**domain.fixed, **({name: draw(_value(axis))} if name else {})},
        )

    return one().filter(domain.holds)


def forms(claim: Claim) -> st.SearchStrategy[Case]:
    """X on which the candidate tells the network the time of its level exactly, as the claim's domain says."""
    domain = Domain.of(claim)
    steps = st.sampled_from(domain.forms["steps"]) if "steps" in domain.forms else _steps(domain)
    grid = domain.forms.get("grid", domain.grids[0])
    plain = partial(drawn_case, "forms", grid=grid, options=domain.given, composed=domain.fixed)
    built = st.builds(plain, steps=steps, schedule=st.sampled_from(domain.schedules))
    return built.filter(domain.holds)
