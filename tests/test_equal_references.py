"""References that are mathematically one: recorded from different code, in different coordinates, they must compute the same thing.

A law about specs, for which no candidate is needed. The second spec is run on the first one's levels, times and start, in float64; both
are floors for the other, and the judge's factor decides.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from trueto.judge import compare
from trueto.model import Layer
from trueto.observe import theta
from trueto.references import observe_spec, reference
from trueto.running.truth import parts, seen_in_float64, spec_truth

# (reference, case, another step count or knobs of the spec, the other reference, a grid of its own, why).
DDIM = "DDIM is Euler's method in x / alpha against sigma / alpha (Song et al. 2020, equation 14)"
FIRST = "of first order, an exponential integrator of the noise prediction is DDIM (Lu et al. 2022, section 4.1)"
EDM = "algorithm 1 of Karras et al. 2022, by its authors and in k-diffusion"
ONE = [
    ("ermongroup/ddim", "uniform-20", {}, "compvis/ddim", "uniform", "the same equation 12"),
    ("ermongroup/ddim", "quad-10", {}, "compvis/ddim", "uniform", "the same equation 12"),
    ("ermongroup/ddim", "uniform-20", {}, "k_diffusion/euler", "model", DDIM),
    ("compvis/ddim", "uniform-20", {}, "k_diffusion/euler", "model", DDIM),
    ("dpm_solver/multistep", "order1-1", {"steps": 10}, "k_diffusion/euler", "model", FIRST),
    ("deis/rho_ab", "order1-10", {}, "k_diffusion/euler", "model", FIRST),
    ("deis/t_ab", "order1-10", {"integral": "exact"}, "k_diffusion/euler", "model", FIRST),
    ("deis/rho_ab", "order1-10", {}, "compvis/ddim", "uniform", FIRST),
    ("edm/euler", "edm-18", {}, "k_diffusion/euler", "karras", EDM),
    ("edm/heun", "edm-18", {}, "k_diffusion/heun", "karras", EDM),
    ("generative_models/heun_edm", "legacy-20", {}, "k_diffusion/heun", "model", EDM),
    ("generative_models/euler_edm", "legacy-20", {}, "k_diffusion/euler", "model", EDM),
    ("generative_models/dpmpp_2m", "legacy-20", {}, "k_diffusion/dpmpp_2m", "model", "Stability's copy of k-diffusion's method"),
    ("generative_models/linear_multistep", "legacy-20", {}, "k_diffusion/lms", "model", "Stability's copy of k-diffusion's method"),
    ("flux/denoise", "dev-1024px-50", {}, "sd3/euler", "released", "Euler's method from noise to picture on a straight line"),
    ("ho/ddpm", "large-25", {}, "improved_diffusion/ddpm", "spaced", "the posterior of Ho et al. 2020, equation 7"),
]
# Step counts that are drawn: from two on where one step goes straight from the first level to the clean end, which has no second slope.
LEAST = {"edm/euler": 2, "edm/heun": 2, "ho/ddpm": 2}
MOST = 60
OTHERS = [
    ("deis/rho_ab", "order2-11", {}, "k_diffusion/euler", "model", "order 2"),
    ("deis/t_ab", "order1-10", {}, "k_diffusion/euler", "model", "its code takes a sum of 10,000 points for the integral"),
    ("dpm_solver/multistep", "order2-9", {}, "k_diffusion/euler", "model", "order 2"),
    ("k_diffusion/dpmpp_2m", "model-20", {}, "k_diffusion/euler", "model", "order 2"),
    ("compvis/ddim", "eta0.5-20", {}, "k_diffusion/euler", "model", "noise"),
]


FIELDS = ("steps", "network", "seed", "shape")


def levels_as(kind, values, known):
    """Noise levels of one kind as another."""
    angle = theta(values, known)
    sine, cosine = np.sin(angle), np.cos(angle)
    found = {"sigma": np.tan(angle), "alpha_bar": cosine**2, "flow": sine / (sine + cosine)}[kind]
    return np.where(angle == 0, {"sigma": 0.0, "alpha_bar": 1.0, "flow": 0.0}[kind], found)


def one_on_the_other(name, case_id, changes, other, grid):
    """The second reference on the first one's levels, times and start, held against it."""
    knobs = {knob: value for knob, value in changes.items() if knob not in FIELDS}
    case = replace(reference(name).case(case_id), **{field: value for field, value in changes.items() if field in FIELDS})
    first = observe_spec(reference(name), case, "closed", knobs, spread="float64")
    there = replace(case, grid=grid, options={})
    seen = first.exact
    kind = observe_spec(reference(other), there, "idle").exact.level_kind
    levels = seen.levels if kind == seen.level_kind else levels_as(kind, seen.levels, seen.level_kind)
    given = {"levels": levels, "told": seen.told, "start": seen.start}
    second = observe_spec(reference(other), there, "closed", spread="float64", **given)
    assert first.exact.error is None
    if second.exact.path.shape != seen.path.shape:
        return None
    (_, expected, got), (_, back, _) = (
        parts(Layer.TRAJECTORY, spec_truth(result), observed.exact, "float64")[0] for result, observed in ((first, second), (second, first))
    )
    widest = {side: np.maximum(getattr(expected, side), getattr(back, side)) for side in ("floor_rms", "floor_max")}
    return compare(got, seen_in_float64(replace(expected, **widest)), "state")


@pytest.mark.parametrize(("name", "case", "changes", "other", "there", "why"), ONE, ids=[f"{row[0]}={row[3]}" for row in ONE])
def test_what_is_mathematically_one_is_one(name, case, changes, other, there, why):
    """Every state and the sample agree within the rounding of both, though the originals share no code."""
    found = one_on_the_other(name, case, changes, other, there)
    assert found is not None, why
    assert found.agrees, (why, found.ratio, found.first_step)


@pytest.mark.parametrize(("name", "case", "changes", "other", "there", "why"), ONE, ids=[f"{row[0]}={row[3]}" for row in ONE])
def test_and_on_every_x_that_is_drawn(name, case, changes, other, there, why):
    """At any step count, with another network, noise and size of picture; Hypothesis shrinks what breaks it to the fewest steps."""

    @settings(derandomize=True, max_examples=30, deadline=None, database=None)
    @given(
        st.integers(LEAST.get(name, 1), MOST),
        st.sampled_from(["mixture", "smooth"]),
        st.sampled_from([0, 1]),
        st.sampled_from([(2, 4, 4, 3), (1, 2, 3, 2)]),
    )
    def holds(steps, network, seed, shape):
        drawn = {**changes, "steps": steps, "network": network, "seed": seed, "shape": shape}
        made = replace(reference(name).case(case), **{field: drawn[field] for field in FIELDS})
        assume(observe_spec(reference(name), made, "idle").exact.error is None)  # what the original refuses says nothing of another
        found = one_on_the_other(name, case, drawn, other, there)
        assert found is not None, why
        assert found.agrees, (why, found.ratio, found.first_step)

    holds()


@pytest.mark.parametrize(("name", "case", "changes", "other", "there", "why"), OTHERS, ids=[f"{row[0]}!={row[3]}" for row in OTHERS])
def test_what_is_not_one_is_told_apart(name, case, changes, other, there, why):
    """The same comparison tells methods of another order, and with noise, apart: it can fail."""
    found = one_on_the_other(name, case, changes, other, there)
    assert found is None or not found.agrees, why
