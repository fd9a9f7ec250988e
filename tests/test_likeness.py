"""What a difference looks like: each pattern is named when it is there, and none when there is none."""

import numpy as np
import pytest

from trueto.judge import expect
from trueto.likeness import looks_like

RNG = np.random.default_rng(5)
SHAPE = (6, 3, 4, 5, 5)
VALUES = RNG.standard_normal(SHAPE) + 0.3
DRAWS = RNG.standard_normal((4, *SHAPE[1:]))
EXPECTED = expect(VALUES, VALUES.astype(np.float32))


def changed(row, to):
    """The original's values, with another row from `row` on."""
    got = VALUES.copy()
    got[row] = to
    return got


def spike():
    """One row with three elements far away."""
    row = VALUES[3].copy()
    row.reshape(-1)[[5, 50, 100]] += 2.0
    return row


@pytest.mark.parametrize(
    ("got", "words"),
    [
        (changed(2, VALUES[1]), "one step late"),
        (changed(2, VALUES[3]), "one step early"),
        (changed(1, -VALUES[1]), "the opposite sign"),
        (changed(1, VALUES[1] + 0.25), "an offset: 0.25 added everywhere"),
        (changed(1, VALUES[1] * 1.002), "another scale: 1.002 times the original"),
        (changed(4, VALUES[4][[0, 2, 1]]), "samples of the batch in the order 0, 2, 1"),
        (changed(4, VALUES[4][:, ::-1]), "channels in reverse order"),
        (changed(4, VALUES[4].swapaxes(-1, -2)), "height and width swapped"),
        (changed(4, VALUES[4][..., ::-1]), "left and right swapped"),
        (changed(2, VALUES[2] - 0.3 * DRAWS[1]), "noise: -0.3 times draw 1 more"),
        (changed(2, VALUES[2] + 0.4 * (DRAWS[3] - DRAWS[0])), "noise: draw 3 in the place of draw 0"),
        (changed(3, spike()), "3 of 300 elements hold nearly all of it"),
        (changed(3, np.full(SHAPE[1:], np.nan)), "values that are not finite"),
    ],
)
def test_patterns_are_named(got, words):
    """Each pattern, put into one row, is what the words say."""
    assert looks_like(got, EXPECTED, 5.0, DRAWS).startswith(words)


def test_without_a_pattern_nothing_is_said():
    """A difference without a pattern, no difference at all, and another shape get no words."""
    assert not looks_like(changed(2, VALUES[2] + RNG.standard_normal(SHAPE[1:])), EXPECTED, 5.0, DRAWS)
    assert not looks_like(VALUES, EXPECTED, 5.0, DRAWS)
    assert not looks_like(VALUES[:3], EXPECTED, 5.0, DRAWS)


@pytest.mark.filterwarnings("error")
def test_numbers_where_the_original_has_none():
    """As of an original that divides by a sigma of zero."""
    endless = changed(2, np.inf)
    assert "numbers where the original has values that are not finite" == looks_like(VALUES, expect(endless, endless), 5.0, DRAWS)


def test_the_first_row_that_differs_speaks():
    """Rows after the first that differs only carry on what happened there."""
    got = changed(2, VALUES[2] + 0.5)
    got[3:] *= 3.0
    assert looks_like(got, EXPECTED, 5.0).startswith("an offset: 0.5")


def test_numbers_have_neighbours_only():
    """In a table of numbers only its neighbours are looked at: scale and offset would explain any one number."""
    times = np.array([999.0, 800.0, 600.0, 400.0])
    expected = expect(times, times.astype(np.float32), pooled=True)
    assert looks_like(np.array([999.0, 999.0, 800.0, 600.0]), expected, 5.0).startswith("one step late")
    assert not looks_like(np.array([999.0, 801.0, 600.0, 400.0]), expected, 5.0)
