"""Why diffusers differs from guided-diffusion, improved-diffusion and GLIDE: each entry of its ledger, proven on diffusers itself.

Nothing here goes through the specs: the originals' formulas stand below, in float64, diffusers is driven directly. In every test the
difference is there as released, and is gone (below SAME) as soon as that one thing is changed.
"""

import numpy as np
import pytest

from trueto.fixtures import network, schedule, start_noise, tape

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from driving import SAME, far  # noqa: E402 - it imports diffusers

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SHAPE = (2, 3, 3, 2)
LINEAR = schedule("linear")
NET = network("smooth", LINEAR)
NOISE, TAPE = start_noise(0, SHAPE).astype(np.float64), tape(0, SHAPE)
ALPHA_BAR = np.cumprod(1 - np.linspace(0.0001, 0.02, 1000))


def predict(x, t):
    """The network's answer about the state x at training time t."""
    return NET(np.asarray(x, np.float64), np.full(len(x), float(t)))


def even(n):
    """respace.py: space_timesteps(1000, 'n'), from noisy to clean."""
    return [round(i * 999 / (n - 1)) for i in range(n)][::-1]


def strided(n):
    """respace.py: space_timesteps(1000, 'ddimN'), from noisy to clean."""
    return next(list(range(0, 1000, i))[::-1] for i in range(1, 1000) if len(range(0, 1000, i)) == n)


def levels(times):
    """alpha_bar of the times, then 1."""
    return np.append(ALPHA_BAR[times], 1.0)


def ancestral(times, *, clip=True):
    """gaussian_diffusion.py: p_sample_loop with fixed_small variance."""
    x, a = NOISE, levels(times)
    for i, t in enumerate(times):
        x0 = (x - np.sqrt(1 - a[i]) * predict(x, t)) / np.sqrt(a[i])
        x0 = np.clip(x0, -1, 1) if clip else x0
        beta = 1 - a[i] / a[i + 1]
        x = (np.sqrt(a[i + 1]) * beta * x0 + np.sqrt(1 - beta) * (1 - a[i + 1]) * x) / (1 - a[i])
        x = x + np.sqrt(beta * (1 - a[i + 1]) / (1 - a[i])) * TAPE.draw(i, 0)
    return x


def implicit(times, *, keep_noise=False):
    """gaussian_diffusion.py: ddim_sample_loop with eta 0, clipped; `keep_noise` leaves the noise as the network said it."""
    x, a = NOISE, levels(times)
    for i, t in enumerate(times):
        eps = predict(x, t)
        x0 = np.clip((x - np.sqrt(1 - a[i]) * eps) / np.sqrt(a[i]), -1, 1)
        eps = eps if keep_noise else (x - np.sqrt(a[i]) * x0) / np.sqrt(1 - a[i])
        x = np.sqrt(a[i + 1]) * x0 + np.sqrt(1 - a[i + 1]) * eps
    return x


def made(name, n=None, *, timesteps=None, **more):
    """A scheduler on the linear schedule, ready for n steps or for a list of times."""
    scheduler = getattr(diffusers, name)(beta_start=0.0001, beta_end=0.02, beta_schedule="linear", **more)
    scheduler.set_timesteps(n) if timesteps is None else scheduler.set_timesteps(timesteps=timesteps)
    return scheduler


def drive(scheduler, monkeypatch=None, dtype=torch.float32, **step):
    """The loop of DDPMPipeline and DDIMPipeline, with the tape's noise where the scheduler draws."""
    if monkeypatch is not None:
        draws = iter(range(10000))
        served = lambda *_, **__: torch.from_numpy(TAPE.draw(next(draws), 0)).to(dtype)  # noqa: E731
        monkeypatch.setattr("diffusers.schedulers.scheduling_ddpm.randn_tensor", served)
    x = torch.from_numpy(NOISE).to(dtype)
    for t in scheduler.timesteps:
        x = scheduler.step(torch.from_numpy(predict(x, t)).to(dtype), t, x, return_dict=False, **step)[0]
    return x.numpy()


@pytest.mark.parametrize("clip", [True, False])
def test_ancestral_steps_lose_digits_in_float32(monkeypatch, clip):
    """DDPM's distance from the original is one of float32: with its table and its steps in float64 it shrinks to nothing."""
    wanted = ancestral(even(20), clip=clip)
    released = far(drive(made("DDPMScheduler", 20, timestep_spacing="linspace", clip_sample=clip), monkeypatch), wanted)
    exact = made("DDPMScheduler", 20, timestep_spacing="linspace", clip_sample=clip)
    exact.alphas_cumprod, exact.one = torch.from_numpy(ALPHA_BAR), torch.tensor(1.0, dtype=torch.float64)
    assert 1e-6 < released < 1e-3
    assert far(drive(exact, monkeypatch, torch.float64), wanted) < 1e-11


@pytest.mark.parametrize("name", ["DDPMScheduler", "DDIMScheduler"])
def test_the_stride_leaves_the_noisiest_times_out(name, monkeypatch):
    """'leading' has the stride 1000 // n from 0, which for 30 steps ends at 957; the original's stride of 34 ends at 986."""
    wanted, got = strided(30), made(name, 30).timesteps.tolist()
    assert [i * 33 for i in range(30)][::-1] == got
    assert (986, 957) == (wanted[0], got[0])
    assert 999 == even(50)[0] > made(name, 50).timesteps[0] == 980
    if name == "DDPMScheduler":
        clean = ancestral(wanted)
        assert far(drive(made(name, timesteps=wanted), monkeypatch), clean) < SAME
        assert far(drive(made(name, 30), monkeypatch), clean) > 100 * SAME


def test_ddim_steps_do_not_meet_on_linspace():
    """On linspace times DDIM's step ends at t - 1000 // n, not at the next time; told where the next time is, it is the original."""
    times = even(20)
    scheduler = made("DDIMScheduler", 20, timestep_spacing="linspace")
    assert times == scheduler.timesteps.tolist()
    ends = [t - 1000 // 20 for t in times[:-1]]
    assert all(end > after for end, after in zip(ends, times[1:], strict=True))
    wanted = implicit(times)
    assert far(drive(scheduler, use_clipped_model_output=True), wanted) > 100 * SAME
    right, x = made("DDIMScheduler", 20, timestep_spacing="linspace"), torch.from_numpy(NOISE).float()
    table = torch.cat([right.alphas_cumprod, torch.ones(1)])
    for i, t in enumerate(times):
        right.alphas_cumprod = table.clone()
        if i < 19:  # the level at which this step ends is put where the scheduler looks for it
            right.alphas_cumprod[t - 50] = table[times[i + 1]]
        eps = torch.from_numpy(predict(x, t)).float()
        x = right.step(eps, t, x, use_clipped_model_output=True, return_dict=False)[0]
    assert far(x.numpy(), wanted) < SAME


def test_ddim_keeps_the_noise_when_it_clips():
    """DDIM by default clips the clean picture and keeps the noise; with use_clipped_model_output=True it is the original."""
    times = strided(25)
    assert times == made("DDIMScheduler", 25).timesteps.tolist()
    released, corrected = (drive(made("DDIMScheduler", 25), use_clipped_model_output=flag) for flag in (False, True))
    assert far(released, implicit(times)) > 100 * SAME
    assert far(released, implicit(times, keep_noise=True)) < SAME
    assert far(corrected, implicit(times)) < SAME


def test_fast27_begins_at_another_time():
    """The list that IF's pipelines ship is GLIDE's 'fast27' with 999 in the place of 997."""
    from diffusers.pipelines.deepfloyd_if import fast27_timesteps

    glide = [200 * s + round(i * 199 / (n - 1)) for s, n in enumerate((10, 10, 3, 2, 2)) for i in range(n)][::-1]
    assert 999 == glide[0]
    assert glide == fast27_timesteps
    assert 997 not in fast27_timesteps


def test_unclip_scales_the_picture_in_its_last_step():
    """UnCLIPScheduler's last step multiplies the picture by beta / (1 - alpha_bar), which is 1 in float64 and is not in float32."""
    scheduler = diffusers.UnCLIPScheduler(variance_type="learned_range")
    answer = torch.zeros(1, 6, 2, 2)
    gains = {}
    for dtype in (torch.float32, torch.float64):
        betas = torch.from_numpy(schedule("cosine").betas).to(dtype)
        scheduler.betas, scheduler.alphas, scheduler.alphas_cumprod = betas, 1 - betas, torch.cumprod(1 - betas, 0)
        x = torch.full((1, 3, 2, 2), 0.5, dtype=dtype)
        clean = 0.5 / float(scheduler.alphas_cumprod[0]) ** 0.5
        gains[dtype] = float(scheduler.step(answer.to(dtype), 0, x, return_dict=False)[0][0, 0, 0, 0]) / clean
    assert 1e-4 < abs(gains[torch.float32] - 1) < 2e-3
    assert abs(gains[torch.float64] - 1) < 1e-11


def test_learned_variance_is_taken_for_a_variance():
    """variance_type 'learned' takes the square root of the network's answer, where the originals' networks give its logarithm."""
    scheduler = made("DDPMScheduler", 20, variance_type="learned")
    answer = torch.full(SHAPE, -4.0)
    assert scheduler._get_variance(scheduler.timesteps[0], predicted_variance=answer).tolist() == answer.tolist()
    x = torch.zeros(SHAPE)
    step = scheduler.step(torch.cat([x, answer], dim=1), scheduler.timesteps[0], x, return_dict=False)[0]
    assert bool(torch.isnan(step).all())


def test_fixed_large_log_is_not_a_number():
    """variance_type 'fixed_large_log' takes the square root of the logarithm of beta, which is negative: every sample is NaN."""
    scheduler = made("DDPMScheduler", 20, variance_type="fixed_large_log")
    x = torch.zeros(SHAPE)
    assert bool(torch.isnan(scheduler.step(x, scheduler.timesteps[0], x, return_dict=False)[0]).all())
    right = made("DDPMScheduler", 20, variance_type="fixed_large")
    assert bool(torch.isfinite(right.step(x, right.timesteps[0], x, return_dict=False)[0]).all())


def test_halfway_places_are_rounded_each_by_itself():
    """Of odd step counts one time lies halfway between two; diffusers rounds it to the even one, the original where its sum comes out."""
    import diffusers

    from trueto.references.gaussian import even_times

    differing = []
    for n in range(2, 51):
        made = diffusers.DDPMScheduler(timestep_spacing="linspace")
        made.set_timesteps(n)
        if made.timesteps.tolist()[::-1] != even_times(1000, n):
            differing.append(n)
    assert 21 in differing
    assert all(n % 2 for n in differing)
    assert not {7, 15, 25} & set(differing)
