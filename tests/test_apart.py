"""What is beyond any rounding is told from one run of the twin, and never where both arms would agree."""

import pytest
from support import cell, runs_of_spec

from trueto.model import Layer
from trueto.references import reference
from trueto.running.arbiters import apart, both
from trueto.running.arms import Bench
from trueto.running.judging import Runs
from trueto.running.profiles import profile

NAME = "k_diffusion/dpmpp_2m"
CASES = ("model-20", "karras-20", "model-7")


def bench_of(case, layer):
    """A bench for one cell."""
    return Bench(reference(NAME), reference(NAME).case(case), layer, profile("default"))


@pytest.mark.parametrize("layer", [Layer.UPDATE, Layer.TRAJECTORY])
@pytest.mark.parametrize("case", CASES)
def test_a_spec_is_not_apart_from_itself_and_is_from_other_variants(case, layer):
    """For each pair of variants: apart says no more than that both arms cannot agree, and says it of every real difference here."""
    variants = [{}, {"midpoint": "plain"}, {"clip": "x0"}]
    for ran in variants:
        runs = runs_of_spec(cell(NAME, case, layer), **ran)
        for held in variants:
            bench = bench_of(case, layer)
            far = apart(bench, runs, held)
            agrees = both(bench, runs, held).agrees
            assert bench.spread
            assert not (far and agrees)
            assert far is not agrees


def test_nothing_is_apart_without_a_valid_twin():
    """Where there is no twin, it says nothing."""
    runs = runs_of_spec(cell(NAME, "model-20", Layer.TRAJECTORY), midpoint="plain")
    assert not apart(bench_of("model-20", Layer.TRAJECTORY), Runs(runs.native, None, runs.closed), {})
