"""Why azula differs from ermongroup/ddim: the entry of its ledger, proven on azula itself, in float64 and in a process of its own."""

import numpy as np
import pytest
from support import in_release

from trueto.distances import measure
from trueto.fixtures import network, schedule, start_noise

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow

RELEASE, STEPS = "0.11.1", 10
SAME = 1e-10  # what float64 leaves over
PROGRAM = """
import json, sys
from types import SimpleNamespace
import numpy as np, torch
from trueto.candidates._library import bare_package
from trueto.fixtures import network, schedule, start_noise
bare_package("azula")
from azula.sample import DDIMSampler
table, net, n = schedule("linear").alphas_cumprod, network("smooth", schedule("linear")), int(sys.argv[1])
times = [i * (1000 // n) for i in range(n)][::-1]
levels = torch.tensor([*table[times], 1.0], dtype=torch.float64)

class Denoiser:
    def schedule(self, t):
        level = levels[((1 - t) * n).round().long()]
        return level.sqrt(), (1 - level).sqrt()

    def __call__(self, x, t):
        alpha, sigma = self.schedule(t)
        told = times[int(((1 - t) * n).round())]
        return SimpleNamespace(mean=(x - sigma * torch.from_numpy(net(x.numpy(), np.full(len(x), float(told))))) / alpha)

found = []
for eta in (0.0, 0.5, 1.0):
    torch.manual_seed(3)
    x = torch.from_numpy(start_noise(0, (2, 4, 4, 3)).astype(np.float64))
    found.append(DDIMSampler(Denoiser(), eta=eta, steps=n, silent=True)(x).tolist())
print(json.dumps(found))
"""


def original(eta, share):
    """Song et al. 2020, equations 12 and 16, with `share` of the deviation of DDPM's noise for eta."""
    table, net = schedule("linear").alphas_cumprod, network("smooth", schedule("linear"))
    torch.manual_seed(3)
    x = start_noise(0, (2, 4, 4, 3)).astype(np.float64)
    times = [i * (1000 // STEPS) for i in range(STEPS)][::-1]
    for t, end in zip(times, [*times[1:], -1], strict=True):
        a, b = table[t], 1.0 if end < 0 else table[end]
        eps = net(x, np.full(len(x), float(t)))
        sigma = share(eta) * np.sqrt((1 - b) / (1 - a) * (1 - a / b))
        x0 = (x - np.sqrt(1 - a) * eps) / np.sqrt(a)
        fresh = torch.randn(x.shape, dtype=torch.float64).numpy()
        x = np.sqrt(b) * x0 + np.sqrt(1 - b - sigma**2) * eps + sigma * fresh
    return x


def test_eta_is_a_share_of_the_variance(tmp_path):
    """At eta 0 and 1 azula is the original; at 0.5 it adds the noise of the original's 0.71."""
    found = in_release(tmp_path, f"azula=={RELEASE}", PROGRAM, str(STEPS))
    none, half, whole = (np.asarray(sample) for sample in found)
    assert measure(none, original(0.0, float))[0] < SAME
    assert measure(whole, original(1.0, float))[0] < SAME
    assert measure(half, original(0.5, np.sqrt))[0] < SAME
    assert measure(half, original(0.5, float))[0] > 1e-2
