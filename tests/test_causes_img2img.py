"""Why diffusers differs where a run begins part-way with a picture: proof of each cause that the ledger names.

The original's formulas stand in formulas.py, in float64. Each difference is there as released, and is gone as soon as that one thing is
changed.
"""

import formulas_dpm_solver as original
import numpy as np
import pytest
from formulas import ALPHA_BAR, NOISE, asked, ddim, levels, predict

from trueto.fixtures.pictures import known_picture
from trueto.references.asked import beta_quantiles

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from driving import SAME, drive, far, scheduler  # noqa: E402 - it imports diffusers

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

PICTURE = known_picture(NOISE.shape)


def begun(made, strength, n, first=None):
    """The loop of diffusers' image to image: final sample and the noisy picture. `first` is the time whose noise is added instead."""
    skipped = n - int(n * strength)
    times = made.timesteps[skipped * made.order :]
    if hasattr(made, "set_begin_index"):
        made.set_begin_index(skipped * made.order)
    pair = torch.from_numpy(PICTURE).float(), torch.from_numpy(NOISE).float()
    x = start = made.add_noise(*pair, torch.full((len(PICTURE),), int(times[0]) if first is None else first))
    for t in times:
        x = made.step(torch.from_numpy(predict(made.scale_model_input(x, t), t)).float(), t, x, return_dict=False)[0]
    return x.numpy(), start.numpy()


def encoded(t):
    """ddim.py: stochastic_encode."""
    return np.sqrt(ALPHA_BAR[t]) * PICTURE + np.sqrt(1 - ALPHA_BAR[t]) * NOISE


@pytest.mark.parametrize("n", [20, 12])
def test_the_first_picture_gets_the_noise_of_the_first_time_visited(n):
    """img2img.py adds the noise of one step before the first; DDIMScheduler with that noise is the original, as released it is not."""
    grid, count = asked(n)[::-1], int(0.5 * n)
    start = encoded(grid[count])
    wanted = ddim(start, grid[:count][::-1])
    sample, noisy = begun(scheduler("DDIMScheduler", n), 0.5, n)
    assert far(noisy, encoded(grid[count - 1])) < SAME < far(noisy, start)
    assert far(sample, wanted) > 10 * SAME
    sample, noisy = begun(scheduler("DDIMScheduler", n), 0.5, n, int(grid[count]))
    assert far(noisy, start) < SAME
    assert far(sample, wanted) < SAME


def lms(x, sigmas, counted):
    """sampling.py: sample_lms, with the weights of an order that counts `counted` steps as walked before."""
    slopes, whole = [], levels(11)
    place = len(whole) - len(sigmas)
    for i in range(len(sigmas) - 1):
        slopes = [predict(x / np.sqrt(sigmas[i] ** 2 + 1), np.interp(np.log(sigmas[i]), LOGS, np.arange(1000))), *slopes][:4]
        order = min(counted + i + 1, 4)
        x = x + sum(weight(whole, place + i, order, j) * slope for j, slope in zip(range(order), slopes, strict=False))
    return x


LOGS = np.log((1 - ALPHA_BAR) / ALPHA_BAR) / 2


def weight(sigmas, i, order, j):
    """sampling.py: linear_multistep_coeff, by ten points in the place of an integral."""
    nodes, shares = np.polynomial.legendre.leggauss(10)
    middle, half = (sigmas[i] + sigmas[i + 1]) / 2, (sigmas[i + 1] - sigmas[i]) / 2
    others = [sigmas[i - k] for k in range(order) if k != j]
    return half * sum(
        s * np.prod([(middle + half * u - o) / (sigmas[i - j] - o) for o in others]) for u, s in zip(nodes, shares, strict=True)
    )


def with_levels(n):
    """LMSDiscreteScheduler on the original's own levels."""
    made = scheduler("LMSDiscreteScheduler", n)
    made.sigmas = torch.from_numpy(levels(n)).float()
    made.timesteps = torch.from_numpy(np.interp(np.log(levels(n)[:-1]), LOGS, np.arange(1000)))
    return made


def test_lms_begun_part_way_weighs_slopes_that_it_does_not_have():
    """Its order counts the steps left out as well: it is sample_lms with such weights, and sample_lms itself where nothing is left out."""
    n, skipped = 11, 6
    sigmas = levels(n)[skipped:]
    made = with_levels(n)
    made.set_begin_index(skipped)
    pair = torch.from_numpy(PICTURE).float(), torch.from_numpy(NOISE).float()
    x = made.add_noise(*pair, made.timesteps[skipped : skipped + 1].repeat(len(PICTURE)))
    start = PICTURE + NOISE * sigmas[0]
    assert far(x.numpy(), start) < SAME
    for t in made.timesteps[skipped:]:
        x = made.step(torch.from_numpy(predict(made.scale_model_input(x, t), t)).float(), t, x, return_dict=False)[0]
    assert far(x.numpy(), lms(start, sigmas, skipped)) < SAME
    assert far(x.numpy(), lms(start, sigmas, 0)) > 100 * SAME


def test_weights_for_slopes_that_are_missing_do_not_add_up():
    """The weights of a step add up to its length; without those of the missing slopes they do not."""
    whole = levels(11)
    step = whole[7] - whole[6]
    weights = [weight(whole, 6, 4, j) for j in range(4)]
    assert abs(sum(weights) / step - 1) < 1e-9
    assert abs(weights[0] / step - 1) > 0.5


@pytest.mark.parametrize("n", [12, 15])
def test_short_runs_that_end_above_zero_are_lowered_to_first_order(n):
    """Ended at sigma_min, lower_order_final changes the last of 12 steps, and none of 15."""

    def run(**more):
        return drive(scheduler("DPMSolverMultistepScheduler", n, final_sigmas_type="sigma_min", timestep_spacing="linspace", **more))[0]

    apart = far(run(), run(lower_order_final=False))
    assert apart > 1e-4 if n == 12 else apart == 0


@pytest.mark.parametrize("name", ["EulerDiscreteScheduler", "DPMSolverMultistepScheduler"])
def test_beta_quantiles_are_taken_for_levels(name):
    """use_beta_sigmas spaces sigma by the quantiles, scipy's and ours; times spaced by them, as in the paper, have other levels."""
    scipy = pytest.importorskip("scipy.stats")
    n, sigma = 12, np.exp(LOGS)
    quantiles = scipy.beta.ppf(np.linspace(1, 0, n), 0.6, 0.6)
    assert far(beta_quantiles(n), quantiles) < 1e-12
    made = scheduler(name, n, use_beta_sigmas=True)
    assert far(made.sigmas[:-1].numpy(), sigma[0] + quantiles * (sigma[-1] - sigma[0])) < 1e-4
    assert far(made.sigmas[:-1].numpy(), np.exp(np.interp(quantiles * 999, np.arange(1000), LOGS))) > 1


N, SKIPPED = 20, 12
SOLVER = {"solver_order": 2, "final_sigmas_type": "sigma_min", "timestep_spacing": "linspace", "lower_order_final": True}


def walked(made, skipped):
    """Half log-SNRs and times that a scheduler walks after so many steps."""
    return -np.log(made.sigmas[skipped:].numpy().astype(np.float64)), made.timesteps[skipped:].numpy().astype(np.float64)


def test_orders_go_by_the_steps_that_were_asked_for():
    """Of 20 steps the last 8 stay of second order; where the scheduler knows of those 8 only, the last is of first order, as originally."""
    made = scheduler("DPMSolverMultistepScheduler", N, **SOLVER)
    lams, told = walked(made, SKIPPED)
    sample, noisy = begun(made, 1 - SKIPPED / N, N)
    alpha, sigma = original.alpha_sigma(lams[0])
    assert far(noisy, alpha * PICTURE + sigma * NOISE) < SAME
    as_asked, as_left = (original.multistep(noisy.astype(np.float64), lams, told, lowered=lowered) for lowered in (False, True))
    assert far(sample, as_asked) < SAME < far(sample, as_left) / 10
    made = scheduler("DPMSolverMultistepScheduler", N, **SOLVER)
    made.timesteps, made.sigmas = made.timesteps[SKIPPED:], made.sigmas[SKIPPED:]
    sample, _ = begun(made, 1, N - SKIPPED)
    assert far(sample, as_left) < SAME


def test_calls_are_grouped_as_in_the_whole_run():
    """Of 20 calls in steps of three the last 7 are the rest of a step, then whole ones; grouped anew, they are the original's."""
    options = {**SOLVER, "solver_order": 3, "solver_type": "heun"}
    made = scheduler("DPMSolverSinglestepScheduler", N, **options)
    lams, told = walked(made, SKIPPED + 1)
    sample, noisy = begun(made, 1 - (SKIPPED + 1) / N, N)
    start = noisy.astype(np.float64)
    as_whole, as_left = (original.singlestep(start, lams, told, sizes, "taylor") for sizes in ([2, 3, 2], [3, 3, 1]))
    assert far(sample, as_whole) < SAME < far(sample, as_left) / 10
    made = scheduler("DPMSolverSinglestepScheduler", N, **options)
    made.order_list = [0] * (SKIPPED + 1) + [1, 2, 3, 1, 2, 3, 1]
    sample, _ = begun(made, 1 - (SKIPPED + 1) / N, N)
    assert far(sample, as_left) < SAME


@pytest.mark.parametrize("counted", [20, 8])
def test_churn_is_spread_over_the_steps_that_were_asked_for(counted):
    """The noise added in a step is that of s_churn / 20, of 8 steps taken; with those 8 levels alone it is that of s_churn / 8."""
    made = scheduler("EulerDiscreteScheduler", N, timestep_spacing="linspace")
    if counted == N:
        made.set_begin_index(SKIPPED)
    else:
        made.timesteps, made.sigmas = made.timesteps[SKIPPED:], made.sigmas[SKIPPED:]
    first, churn = N - SKIPPED, 3.0
    sigma, after = (float(level) for level in made.sigmas[-first - 1 :][:2])
    x, answer = torch.from_numpy(PICTURE).float(), torch.from_numpy(NOISE).float()
    torch.manual_seed(0)
    stepped = made.step(answer, made.timesteps[-first], x, s_churn=churn, return_dict=False)[0]
    torch.manual_seed(0)
    raised = sigma * (1 + churn / counted)
    x_hat = x + torch.randn(x.shape) * (raised**2 - sigma**2) ** 0.5
    assert far(stepped.numpy(), (x_hat + answer * (after - raised)).numpy()) < SAME


def test_sa_solver_adds_the_noise_of_the_time_told():
    """add_noise looks its level up at the whole time; the level of the step is another, which its own sigma table has."""
    made = scheduler("SASolverScheduler", N, use_karras_sigmas=True)
    _, noisy = begun(made, 0.5, N)
    at = int(made.timesteps[N // 2])
    assert far(noisy, encoded(at)) < SAME
    alpha, sigma = original.alpha_sigma(walked(made, N // 2)[0][0])
    assert far(noisy, alpha * PICTURE + sigma * NOISE) > 10 * SAME
