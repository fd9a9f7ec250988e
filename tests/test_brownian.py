"""Noise from one Brownian path that is read at other levels: told from other noise by how far each draw must be from the original's."""

import numpy as np
import pytest

from trueto.model import Layer
from trueto.references import load_golden, reference
from trueto.running.arms import Bench
from trueto.running.brownian import same_path, variance
from trueto.running.profiles import profile

REF = reference("k_diffusion/dpmpp_sde")
LEVELS = np.array([14.6, 9.0, 5.0, 2.5, 1.0, 0.3, 0.0])
SIZE = 48


def moved(share):
    """The levels, each but the first and the last two moved by a share of itself."""
    return np.concatenate([LEVELS[:1], LEVELS[1:-2] * (1 + share), LEVELS[-2:]])


def draws(grids, seed, *, spans=REF.increments):
    """Draws (grids, draws, SIZE) of one path at the increments of several grids."""
    pairs = [spans(grid) for grid in grids]
    levels = np.unique(np.concatenate([pair.ravel() for pair in pairs]))
    steps = np.random.default_rng(seed).standard_normal((len(levels), SIZE)) * np.sqrt(np.diff(levels, prepend=0.0))[:, None]
    path = dict(zip(levels, np.cumsum(steps, axis=0), strict=True))
    return [np.stack([(path[high] - path[low]) / np.sqrt(high - low) for high, low in pair]) for pair in pairs]


def rms(first, second):
    """How far each draw is from the other."""
    return np.sqrt(np.mean((first - second) ** 2, axis=1))


def both(share):
    """The increments of the levels and of those that are moved."""
    return REF.increments(LEVELS), REF.increments(moved(share))


@pytest.mark.parametrize("share", [1e-6, 1e-4, 1e-3, 1e-2, 0.05])
def test_one_path_at_other_levels_is_as_far_as_theory_says(share):
    """Four hundred paths, no false alarm; and the mean square is what is foretold."""
    squares = []
    for seed in range(400):
        ours, theirs = draws([LEVELS, moved(share)], seed)
        assert same_path(rms(ours, theirs), SIZE, *both(share))
        squares.append(rms(ours, theirs) ** 2)
    least, largest = variance(*both(share))
    assert np.all(np.mean(squares, axis=0) <= 1.1 * largest + 1e-12)
    assert np.all(np.mean(squares, axis=0) >= 0.9 * least)


@pytest.mark.parametrize("share", [1e-4, 1e-3, 1e-2, 0.05])
def test_other_noise_is_not_the_same_path(share):
    """Another seed; one draw of another seed; one draw with its sign turned; two draws swapped."""
    (ours, theirs), (_, other) = draws([LEVELS, moved(share)], 0), draws([LEVELS, moved(share)], 1)
    assert not same_path(rms(ours, other), SIZE, *both(share))
    for index in range(len(ours)):
        one, turned = theirs.copy(), theirs.copy()
        one[index], turned[index] = other[index], -theirs[index]
        assert not same_path(rms(ours, one), SIZE, *both(share))
        assert not same_path(rms(ours, turned), SIZE, *both(share))
    assert not same_path(rms(ours, theirs[::-1]), SIZE, *both(share))


def test_increments_between_other_levels_are_not():
    """From the middle to the end, where the original goes from the begin to the end."""

    def second_half(levels):
        pairs = REF.increments(levels).copy()
        pairs[1::2, 0] = pairs[::2, 1]
        return pairs

    ours = draws([LEVELS, moved(1e-3)], 3)[0]
    theirs = draws([LEVELS, moved(1e-3)], 3, spans=second_half)[1]
    assert not same_path(rms(ours, theirs), SIZE, *both(1e-3))


def test_levels_that_differ_make_noise_that_differs():
    """The very draws of the original, though the levels are said to be others: then the noise was read elsewhere than is said."""
    ours = draws([LEVELS], 4)[0]
    assert same_path(rms(ours, ours), SIZE, *both(0.0))
    assert not same_path(rms(ours, ours), SIZE, *both(1e-2))


def test_levels_that_share_nothing_explain_nothing():
    """Where the increments do not overlap, other noise would be as far: nothing is explained by that."""
    first, second = np.array([[8.0, 4.0]]), np.array([[3.0, 1.0]])
    assert not same_path(np.array([np.sqrt(2.0)]), SIZE, first, second)
    assert not same_path(np.array([]), SIZE, first[:0], second[:0])
    assert not same_path(np.array([0.0]), SIZE, first, np.array([[8.0, 0.0]]))


def test_draws_of_a_step_go_to_its_middle_and_to_its_end():
    """In log sigma the middle is the geometric mean; the last step, to 0, draws none."""
    assert (10, 2) == REF.increments(LEVELS).shape
    first, second = REF.increments(LEVELS)[:2]
    assert abs(first[1] ** 2 - 14.6 * 9.0) < 1e-9
    assert [14.6, 9.0] == second.tolist()


def test_the_original_is_on_its_own_path_and_other_draws_are_not():
    """On the recorded draws: as they are; with one turned; with other start latents; with one draw less."""
    golden = load_golden(REF.id)
    bench = Bench(REF, REF.case("model-7"), Layer.NOISE, profile("default"), {})
    noise = golden.observation("model-7", "seeded", "float32").noise
    levels = golden.observation("model-7", "closed", "float32").levels
    turned, started = noise.copy(), noise.copy()
    turned[3] *= -1
    started[0] += 1e-3
    assert bench.on_the_same_path(noise, levels)
    assert not bench.on_the_same_path(turned, levels)
    assert not bench.on_the_same_path(started, levels)
    assert not bench.on_the_same_path(noise[:-1], levels)
    assert not bench.on_the_same_path(noise, levels * np.float32(0.99))
