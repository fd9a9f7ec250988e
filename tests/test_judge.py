"""The judge: each term of the floor is seen to matter, each check is seen both to accept and to reject."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import small

from trueto.distances import distances, measure, same_bits
from trueto.judge import EPS, Spread, compare, expect, factor, same_in_float64, spread_of
from trueto.likeness import grey_levels, size_of
from trueto.running.truth import seen_in_float64

EXACT = small()
THIRD = np.array([0, 0, 1e-3, 0, 0])


def ratio(got, **how):
    """The ratio of `got` against EXACT, with a native run that has no error."""
    return compare(got, expect(EXACT, how.pop("native", EXACT), **how), "state").ratio


def off(by, row=2):
    """EXACT with every element of one row moved."""
    got = EXACT.copy()
    got[row] += by
    return got


def rms(row):
    """Size of one row of EXACT."""
    return float(np.sqrt((EXACT[row] ** 2).mean()))


def test_factor_comes_from_its_file():
    """There is one factor, and it is written in judge.toml."""
    assert 5.0 == factor()


def test_half_a_unit_in_the_last_place_is_always_allowed():
    """Without any other term the floor is half an ulp of the signal, in the dtype that is judged."""
    for dtype, eps in EPS.items():
        floors = expect(EXACT, EXACT, dtype=dtype)
        assert (floors.floor_rms >= eps * np.array([rms(row) for row in range(5)])).all()
        assert floors.floor_rms[0] == eps * rms(0)
        assert floors.floor_max[0] == eps * np.abs(EXACT[0]).max()


@pytest.mark.parametrize(
    "term",
    [
        {"native": off(1e-3)},
        {"spread": Spread(THIRD, THIRD)},
        {"native": off(1e-3, row=1)},
        {"native": off(1e-3, row=4), "pooled": True},
    ],
    ids=["own error", "spread of repetitions", "floor of an earlier step", "pooled table"],
)
def test_each_term_of_the_floor_matters(term):
    """A drift of 2e-3 is 2 floors with the term, and thousands without it."""
    got = off(2e-3)
    assert ratio(got) > 1000
    assert 1.9 < ratio(got, **term) < 2.1


def test_a_later_step_lends_no_floor():
    """The original's error in a later step does not excuse an earlier one, unless the rows are a table."""
    assert ratio(off(2e-3), native=off(1e-3, row=4)) > 1000


def test_nothing_over_nothing_is_nothing():
    """No drift over no floor is ratio 0: a row that is exact may be exact."""
    zeros = np.zeros((3, 4))
    assert 0 == compare(zeros, expect(zeros, zeros), "state").ratio


def test_all_zero_row_demands_zero():
    """Where the original is all zero, any other value is infinitely far, whatever the floor."""
    exact, native = EXACT.copy(), EXACT.copy()
    exact[3] = 0
    native[1] += 1
    seen = compare(exact + np.array([0, 0, 0, 1e-300, 0])[:, None, None], expect(exact, native), "state")
    assert (math.inf, 3) == (seen.ratio, seen.first_step)


def test_ends_must_be_exact():
    """A level that is exactly an end (0, pi/2) must be that end; the others may round."""
    ends = (0.0, math.pi / 2)
    table = np.array([math.pi / 2, 1.0, 0.5, 0.0])
    expected = expect(table, table.astype(np.float32), pooled=True, ends=ends)
    assert compare(table + np.array([0, 1e-8, -1e-8, 0]), expected, "level").agrees
    for moved in ([1e-8, 0, 0, 0], [0, 0, 0, 1e-12]):
        assert math.inf == compare(table + np.array(moved), expected, "level").ratio


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_never_agrees(value):
    """One NaN or infinity anywhere is infinitely far, at its step."""
    got = EXACT.copy()
    got[1, 0, 2] = value
    seen = compare(got, expect(EXACT, EXACT + 1e3), "state")
    assert (False, math.inf, 1, (0, 2)) == (seen.agrees, seen.ratio, seen.first_step, seen.worst_index)


@pytest.mark.parametrize("shape", [(4, 2, 3), (5, 2, 4), (5, 6), (), (0, 2, 3)])
def test_another_shape_never_agrees(shape):
    """Another shape is said in words and never agrees, a scalar and nothing at all neither."""
    seen = compare(np.zeros(shape), expect(EXACT, EXACT), "state")
    assert (False, math.inf) == (seen.agrees, seen.ratio)
    assert seen.note


def test_nothing_recorded_never_agrees():
    """An original without a single row proves nothing."""
    nothing = np.zeros((0, 3))
    assert not compare(nothing, expect(nothing, nothing), "state").agrees


def test_comparison_says_where_and_what():
    """The worst element, its step and the first bad step are named."""
    got = EXACT.copy()
    got[2, 1, 0] += 0.1
    got[4, 0, 2] += 0.7
    seen = compare(got, expect(EXACT, EXACT, steps=np.arange(10, 15)), "state")
    assert (12, 14, (0, 2)) == (seen.first_step, seen.worst_step, seen.worst_index)
    assert (EXACT[4, 0, 2], got[4, 0, 2]) == (seen.expected, seen.got)
    assert 5 == len(seen.drift_rms) == len(seen.ratios)


def test_one_far_element_is_seen():
    """A single wrong element that the RMS would dilute is seen by the maximum."""
    exact = small(shape=(1, 10000))
    native = exact + 1e-7
    got = native.copy()
    got[0, 17] += 6e-7
    seen = compare(got, expect(exact, native, dtype="float64"), "state")
    assert seen.drift_rms[0] / seen.floor_rms[0] < 1.1
    assert 6.9 < seen.ratio < 7.1


def test_factor_is_the_border():
    """Just below the factor agrees, just above does not."""
    expected = expect(EXACT, off(1e-3, row=0))
    assert compare(off(4.99e-3), expected, "state").agrees
    assert not compare(off(5.01e-3), expected, "state").agrees
    assert compare(off(5.01e-3), expected, "state", limit=6).agrees


def test_identical_means_every_bit():
    """Identical is about the native run's bits: the same number in another dtype, or -0 for 0, is not identical."""
    native = EXACT.astype(np.float32)
    expected = expect(EXACT, native)
    assert compare(native.copy(), expected, "state").identical
    assert not compare(native.astype(np.float64), expected, "state").identical
    assert not same_bits(np.array([0.0]), np.array([-0.0]))
    assert same_bits(np.array([math.nan]), np.array([math.nan]))


def test_twin_is_judged_finer_by_the_ratio_of_precisions():
    """A float64 floor is at least 2^-29 of the float32 one: where float32 loses digits, float64 loses as many."""
    coarse = expect(EXACT, off(1e-3, row=0))
    fine = expect(EXACT, EXACT, dtype="float64", scale_from=coarse)
    assert 2.0**-29 * coarse.floor_rms[2] == fine.floor_rms[2] > expect(EXACT, EXACT, dtype="float64").floor_rms[2]


def test_spread_is_the_farthest_repetition():
    """The spread of repetitions is the largest distance from the base, row by row."""
    seen = spread_of(np.stack([off(0.1), off(-0.3), off(0.2, row=0)]), EXACT)
    assert [0.2, 0, 0.3, 0, 0] == np.round(seen.rms, 12).tolist() == np.round(seen.maximum, 12).tolist()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_infinity_on_both_sides_is_told_without_a_word_of_numpy(dtype):
    """Released code divides by a sigma of zero: the distance is no number, and nothing of it reaches the terminal."""
    endless = EXACT.astype(dtype)
    endless[1, 0, 2] = math.inf
    assert math.isnan(measure(endless, endless)[1])
    assert [False, True, False, False, False] == np.isnan(spread_of(endless[None], endless).maximum).tolist()
    assert [False, True, False, False, False] == np.isnan(distances(endless, endless)[1]).tolist()


@pytest.mark.parametrize("value", [1.0, math.nan, math.inf])
@pytest.mark.parametrize("place", [3, 40_000, 99_999, 399_999])
def test_worst_element_of_a_large_tensor(value, place):
    """Block by block, the worst element is found in whichever block it is; an earlier smaller one does not hide it."""
    exact = np.zeros((2, 400_000))
    got = exact.astype(np.float32)
    got[1, [1, 399_998]] = 0.5
    got[1, place] = value
    seen = compare(got, expect(exact, exact + 1e-3), "state")
    assert (1, (place,)) == (seen.worst_step, seen.worst_index)


@pytest.mark.parametrize(
    ("levels", "word"),
    [
        (0, "none"),
        (1e-9, "negligible"),
        (0.499, "negligible"),
        (0.5, "small"),
        (1.99, "small"),
        (2, "visible"),
        (15.9, "visible"),
        (16, "another image"),
        (math.inf, "another image"),
    ],
)
def test_sizes_in_plain_words(levels, word):
    """Grey levels become their words, with their borders."""
    assert word == size_of(levels)


def test_grey_levels():
    """One unit of the picture is 127.5 grey levels; another shape or a NaN is another image."""
    zeros = np.zeros((2, 3))
    assert 127.5 == grey_levels(zeros + np.array([[0, 1, 0], [0, -0.5, 0]]), zeros)
    assert "another image" == size_of(grey_levels(zeros + math.nan, zeros)) == size_of(grey_levels(np.zeros((2, 4)), zeros))


POWERS = st.integers(-20, 20)


@settings(max_examples=60, deadline=None)
@given(POWERS, st.integers(0, 10), st.floats(1e-9, 1e-2))
def test_verdict_does_not_depend_on_the_unit(power, seed, by):
    """Everything times a power of two leaves ratios as they are, bit for bit."""
    scale = 2.0**power
    drift, error = small(seed) * by, small(seed + 1) * 1e-6
    plain = compare(EXACT + drift, expect(EXACT, EXACT + error), "state")
    scaled = compare((EXACT + drift) * scale, expect(EXACT * scale, (EXACT + error) * scale), "state")
    assert plain.ratios == scaled.ratios


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(6)), st.integers(0, 10))
def test_order_of_elements_does_not_matter(order, seed):
    """Shuffling the elements of every row alike changes no maximum, and no RMS beyond its own rounding."""
    drift, error = small(seed) * 1e-5, small(seed + 1) * 1e-6

    def shuffled(values):
        return values.reshape(5, 6)[:, order]

    plain = compare(EXACT + drift, expect(EXACT, EXACT + error), "state")
    moved = compare(shuffled(EXACT + drift), expect(shuffled(EXACT), shuffled(EXACT + error)), "state")
    assert plain.drift_max == moved.drift_max
    assert max(abs(a - b) / a for a, b in zip(plain.ratios, moved.ratios, strict=True)) < 1e-12


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 20), st.floats(1, 1e6))
def test_more_drift_is_never_judged_better(seed, more):
    """The ratio of every step grows with the drift."""
    expected = expect(EXACT, EXACT + small(seed + 1) * 1e-6)
    drift = small(seed) * 1e-6
    near, far = (compare(EXACT + by, expected, "state") for by in (drift, drift * more))
    assert all(a <= b * (1 + 1e-9) for a, b in zip(near.ratios, far.ratios, strict=True))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 20), st.integers(0, 4))
def test_floor_never_shrinks_along_the_steps(seed, row):
    """What was rounded once stays: floors never decrease, and a larger error of the original never lowers one."""
    error = small(seed) * 1e-6
    floors = expect(EXACT, EXACT + error)
    assert (np.diff(floors.floor_rms) >= 0).all()
    assert (np.diff(floors.floor_max) >= 0).all()
    error[row] *= 3
    assert (expect(EXACT, EXACT + error).floor_rms >= floors.floor_rms).all()


def test_a_twin_is_told_apart_from_rounding_by_a_share_of_the_signal():
    """Its floors are at least that share of the largest signal so far over the factor; zeros still demand zeros, larger floors stay."""
    values = np.stack([np.zeros((2, 3)), EXACT[1] * 8, EXACT[2]])
    floors = np.array([0.0, 0.0, 1.0])
    plain = expect(values, values, dtype="float64")
    twin = seen_in_float64(dataclasses.replace(plain, floor_max=floors))
    assert [0.0, same_in_float64() / factor() * np.abs(values[1]).max(), 1.0] == twin.floor_max.tolist()
    assert not compare(values + 1e-300, twin, "state").agrees
    moved = values.copy()
    moved[2] += 0.9 * same_in_float64() * np.abs(values[1]).min()
    assert not compare(moved, plain, "state").agrees
    assert compare(moved, twin, "state").agrees
