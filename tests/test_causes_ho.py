"""Why diffusers' DDPM differs from that of Ho et al.: each entry of its ledger, proven on diffusers itself.

Nothing here goes through the spec: the original's formulas stand below, in float64, diffusers is driven directly. The difference is there
as released, and is gone as soon as the one thing is changed.
"""

import numpy as np
import pytest

from trueto.fixtures import network, schedule, start_noise, tape

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from driving import far  # noqa: E402 - it imports diffusers

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SHAPE = (2, 3, 3, 2)
NET = network("smooth", schedule("linear50"))
NOISE, TAPE = start_noise(0, SHAPE).astype(np.float64), tape(0, SHAPE)
BETAS = np.linspace(0.002, 0.4, 50)
ALPHA_BAR = np.cumprod(1 - BETAS)


def predict(x, t):
    """The network's answer about the state x at training time t."""
    return NET(np.asarray(x, np.float64), np.full(len(x), float(t)))


def chain(variance):
    """diffusion_utils_2.py: p_sample_loop, with the posterior's variance or beta."""
    x = NOISE
    for i, t in enumerate(range(49, -1, -1)):
        a, b, beta = ALPHA_BAR[t], ALPHA_BAR[t - 1] if t else 1.0, BETAS[t]
        x0 = np.clip(np.sqrt(1 / a) * x - np.sqrt(1 / a - 1) * predict(x, t), -1, 1)
        x = beta * np.sqrt(b) / (1 - a) * x0 + (1 - b) * np.sqrt(1 - beta) / (1 - a) * x
        if t:
            small = beta * (1 - b) / (1 - a)
            x = x + np.sqrt(small if variance == "fixed_small" else beta) * TAPE.draw(i, 0)
    return x


def drive(scheduler, monkeypatch, dtype=torch.float32):
    """The loop of DDPMPipeline over all times, with the tape's noise where the scheduler draws."""
    draws = iter(range(1000))
    served = lambda *_, **__: torch.from_numpy(TAPE.draw(next(draws), 0)).to(dtype)  # noqa: E731
    monkeypatch.setattr("diffusers.schedulers.scheduling_ddpm.randn_tensor", served)
    x = torch.from_numpy(NOISE).to(dtype)
    scheduler.set_timesteps(50)
    assert list(range(49, -1, -1)) == scheduler.timesteps.tolist()
    for t in scheduler.timesteps:
        x = scheduler.step(torch.from_numpy(predict(x, t)).to(dtype), t, x, return_dict=False)[0]
    return x.numpy()


@pytest.mark.parametrize("variance", ["fixed_small", "fixed_large"])
def test_chain_loses_digits_in_float32(monkeypatch, variance):
    """DDPM's distance from the original is one of float32: with its steps in float64 a part is left, with its table too nothing is."""
    made = lambda: diffusers.DDPMScheduler(50, beta_start=0.002, beta_end=0.4, variance_type=variance)  # noqa: E731
    wanted = chain(variance)
    released = far(drive(made(), monkeypatch), wanted)
    assert 1e-7 < released < 1e-3
    steps = made()
    steps.alphas_cumprod, steps.one = steps.alphas_cumprod.double(), torch.tensor(1.0, dtype=torch.float64)
    table = far(drive(steps, monkeypatch, torch.float64), wanted)
    assert 1e-9 < table < 1e-3  # float64 steps on the float32 table
    exact = made()
    exact.alphas_cumprod, exact.one = torch.from_numpy(ALPHA_BAR), torch.tensor(1.0, dtype=torch.float64)
    assert far(drive(exact, monkeypatch, torch.float64), wanted) < 1e-11
