"""Why smalldiffusion as shipped differs from CompVis' DDIM: proven on the library itself, in float64 and in a process of its own."""

from itertools import pairwise

import numpy as np
import pytest
from support import in_release

from trueto.distances import measure
from trueto.fixtures import network, schedule, start_noise

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow

RELEASE, STEPS = "0.5.0", 7
SAME = 1e-10  # what float64 leaves over
PROGRAM = """
import json, sys
from types import SimpleNamespace
import numpy as np, torch
from trueto.candidates._library import bare_package
from trueto.fixtures import network, schedule, start_noise
bare_package("smalldiffusion")
from smalldiffusion.diffusion import ScheduleLDM, samples
torch.set_default_dtype(torch.float64)
net = network("smooth", schedule("sd_v1"))
levels = ScheduleLDM(1000)
sigmas = levels.sample_sigmas(int(sys.argv[1]))
times = [int((levels.sigmas == sigma).nonzero()[0]) for sigma in sigmas]

class Model:
    called = 0

    def eval(self):
        pass

    def rand_input(self, batchsize):
        return torch.from_numpy(start_noise(0, (2, 4, 4, 3)).astype(np.float64))

    def predict_eps_cfg(self, x, sigma, cond, scale):
        told, self.called = times[self.called], self.called + 1
        shown = x / (sigma**2 + 1).sqrt()
        return torch.from_numpy(net(shown.numpy(), np.full(len(x), float(told))))

*_, sample = samples(Model(), sigmas, batchsize=2, accelerator=SimpleNamespace(device="cpu"))
print(json.dumps({"times": times, "sample": (sample / (sigmas[-1] ** 2 + 1).sqrt()).tolist()}))
"""


def ddim(times, start):
    """Song et al. 2020, equation 12 at eta 0, through the levels of these times, the last of which is where it ends."""
    table, net, x = schedule("sd_v1").alphas_cumprod, network("smooth", schedule("sd_v1")), start
    for t, end in pairwise(times):
        a, b = table[t], table[end]
        eps = net(x, np.full(len(x), float(t)))
        x = np.sqrt(b) * (x - np.sqrt(1 - a) * eps) / np.sqrt(a) + np.sqrt(1 - b) * eps
    return x


def test_as_shipped_it_is_ddim_on_trailing_times(tmp_path):
    """It takes as many steps as asked, from time 999 down to time 0, beginning with noise of the size that belongs to time 999."""
    found = in_release(tmp_path, f"smalldiffusion=={RELEASE}", PROGRAM, str(STEPS))
    trailing = [round(1000 - i * 1000 / STEPS) - 1 for i in range(STEPS)]
    assert [*trailing, 0] == found["times"]
    noise, sample = start_noise(0, (2, 4, 4, 3)).astype(np.float64), np.asarray(found["sample"])
    begun = np.sqrt(1 - schedule("sd_v1").alphas_cumprod[999])
    assert measure(sample, ddim([*trailing, 0], noise * begun))[0] < SAME
    assert measure(sample, ddim([*trailing, 0], noise))[0] > 1e-5
    strided = [i * (1000 // STEPS) + 1 for i in range(STEPS)][::-1]
    assert measure(sample, ddim([*strided, 0], noise * begun))[0] > 1e-3
