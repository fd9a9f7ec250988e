"""Levels and times that libraries space by themselves: the parts of composed settings."""

import numpy as np
import pytest

from trueto.distances import measure
from trueto.fixtures import schedule
from trueto.references import observe_spec, reference
from trueto.references.spaced import beta_quantiles, spaced_levels, told_times, whole_times

TABLE = np.sqrt(1 / schedule("sd_v1").alphas_cumprod - 1)


@pytest.mark.parametrize("n", [1, 2, 7, 50, 121])
def test_beta_quantiles_are_scipys(n):
    """The series and the halvings give the quantiles of Beta(0.6, 0.6) to the last digits."""
    stats = pytest.importorskip("scipy.stats")
    wanted = stats.beta.ppf(1 - np.linspace(0, 1, n), 0.6, 0.6)
    assert measure(beta_quantiles(n), wanted)[1] < 1e-15


@pytest.mark.parametrize("name", ["karras", "exponential", "beta", "log_snr"])
def test_levels_fall_from_end_to_end(name):
    """Each spacing begins at the noisiest level, ends at the cleanest, and falls all the way; no two are the same spacing."""
    found = spaced_levels(name, 12, TABLE)
    assert measure(found[[0, -1]], TABLE[[-1, 0]])[1] < 1e-12
    assert (np.diff(found) < 0).all()
    others = [spaced_levels(other, 12, TABLE) for other in ("karras", "exponential", "beta") if name not in (other, "log_snr")]
    assert all(measure(found, other)[1] > 0.1 for other in others)


def test_times_of_levels_are_those_of_the_table():
    """The time of a level of the table is its place; between two it is cut down or rounded."""
    assert measure(told_times(TABLE[[999, 400, 0]], TABLE), np.array([999.0, 400, 0]))[1] < 1e-9
    between = np.exp(0.3 * np.log(TABLE[7:8]) + 0.7 * np.log(TABLE[8:9]))
    assert (8.0, 7.0) == tuple(float(told_times(between, TABLE, how)[0]) for how in ("rounded", "truncated"))


@pytest.mark.parametrize(
    ("spacing", "wanted"), [("whole", [999, 666, 333, 0]), ("leading", [751, 501, 251, 0]), ("trailing", [999, 666, 332, 0])]
)
def test_whole_times(spacing, wanted):
    """Three whole training times of each spacing, as table 2 of arXiv 2305.08891 has them, and the end."""
    assert wanted == whole_times(spacing, 3, 1000).tolist()


@pytest.mark.parametrize("ramp", ["even", "thousandths"])
def test_edms_levels_in_the_precision_of_the_network_are_worked_out_in_it(ramp):
    """In float32 the base of the seventh power is rounded too, which moves levels by many of their last places; in float64 by none."""
    ref, case = reference("edm/heun"), reference("edm/heun").case("edm-40")
    found = {kind: observe_spec(ref, case, "idle", {"ramp": ramp, "grid_dtype": kind}) for kind in ("native", "float64")}
    exact = found["native"].exact.levels[:-1]
    off = {kind: measure(result.native.levels[:-1].astype(np.float64) / exact, np.ones(40))[1] for kind, result in found.items()}
    assert off["float64"] < 2**-24
    assert 10 * 2**-24 < off["native"] < 64 * 2**-24
