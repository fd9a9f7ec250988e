"""Why diffusers' TCD differs: its ledger entry, proven on diffusers itself by changing the one thing that the entry names.

The original's formulas stand here once more (scheduling_tcd.py at 847b2a2), in float64 and not by way of the spec.
"""

import numpy as np
import pytest
from formulas import ALPHA_BAR, NOISE, predict

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from driving import RELEASED, far  # noqa: E402 - it imports diffusers

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SAME = 3e-5
GAMMA = 0.3
DRAWS = np.random.default_rng(6).standard_normal((50, *NOISE.shape))


def original_times(n, known):
    """scheduling_tcd.py: set_timesteps with original_inference_steps `known`, wherever it is given."""
    times = (np.arange(1, known + 1) * (1000 // known) - 1)[::-1]
    return times[np.floor(np.linspace(0, known, n, endpoint=False)).astype(int)]


def original(times):
    """scheduling_tcd.py: step."""
    x = NOISE
    for i, t in enumerate(times):
        after = times[i + 1] if i + 1 < len(times) else 0
        a, b, s = ALPHA_BAR[t], ALPHA_BAR[after], ALPHA_BAR[int(np.floor((1 - GAMMA) * after))]
        eps = predict(x, t)
        x = np.sqrt(s) * (x - np.sqrt(1 - a) * eps) / np.sqrt(a) + np.sqrt(1 - s) * eps
        if i + 1 < len(times):
            x = np.sqrt(b / s) * x + np.sqrt(1 - b / s) * DRAWS[i]
    return x


def driven(n, monkeypatch, given=None, **config):
    """TCD of diffusers with the recorded draws; `given` is original_inference_steps as an argument of set_timesteps."""
    import diffusers.schedulers.scheduling_tcd as module

    made = diffusers.TCDScheduler.from_config({**RELEASED, **config})
    made.set_timesteps(n, original_inference_steps=given)
    left = iter(DRAWS)
    monkeypatch.setattr(module, "randn_tensor", lambda *_, **__: torch.from_numpy(next(left)).float())
    x = torch.from_numpy(NOISE).float()
    for t in made.timesteps:
        x = made.step(torch.from_numpy(predict(x, t)).float(), t, x, eta=GAMMA, return_dict=False)[0]
    return x.numpy(), made.timesteps.tolist()


@pytest.mark.parametrize(("n", "known"), [(4, 25), (7, 30)])
def test_set_timesteps_ignores_how_many_times_are_known(n, known, monkeypatch):
    """Given to set_timesteps, original_inference_steps changes nothing but that all 1000 times are used; in the constructor it works."""
    wanted = original(original_times(n, known))
    released, times = driven(n, monkeypatch, given=known)
    assert original_times(n, 1000).tolist() == times == driven(n, monkeypatch, given=known + 1)[1]
    assert far(released, wanted) > 100 * SAME
    configured, times = driven(n, monkeypatch, original_inference_steps=known)
    assert original_times(n, known).tolist() == times
    assert far(configured, wanted) < SAME


def test_all_times_cannot_be_configured():
    """With original_inference_steps None, which the original takes as all 1000 times, set_timesteps raises: known-all is not claimed."""
    made = diffusers.TCDScheduler(original_inference_steps=None)
    with pytest.raises(TypeError, match="NoneType"):
        made.set_timesteps(8)
