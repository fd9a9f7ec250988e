"""Why diffusers differs from the samplers of consistency models: each entry of its ledger, proven by changing the one thing it names."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

import diffusers  # noqa: E402 - only where it is installed
from driving import far  # noqa: E402 - it imports diffusers

from trueto.fixtures import network, schedule, start_noise, tape  # noqa: E402 - likewise

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SHAPE = (2, 4, 4, 3)
NET = network("mixture", schedule("edm1000"), "edm")
NOISE = start_noise(0, SHAPE).astype(np.float64)
DRAWS = [tape(0, SHAPE).draw(step, 0).astype(np.float64) for step in range(4)]
LOW, HIGH = 0.002, 80.0


def predict(x, told):
    """The raw network's answer about c_in x, told 250 ln(sigma)."""
    return NET(np.asarray(x, np.float64), np.full(len(x), float(told)))


def levels(ts):
    """karras_diffusion.py: stochastic_iterative_sampler, with 40 levels."""
    found = (HIGH ** (1 / 7) + np.array(ts) / 39 * (LOW ** (1 / 7) - HIGH ** (1 / 7))) ** 7
    return np.append(found[:-1], np.clip(found[-1], LOW, HIGH))


def multistep(sigmas):
    """karras_diffusion.py: stochastic_iterative_sampler with KarrasDenoiser.denoise, without clipping; (sample, size of the last noise)."""
    x = NOISE * HIGH
    for sigma, after, noise in zip(sigmas[:-1], sigmas[1:], DRAWS, strict=False):
        c_in = 1 / np.sqrt(sigma**2 + 0.25)
        size = np.sqrt(after**2 - LOW**2)
        out = predict(c_in * x, 250 * np.log(sigma))
        x = 0.25 / ((sigma - LOW) ** 2 + 0.25) * x + (sigma - LOW) * 0.5 * c_in * out + noise * size
    return x, size


def drive(monkeypatch, ts, sigmas=None):
    """ConsistencyModelPipeline's loop, in float64 where levels are given."""
    import diffusers.schedulers.scheduling_consistency_models as module

    made = diffusers.CMStochasticIterativeScheduler(clip_denoised=False)
    made.set_timesteps(timesteps=list(reversed(ts[:-1])))
    dtype = torch.float32 if sigmas is None else torch.float64
    if sigmas is not None:
        made.sigmas = torch.from_numpy(sigmas)
    served = iter(DRAWS)
    monkeypatch.setattr(module, "randn_tensor", lambda *_, **__: torch.from_numpy(next(served)).to(dtype))
    x = torch.from_numpy(NOISE).to(dtype) * made.init_noise_sigma
    for t in made.timesteps:
        answer = predict(made.scale_model_input(x, t), t)
        x = made.step(torch.from_numpy(answer).to(dtype), t, x)[0]
    return x.numpy()


def test_the_original_ends_a_rounding_error_above_sigma_min(monkeypatch):
    """The original's last level is 0.002 and some, and so it adds noise; diffusers does exactly that where it is given that level."""
    ts = (0, 22, 39)
    own = levels(ts)
    wanted, size = multistep(own)
    assert 1e-11 < size < 1e-9
    assert LOW == float(np.append(own[:-1], LOW)[-1]) < own[-1] < LOW * (1 + 1e-14)
    released, right = drive(monkeypatch, ts, np.append(own[:-1], LOW)), drive(monkeypatch, ts, own)
    assert far(right, wanted) < size / 50
    assert far(released, wanted) > size


def last_draw(monkeypatch, dtype):
    """What the last step adds to a picture of zeros."""
    import diffusers.schedulers.scheduling_consistency_models as module

    made = diffusers.CMStochasticIterativeScheduler()
    made.set_timesteps(timesteps=[22, 0])
    if dtype == torch.float64:
        made.sigmas = torch.tensor([*made.sigmas[:-1].tolist(), LOW], dtype=dtype)
    monkeypatch.setattr(module, "randn_tensor", lambda *_, **__: torch.from_numpy(DRAWS[1]).to(dtype))
    zero, last = torch.zeros(SHAPE, dtype=dtype), made.timesteps[-1]
    made.scale_model_input(zero, last)
    return made.step(zero, last, zero)[0].numpy()


def test_the_last_draw_is_left_over_by_rounding(monkeypatch):
    """In float32 the last step adds noise of size 7e-7, although it ends at sigma_min; with levels in float64 it adds none."""
    left = last_draw(monkeypatch, torch.float32)
    assert far(left, DRAWS[1] * 6.743495e-07) < 1e-12
    assert far(last_draw(monkeypatch, torch.float64), np.zeros(SHAPE)) == 0
