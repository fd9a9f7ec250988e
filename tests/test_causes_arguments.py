"""Why diffusers differs in what users pass: each entry of its ledger for arguments, proven on diffusers itself.

Nothing here goes through the specs: the original's formula stands below, in float64, diffusers is driven directly. In every test the
difference is there as released, and is gone as soon as that one thing is changed.
"""

from fractions import Fraction

import numpy as np
import pytest
from formulas import NOISE

from trueto.fixtures.pictures import known_picture

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from driving import SAME, far, scheduler  # noqa: E402 - it imports diffusers

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

PICTURE = known_picture(NOISE.shape)
ALPHA_BAR = np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)  # Stable Diffusion's schedule, in float64
LEADING = {"timestep_spacing": "leading"}
FIRST_ORDER = ("EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "LMSDiscreteScheduler")
SECOND_ORDER = ("HeunDiscreteScheduler", "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler", "DPMSolverSDEScheduler")
MULTISTEP = ("DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler", "UniPCMultistepScheduler", "DEISMultistepScheduler")


def built(name, n=0, **more):
    """A scheduler in the released configuration, set up for n steps or for none."""
    if n:
        return scheduler(name, n, **more)
    made = scheduler(name, 10, **more)
    return type(made).from_config(made.config)


def noisy(t, picture=PICTURE, noise=NOISE):
    """Ho et al. 2020, equation 4."""
    return np.sqrt(ALPHA_BAR[t]) * picture + np.sqrt(1 - ALPHA_BAR[t]) * noise


def velocity(t):
    """Salimans and Ho 2022, appendix D."""
    return np.sqrt(ALPHA_BAR[t]) * NOISE - np.sqrt(1 - ALPHA_BAR[t]) * PICTURE


def added(made, t, dtype=torch.int64):
    """What its add_noise answers at time t, and what its get_velocity does at a fractional one."""
    pair = torch.from_numpy(PICTURE).float(), torch.from_numpy(NOISE).float()
    times = torch.full((len(PICTURE),), t, dtype=dtype)
    return (made.add_noise if dtype == torch.int64 else made.get_velocity)(*pair, times).numpy()


@pytest.mark.parametrize("name", FIRST_ORDER + SECOND_ORDER)
def test_sigma_schedulers_round_sigma(name):
    """add_noise is the original's mixture over sqrt(alpha_bar), to float32 rounding; with a larger sigma it is not."""
    made = built(name)
    for t in (1, 500, 999):
        assert far(added(made, t) * np.sqrt(ALPHA_BAR[t]), noisy(t)) < SAME
    made.sigmas = made.sigmas * 1.01
    assert far(added(made, 500) * np.sqrt(ALPHA_BAR[500]), noisy(500)) > 10 * SAME


@pytest.mark.parametrize("name", MULTISTEP)
def test_multistep_adds_the_noise_of_the_mirrored_time(name):
    """Before set_timesteps, add_noise(t) is that of time 999 - t; with the table of sigmas turned round it is the original's."""
    made = built(name)
    for t in (0, 111, 777, 999):
        assert far(added(made, t), noisy(999 - t)) < SAME
        assert far(added(made, t), noisy(t)) > 10 * SAME
    made.sigmas = made.sigmas.flip(0)
    for t in (0, 111, 777, 999):
        assert far(added(made, t), noisy(t)) < SAME


@pytest.mark.parametrize("name", MULTISTEP)
def test_after_set_timesteps_other_times_are_lost(name):
    """After set_timesteps a time that is not visited gets the noise of the last one that is; with all times visited it gets its own."""
    made = built(name, 10, **LEADING)
    last = int(made.timesteps[-1])
    assert far(added(made, 777), noisy(last)) < SAME < far(added(made, 777), noisy(777))
    made.timesteps = torch.arange(1000)
    made.sigmas = torch.from_numpy(np.sqrt(1 / ALPHA_BAR - 1)).float()
    assert far(added(made, 777), noisy(777)) < SAME


@pytest.mark.parametrize("name", FIRST_ORDER + SECOND_ORDER)
def test_after_set_timesteps_other_times_are_refused(name):
    """After set_timesteps a time that is not visited raises IndexError; one that is visited gets its own noise."""
    made = built(name, 10, **LEADING)
    with pytest.raises(IndexError):
        added(made, 777)
    assert far(added(made, 501) * np.sqrt(ALPHA_BAR[501]), noisy(501)) < SAME


@pytest.mark.parametrize("name", ["LMSDiscreteScheduler", *SECOND_ORDER])
def test_leading_times_leave_time_0_out(name):
    """Before set_timesteps, with leading times counted from 1, time 0 raises IndexError; counted from 0 it gets its own noise."""
    with pytest.raises(IndexError):
        added(built(name, **LEADING), 0)
    made = built(name, **LEADING, steps_offset=0)
    assert far(added(made, 0) * np.sqrt(ALPHA_BAR[0]), noisy(0)) < SAME


def test_euler_velocity_takes_the_place_for_the_time():
    """Euler's get_velocity at time t is that of time 999 - t, DDIM's that of t; with alpha_bar turned round Euler's is right."""
    made = built("EulerDiscreteScheduler")
    for t in (0, 111, 777, 999):
        assert far(added(made, t, torch.float32), velocity(999 - t)) < SAME < far(added(made, t, torch.float32), velocity(t))
    made.alphas_cumprod = made.alphas_cumprod.flip(0)
    for t in (0, 111, 777, 999):
        assert far(added(made, t, torch.float32), velocity(t)) < SAME
    right = built("DDIMScheduler")
    pair = torch.from_numpy(PICTURE).float(), torch.from_numpy(NOISE).float()
    assert far(right.get_velocity(*pair, torch.full((len(PICTURE),), 777)).numpy(), velocity(777)) < SAME


@pytest.mark.parametrize("low", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["DDPMScheduler", "DDIMScheduler", "PNDMScheduler", "LCMScheduler", "TCDScheduler", "SASolverScheduler"])
def test_weights_are_rounded_to_the_dtype_of_the_picture(name, low):
    """add_noise in 16 bits is the mixture with alpha_bar rounded to 16 bits; with weights of float32 it is another one, the original's."""
    made, t = built(name), 0  # at a time with little noise 1 - alpha_bar is lost first
    picture, noise = (torch.from_numpy(values).to(low) for values in (PICTURE, NOISE))
    seen = made.add_noise(picture, noise, torch.full((len(PICTURE),), t)).double().numpy()
    rounded = torch.tensor(ALPHA_BAR[t]).float().to(low)
    weights = [float(rounded**0.5), float((1 - rounded) ** 0.5)]
    told = weights[0] * picture.double().numpy() + weights[1] * noise.double().numpy()
    original = noisy(t, picture.double().numpy(), noise.double().numpy())
    unit = {torch.bfloat16: 2.0**-8, torch.float16: 2.0**-11}[low] * np.abs(original).max()
    assert far(seen, told) < 2 * unit
    assert far(told, original) > 4 * far(seen, told)


@pytest.mark.parametrize("name", ["DDIMScheduler", "DDPMScheduler", "EulerDiscreteScheduler", "UniPCMultistepScheduler"])
def test_trailing_has_one_time_too_many(name):
    """61 steps are 62 times, the last of which is -1, where a rounding error is left above 0; 60 steps are 60, and end above it."""
    made = built(name, 61, timestep_spacing="trailing")
    exact = [round(Fraction(1000) - i * Fraction(1000, 61)) - 1 for i in range(61)]
    assert [*exact, -1] == [int(t) for t in made.timesteps]
    assert 60 == len(built(name, 60, timestep_spacing="trailing").timesteps)


@pytest.mark.parametrize("name", ["DDIMScheduler", "DDPMScheduler"])
def test_the_time_too_many_spoils_the_picture(name):
    """Taken for an index, -1 is the noisiest level: a clean picture, in which no noise is seen, is divided by the root of its alpha_bar."""
    made = built(name, 61, timestep_spacing="trailing", clip_sample=False, set_alpha_to_one=True)
    picture = torch.from_numpy(PICTURE).float()
    after = made.step(torch.zeros_like(picture), made.timesteps[-1], picture, return_dict=False)[0]
    assert far((after * made.alphas_cumprod[-1] ** 0.5).numpy(), PICTURE) < SAME
