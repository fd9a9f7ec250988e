"""Why diffusers differs from ermongroup/ddim: each entry of the ledger, proven on diffusers itself.

Nothing here goes through the specs. diffusers computes in float64, on the original's table, so that what is left over is an algorithm; the
original's formulas stand below (functions/denoising.py at e8df66c).
"""

import numpy as np
import pytest

from trueto.distances import measure
from trueto.fixtures import network, schedule, start_noise

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytestmark = pytest.mark.filterwarnings("ignore")

LINEAR = schedule("linear")
ALPHA_BAR = LINEAR.alphas_cumprod
NET = network("mixture", LINEAR)
NOISE = start_noise(0, (2, 4, 4, 3)).astype(np.float64)
SAME = 1e-10  # what float64 leaves over; each of the differences below is thousands of times as large


def predict(x, t):
    """The network's answer about x when it is told t."""
    return NET(np.asarray(x), np.full(len(x), float(t)))


def uniform(n):
    """The original's times, from noisy to clean."""
    return [*range(0, 1000, 1000 // n)][::-1]


def quadratic(n):
    """The original's other times, from noisy to clean."""
    return [int(t) for t in np.linspace(0, np.sqrt(800), n) ** 2][::-1]


def level(t):
    """compute_alpha: alpha_bar, exactly 1 beyond the last training time."""
    return 1.0 if t < 0 else ALPHA_BAR[t]


def draws(count):
    """What `count` draws from seed 3 are in float64."""
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(NOISE.shape, generator=generator, dtype=torch.float64).numpy() for _ in range(count)]


def ddim(times):
    """generalized_steps with eta 0."""
    x = NOISE
    for t, t_next in zip(times, [*times[1:], -1], strict=True):
        a, b = level(t), level(t_next)
        eps = predict(x, t)
        x = np.sqrt(b) * (x - eps * np.sqrt(1 - a)) / np.sqrt(a) + np.sqrt(1 - b) * eps
    return x


def ddpm(times):
    """ddpm_steps."""
    x, noise = NOISE, draws(len(times))
    for i, (t, t_next) in enumerate(zip(times, [*times[1:], -1], strict=True)):
        a, b = level(t), level(t_next)
        beta = 1 - a / b
        x0 = np.clip(np.sqrt(1 / a) * x - np.sqrt(1 / a - 1) * predict(x, t), -1, 1)
        x = (np.sqrt(b) * beta * x0 + np.sqrt(1 - beta) * (1 - b) * x) / (1 - a)
        if t != 0:
            x = x + np.sqrt(beta) * noise[i]
    return x


def scheduler(name, *, times=None, n=None, **settings):
    """A scheduler in float64, ready for n steps or for custom times."""
    import diffusers

    made = getattr(diffusers, name)(**settings)
    made.alphas_cumprod = torch.from_numpy(ALPHA_BAR.copy())
    made.set_timesteps(n) if times is None else made.set_timesteps(timesteps=times)
    return made


def drive(made, **step):
    """The loop of diffusers' pipelines."""
    x = torch.from_numpy(NOISE)
    for t in made.timesteps:
        x = made.step(torch.from_numpy(predict(x, t)), t, x, return_dict=False, **step)[0]
    return x.numpy()


def far(got, wanted):
    """The largest difference of two samples."""
    return measure(got, wanted)[1]


@pytest.mark.parametrize("n", [7, 37])
@pytest.mark.parametrize("name", ["DDIMScheduler", "DDPMScheduler"])
def test_as_many_steps_as_asked_for(name, n):
    """37 steps are 37, where the original takes 38; with the original's times it is the original."""
    settings = {"DDIMScheduler": {"clip_sample": False}, "DDPMScheduler": {"variance_type": "fixed_large"}}[name]
    wanted = {"DDIMScheduler": ddim, "DDPMScheduler": ddpm}[name](uniform(n))

    def run(right):
        made = scheduler(name, n=n, **settings)
        assert (n, n + 1) == (len(made.timesteps), len(uniform(n)))
        if right:
            made.timesteps = torch.tensor(uniform(n))
        return drive(made, generator=torch.Generator().manual_seed(3))

    assert far(run(right=True), wanted) < SAME
    assert far(run(right=False), wanted) > 1000 * SAME


@pytest.mark.parametrize("n", [20, 50])
def test_ddim_clips_by_default(n):
    """With the constructor's defaults the clean picture is clipped; without that one setting it is the original."""
    assert scheduler("DDIMScheduler", n=n).config.clip_sample
    assert far(drive(scheduler("DDIMScheduler", n=n)), ddim(uniform(n))) > 1000 * SAME
    assert far(drive(scheduler("DDIMScheduler", n=n, clip_sample=False)), ddim(uniform(n))) < SAME


def test_ddpm_has_the_smaller_variance_by_default():
    """With the constructor's defaults the noise is smaller than the original's; with variance_type fixed_large it is the original."""
    wanted = ddpm(uniform(50))
    made = scheduler("DDPMScheduler", n=50)
    assert "fixed_small" == made.config.variance_type
    assert far(drive(made, generator=torch.Generator().manual_seed(3)), wanted) > 1000 * SAME
    made = scheduler("DDPMScheduler", n=50, variance_type="fixed_large")
    assert far(drive(made, generator=torch.Generator().manual_seed(3)), wanted) < SAME


def test_a_time_that_comes_twice_is_refused():
    """Custom timesteps with training time 0 twice raise ValueError; given once they are the original's, whose second visit does nothing."""
    times = quadratic(50)
    assert [0, 0] == times[-2:]
    with pytest.raises(ValueError, match="must be in descending order"):
        scheduler("DDPMScheduler", times=times)
    once = scheduler("DDPMScheduler", times=times[:-1], variance_type="fixed_large")
    assert far(drive(once, generator=torch.Generator().manual_seed(3)), ddpm(times)) < SAME


def test_with_an_offset_the_last_step_adds_noise():
    """From time 1 to the clean picture there is noise in scheduler and formula alike; without it the last of the formula's is left out."""
    times = [t + 1 for t in uniform(50)]
    settings = {"variance_type": "fixed_large", "steps_offset": 1}
    sample = drive(scheduler("DDPMScheduler", n=50, **settings), generator=torch.Generator().manual_seed(3))
    wanted, size = ddpm(times), np.sqrt(1 - level(1))
    assert 1 == times[-1]
    assert far(sample, wanted) < SAME
    clean = wanted - size * draws(50)[-1]
    assert np.max(np.abs(clean)) <= 1  # the clipped estimate of the picture itself
    assert far(sample, clean) > 1e-2
