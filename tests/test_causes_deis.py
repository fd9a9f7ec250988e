"""Why diffusers differs from DEIS: each entry of its ledger, proven on diffusers itself by changing the one thing that the entry names.

Nothing here goes through the specs: tAB-DEIS is written down once more, in float64, with its integrals by another rule.
"""

import numpy as np
import pytest
from formulas import ALPHA_BAR, NOISE, predict

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from driving import SAME, drive, far, scheduler, with_levels  # noqa: E402 - it imports diffusers

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

NAME = "DEISMultistepScheduler"
FINE = np.linspace(0, 1, 40_001)


def rho(times):
    """th_deis/vpsde.py: t2rho of DiscreteVPSDE, alpha being linear between training times."""
    alpha = np.interp(times, np.arange(1000), ALPHA_BAR)
    return np.sqrt((1 - alpha) / alpha)


def deis(x, times, order, variable=lambda t: t, *, ends_low=False):
    """Adams-Bashforth in v = x / sqrt(alpha): polynomials in `variable`, integrated over rho by the trapezium rule."""
    root = lambda t: 1 / np.sqrt(rho(t) ** 2 + 1)  # noqa: E731 - a formula
    answers, steps, v = [], len(times) - 1, x / root(times[0])
    for i in range(steps):
        answers = [predict(v * root(times[i]), times[i]), *answers][:order]
        p = min(len(answers), steps - i) if ends_low else len(answers)
        grid = times[i] + FINE * (times[i + 1] - times[i])
        known = [variable(times[i - k]) for k in range(p)]
        for k in range(p):
            shape = np.prod(
                [(variable(grid) - known[m]) / (known[k] - known[m]) for m in range(p) if m != k] or [np.ones_like(grid)], axis=0
            )
            v = v + np.trapezoid(shape, rho(grid)) * answers[k]
    return v * root(times[-1])


def log_rho(t):
    """The variable of diffusers' polynomials."""
    return np.log(rho(t))


def whole(n):
    """The times that diffusers visits, and the end."""
    return np.linspace(999, 0, n + 1).round()


def test_table_is_built_in_float32():
    """alpha_bar is a product of float32 numbers; built in float64 and rounded once it is ten times nearer to the original's."""
    made = scheduler(NAME, 20)
    assert torch.float32 == made.betas.dtype
    off = np.abs(made.alphas_cumprod.double().numpy() / ALPHA_BAR - 1).max()
    rounded = np.abs(ALPHA_BAR.astype(np.float32) / ALPHA_BAR - 1).max()
    assert off > 8 * rounded > 0


def test_times_are_rounded():
    """At order 1, where polynomials are constant, only the rounded times differ: with the even ones and their levels it is the original."""
    even = np.linspace(999, 0, 21)
    made = scheduler(NAME, 20, solver_order=1)
    assert made.timesteps.tolist() == whole(20)[:-1].tolist()
    wanted = deis(NOISE, even, 1)
    released = far(drive(made)[0], wanted)
    right = far(drive(with_levels(scheduler(NAME, 20, solver_order=1), rho(even)), told=even[:-1])[0], wanted)
    assert right < SAME
    assert released > 10 * right


def test_polynomials_are_in_log_rho():
    """On its own times it is DEIS with polynomials in log rho, and not DEIS with polynomials in t."""
    for order in (2, 3):
        sample = drive(scheduler(NAME, 20, solver_order=order))[0]
        assert far(sample, deis(NOISE, whole(20), order, log_rho)) < SAME
        assert far(sample, deis(NOISE, whole(20), order)) > 10 * SAME


def test_short_runs_end_in_lower_order():
    """14 steps end with orders 2 and 1, 15 steps do not, and lower_order_final=False keeps the order in 14."""
    for n, more, lowered in ((14, {}, True), (15, {}, False), (14, {"lower_order_final": False}, False)):
        sample = drive(scheduler(NAME, n, solver_order=3, **more))[0]
        assert far(sample, deis(NOISE, whole(n), 3, log_rho, ends_low=lowered)) < SAME
        assert far(sample, deis(NOISE, whole(n), 3, log_rho, ends_low=not lowered)) > 10 * SAME
