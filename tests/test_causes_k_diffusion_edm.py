"""Why diffusers' EDM schedulers differ from k-diffusion: each entry of the ledger, proven on diffusers by changing that one thing."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

import edm_formulas as original  # noqa: E402 - it imports diffusers
from driving import SAME, all_but_one, far  # noqa: E402 - likewise
from edm_formulas import HIGH, LOW, NOISE, drive, karras, scheduler  # noqa: E402 - likewise

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

EDM_SCHEDULERS = ("EDMEulerScheduler", "EDMDPMSolverMultistepScheduler")


@pytest.mark.parametrize("name", EDM_SCHEDULERS)
def test_edm_schedulers_start_from_more_than_sigma_max(name):
    """The first latents are scaled by sqrt(sigma_max^2 + 1); scaled by sigma_max, EDMEulerScheduler is k-diffusion's Euler."""
    scale = scheduler(name, 7).init_noise_sigma
    assert (HIGH**2 + 1) ** 0.5 == scale
    assert 7e-5 < scale / HIGH - 1 < 8e-5
    if name == "EDMEulerScheduler":
        wanted = original.euler(NOISE * HIGH, karras(7))
        all_but_one(lambda right: drive(scheduler(name, 7), NOISE * (HIGH if right else scale))[0], wanted, ("start",))


@pytest.mark.parametrize("name", EDM_SCHEDULERS)
def test_a_lone_exponential_step_is_taken_at_the_clean_end(name):
    """Its levels are counted up from sigma_min and turned round, so that one level is sigma_min; counted down, it is sigma_max."""
    made = scheduler(name, 1, sigma_schedule="exponential")
    assert abs(float(made.sigmas[0]) / LOW - 1) < 1e-6
    counted_down = torch.linspace(np.log(HIGH), np.log(LOW), 1).exp()
    assert abs(float(counted_down[0]) / HIGH - 1) < 1e-6
    wanted = original.denoise(NOISE * HIGH, HIGH)
    right = scheduler(name, 1, sigma_schedule="exponential")
    right.sigmas = torch.cat([counted_down, torch.zeros(1)])
    right.timesteps = right.precondition_noise(counted_down)
    assert far(drive(made, NOISE * HIGH)[0], wanted) > 1
    assert far(drive(right, NOISE * HIGH)[0], wanted) < SAME
    many = scheduler(name, 15, sigma_schedule="exponential").sigmas[:-1].double().numpy()
    assert np.abs(many / np.geomspace(HIGH, LOW, 15) - 1).max() < 1e-5


def churned(right, seed=5, n=7, churn=2.0):
    """EDMEulerScheduler with s_churn in the pipelines' loop; with `right` the network sees x with the extra noise, at the raised level."""
    made = scheduler("EDMEulerScheduler", n)
    sigmas, generator, source = karras(n), torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed)
    x = torch.from_numpy(NOISE * HIGH).float()
    for i, t in enumerate(made.timesteps):
        scaled, told = made.scale_model_input(x, t), float(t)
        if right:
            raised = sigmas[i] * (1 + churn / n)
            x_hat = x.double() + torch.randn(NOISE.shape, generator=source).double() * np.sqrt(raised**2 - sigmas[i] ** 2)
            scaled, told = x_hat / np.sqrt(raised**2 + 0.25), np.log(raised) / 4
        answer = torch.from_numpy(original.predict(scaled, told)).float()
        x = made.step(answer, t, x, s_churn=churn, generator=generator, return_dict=False)[0]
    return x.numpy()


def test_edm_euler_churns_after_the_network_call():
    """With s_churn the network sees x before the extra noise; shown x with the noise, at the raised level, it is k-diffusion's Euler."""
    generator = torch.Generator().manual_seed(5)
    draws = [torch.randn(NOISE.shape, generator=generator).double().numpy() for _ in range(7)]
    wanted = original.euler(NOISE * HIGH, karras(7), draws, 2.0)
    all_but_one(lambda right: churned("order" in right), wanted, ("order",))


def test_edm_euler_draws_only_where_it_churns():
    """A step outside of [s_tmin, s_tmax] leaves the generator where it was; k-diffusion draws in every step."""
    made = scheduler("EDMEulerScheduler", 12)
    generator = torch.Generator().manual_seed(5)
    x, moved = torch.from_numpy(NOISE * HIGH).float(), []
    for t in made.timesteps:
        before = generator.get_state().tolist()
        made.scale_model_input(x, t)
        x = made.step(x, t, x, s_churn=20.0, s_tmin=0.3, s_tmax=6.0, generator=generator, return_dict=False)[0]
        moved.append(before != generator.get_state().tolist())
    assert [bool(0.3 <= sigma <= 6.0) for sigma in made.sigmas[:-1]] == moved
    assert {True, False} == set(moved)
