"""What docs/findings says about DPM-Solver and diffusers' DPM-Solver schedulers, measured again."""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from driving import scheduler  # noqa: E402 - it imports diffusers

from trueto.fixtures import start_noise  # noqa: E402
from trueto.references import reference  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def clean(lam):
    """A prediction of x0 that depends on the noise level alone."""
    return np.cos(lam) + lam**2 / 4


def integral(lams, rate):
    """The exact mean at the last level, from 0 at the first: alpha times the integral of rate exp(-rate (end - l)) clean(l)."""
    grid = np.linspace(lams[0], lams[-1], 200001)
    weight = rate * np.exp(-rate * (lams[-1] - grid)) * clean(grid)
    return np.sum((weight[1:] + weight[:-1]) / 2) * (grid[1] - grid[0]) / np.sqrt(1 + np.exp(-2 * lams[-1]))


def orders(errors):
    """Observed orders of convergence, for step counts that double."""
    return [np.log2(one / two) for one, two in itertools.pairwise(errors)]


def sde_error(n, order, *, sign=False):
    """Error of sde-dpmsolver++ without noise at the last level before 0; `sign` puts + 0.5 in the place of - 0.5."""
    made = scheduler(
        "DPMSolverMultistepScheduler", n, algorithm_type="sde-dpmsolver++", solver_order=order, solver_type="heun",
        prediction_type="sample", use_lu_lambdas=True,
    )  # fmt: skip
    lams = -np.log(made.sigmas[:-1].double().numpy())
    x = still = torch.zeros(1, dtype=torch.float64)
    for i, t in enumerate(made.timesteps[:-1]):
        x = made.step(torch.full((1,), clean(lams[i]), dtype=torch.float64), t, x, variance_noise=still, return_dict=False)[0]
        if sign and i >= 2:
            h = np.diff(lams[i - 2 : i + 2])
            slopes = np.diff(clean(lams[i - 2 : i + 1])) / h[:2] * h[2]
            x = x + (slopes[1] - slopes[0]) * h[2] / (h[0] + h[1]) / np.sqrt(1 + np.exp(-2 * lams[i + 1]))
    return abs(float(x) - integral(lams, 2))


def test_third_order_sde_converges_like_first_order():
    """Twice the steps halve the error of sde-dpmsolver++ of order 3, and quarter it with the sign of one half turned round."""
    counts = (40, 80, 160)
    assert max(orders([sde_error(n, 3) for n in counts])) < 1.3
    assert min(orders([sde_error(n, 2) for n in counts])) > 1.8
    assert min(orders([sde_error(n, 3, sign=True) for n in counts])) > 1.8


def ode_error(n, curvature):
    """Error of the multistep spec of order 3 on n equal steps of half log-SNR from -5 to 3.5."""
    ref = reference("dpm_solver/multistep")
    lams = np.linspace(-5.0, 3.5, n + 1)
    predict = ref.frame.Predictor.__new__(ref.frame.Predictor)
    predict.data = True
    points = [ref.frame.Point(1 / np.sqrt(1 + np.exp(-2 * lam)), 1 / np.sqrt(1 + np.exp(2 * lam)), lam, lam) for lam in lams]

    class Known(ref.frame.Predictor):
        def __call__(self, x, at, step):
            del step
            return np.full_like(x, clean(at.lam))

    predict.__class__ = Known
    out = ref.sample(predict, np.zeros(1), points, order=3, lower_order_final=False, curvature=curvature)
    return abs(float(out[0]) - integral(lams, 1))


def test_third_order_multistep_converges_like_second_order():
    """Order 3 of the original converges with order 2; with the whole second derivative with order 3."""
    counts = (80, 160, 320)
    assert max(orders([ode_error(n, "half") for n in counts])) < 2.3
    assert min(orders([ode_error(n, "whole") for n in counts])) > 2.7


def sample(made, n):
    """A run on a network that shrinks its input."""
    made.set_timesteps(n)
    x = torch.from_numpy(start_noise(0, (2, 4, 4, 3)))
    for t in made.timesteps:
        x = made.step(0.1 * x, t, x, return_dict=False)[0]
    return x


@pytest.mark.parametrize("grid", ["use_karras_sigmas", "use_exponential_sigmas", "use_lu_lambdas"])
@pytest.mark.parametrize("solver", [{"solver_type": "heun"}, {"solver_order": 3}])
def test_a_last_step_of_no_length_is_nan(grid, solver):
    """With sigma_min twice at the end of the grid all is NaN from 15 steps on; not below, and not with a midpoint step of second order."""
    made = scheduler("DPMSolverMultistepScheduler", 15, final_sigmas_type="sigma_min", **{grid: True}, **solver)
    assert bool(sample(made, 15).isnan().all())
    assert not bool(sample(made, 14).isnan().any())
    plain = scheduler("DPMSolverMultistepScheduler", 15, final_sigmas_type="sigma_min", **{grid: True})
    assert not bool(sample(plain, 15).isnan().any())


def test_singlestep_noise_prediction_cannot_be_thresholded():
    """algorithm_type 'dpmsolver' with thresholding raises in the singlestep scheduler, and runs in the multistep one."""
    options = {"algorithm_type": "dpmsolver", "thresholding": True, "final_sigmas_type": "sigma_min"}
    with pytest.raises(RuntimeError, match="1000"):
        sample(scheduler("DPMSolverSinglestepScheduler", 10, **options), 10)
    assert not bool(sample(scheduler("DPMSolverMultistepScheduler", 10, **options), 10).isnan().any())


@pytest.mark.parametrize("n", [11, 20])
def test_singlestep_of_order_3_returns_numbers(n):
    """Step counts that once gave black pictures (NaN) do so no longer."""
    assert not bool(sample(scheduler("DPMSolverSinglestepScheduler", n, solver_order=3), n).isnan().any())
