"""Why diffusers' LCM differs: its ledger entry, proven on diffusers itself by changing the one thing that the entry names.

The original's formulas stand here once more (lcm_scheduler.py at 859a4bd), in float64 and not by way of the spec.
"""

import numpy as np
import pytest
from formulas import ALPHA_BAR, NOISE, predict

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from driving import far, scheduler  # noqa: E402 - it imports diffusers

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SAME = 3e-5
DRAWS = np.random.default_rng(5).standard_normal((50, *NOISE.shape))


def original_times(n, known=50):
    """lcm_scheduler.py: set_timesteps."""
    times = np.arange(1, known + 1) * (1000 // known) - 1
    return times[:: -(known // n)][:n]


def original(times):
    """lcm_scheduler.py: step, in the loop of lcm_pipeline.py; the clean sample of the last step."""
    x = NOISE
    for i, t in enumerate(times):
        a = ALPHA_BAR[t]
        x0 = (x - np.sqrt(1 - a) * predict(x, t)) / np.sqrt(a)
        scaled = t / 0.1
        clean = scaled / np.sqrt(scaled**2 + 0.25) * x0 + 0.25 / (scaled**2 + 0.25) * x
        if i + 1 < len(times):
            b = ALPHA_BAR[times[i + 1]]
            x = np.sqrt(b) * clean + np.sqrt(1 - b) * DRAWS[i]
    return clean


def driven(n, monkeypatch, times=None):
    """Diffusers' LCM with the recorded draws, on its own times or on others."""
    import diffusers.schedulers.scheduling_lcm as module

    made = scheduler("LCMScheduler", n)
    if times is not None:
        made.timesteps = torch.from_numpy(times.copy())
    left = iter(DRAWS)
    monkeypatch.setattr(module, "randn_tensor", lambda *_, **__: torch.from_numpy(next(left)).float())
    x = torch.from_numpy(NOISE).float()
    for t in made.timesteps:
        x = made.step(torch.from_numpy(predict(x, t)).float(), t, x, return_dict=False)[0]
    return x.numpy(), made.timesteps.tolist()


@pytest.mark.parametrize("n", [4, 8, 26, 30])
def test_lcm_spreads_its_times_evenly(n, monkeypatch):
    """Where n does not divide 50 the times are others than the original's; given the original's times, it is the original."""
    wanted = original(original_times(n))
    released, times = driven(n, monkeypatch)
    assert original_times(n).tolist() != times
    assert (999 - 20 * np.floor(50 * np.arange(n) / n)).tolist() == times
    assert far(released, wanted) > 100 * SAME
    assert far(driven(n, monkeypatch, original_times(n))[0], wanted) < SAME


@pytest.mark.parametrize("n", [1, 2, 5, 7, 10, 50])
def test_lcm_agrees_where_the_times_do(n, monkeypatch):
    """Where n divides 50 (and at 7, where rounding down hides the rest) times and sample are the original's."""
    released, times = driven(n, monkeypatch)
    assert original_times(n).tolist() == times
    assert far(released, original(original_times(n))) < SAME
