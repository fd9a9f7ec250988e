"""What the domains of claims leave out or declare because of diffusers, proven on diffusers itself."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from driving import drive, scheduler  # noqa: E402 - it imports diffusers

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

MULTISTEP = ("DPMSolverMultistepScheduler", "UniPCMultistepScheduler", "DEISMultistepScheduler", "SASolverScheduler")


def added_up(total, n):
    """The times of improved-diffusion's `space_timesteps`: a fractional stride, added again and again, rounded half to even."""
    place, times = 0.0, []
    for _ in range(n):
        times.append(round(place))
        place += (total - 1) / (n - 1)
    return times


def test_halfway_times_are_rounded_otherwise():
    """With odd step counts one time lies halfway between two; diffusers rounds it to the even one, the original where its sum comes out."""
    import diffusers

    differing = []
    for n in range(2, 51):
        made = diffusers.DDPMScheduler(num_train_timesteps=4000, timestep_spacing="linspace")
        made.set_timesteps(n)
        if made.timesteps.tolist()[::-1] != added_up(4000, n):
            differing.append(n)
    assert differing
    assert all(n % 2 for n in differing)
    assert not {7, 25} & set(differing)


@pytest.mark.parametrize("name", MULTISTEP)
def test_a_first_time_that_is_told_twice_skips_a_level(name):
    """With use_beta_sigmas 32 steps of Stable Diffusion's schedule tell the first time twice, and raise unless told where to begin."""
    made = scheduler(name, 32, use_beta_sigmas=True)
    assert made.timesteps[0] == made.timesteps[1]
    with pytest.raises((IndexError, AssertionError)):
        drive(made)
    drive(scheduler(name, 31, use_beta_sigmas=True))
    made = scheduler(name, 32, use_beta_sigmas=True)
    made.set_begin_index(0)
    assert np.isfinite(drive(made)[0]).all()


def test_zero_snr_on_linear_betas_has_no_rising_levels():
    """2^-24 for the last alpha_bar is more than those before it, so that its level is told as time 995; with 2^-28 it is told as 999."""
    linear = {"beta_schedule": "linear", "beta_start": 0.0001, "beta_end": 0.02, "rescale_betas_zero_snr": True}
    scheduler = diffusers.EulerDiscreteScheduler(**linear, use_karras_sigmas=True)
    scheduler.set_timesteps(2)
    assert scheduler.alphas_cumprod[-1] == 2**-24 > scheduler.alphas_cumprod[-2]
    assert 995 == int(scheduler.timesteps[0])
    scheduler.alphas_cumprod[-1] = 2**-28
    scheduler.sigmas = ((1 - scheduler.alphas_cumprod) / scheduler.alphas_cumprod) ** 0.5
    scheduler.set_timesteps(2)
    assert 999 == round(float(scheduler.timesteps[0]))
