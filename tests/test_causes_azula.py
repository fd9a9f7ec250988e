"""Why azula differs from the originals that it names: each entry of its ledger, proven on azula itself in float64."""

from itertools import pairwise

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
from azula.sample import DDIMSampler, DDPMSampler, REABSampler, zABSampler
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

def sampled(kind, **more):
    torch.manual_seed(3)
    x = torch.from_numpy(start_noise(0, (2, 4, 4, 3)).astype(np.float64))
    return kind(Denoiser(), steps=n, silent=True, **more)(x).tolist()

class Normal:
    \"\"\"Pictures that are normal with deviation 0.5: the state keeps its place in a distribution whose size is known.\"\"\"

    def schedule(self, t):
        return torch.cos(0.02 + 1.53 * t), torch.sin(0.02 + 1.53 * t)

    def size(self, t):
        alpha, sigma = self.schedule(torch.tensor(t, dtype=torch.float64))
        return (alpha**2 / 4 + sigma**2).sqrt()

    def __call__(self, x, t):
        alpha, sigma = self.schedule(t)
        return SimpleNamespace(mean=alpha / 4 / (alpha**2 / 4 + sigma**2) * x)

def error(kind, n):
    model = Normal()
    x = kind(model, order=2, steps=n, silent=True, dtype=torch.float64)(model.size(1.0).reshape(1))
    return abs(x / model.size(0.0) - 1).item()

print(json.dumps({
    **{f"ddim {eta}": sampled(DDIMSampler, eta=eta) for eta in (0.0, 0.5, 1.0)},
    "ddpm": sampled(DDPMSampler),
    "ab": sampled(zABSampler, order=2),
    "errors": [error(REABSampler, n) for n in (64, 128, 256)],
    "errors of z": [error(zABSampler, n) for n in (64, 128, 256)],
}))
"""


def visited():
    """Each step of the walk down: the time, and alpha_bar before and after it."""
    table, times = schedule("linear").alphas_cumprod, [i * (1000 // STEPS) for i in range(STEPS)][::-1]
    return [(t, table[t], 1.0 if end < 0 else table[end]) for t, end in zip(times, [*times[1:], -1], strict=True)]


def original(eta, share):
    """Song et al. 2020, equations 12 and 16, with `share` of the deviation of DDPM's noise for eta."""
    net = network("smooth", schedule("linear"))
    torch.manual_seed(3)
    x = start_noise(0, (2, 4, 4, 3)).astype(np.float64)
    for t, a, b in visited():
        eps = net(x, np.full(len(x), float(t)))
        sigma = share(eta) * np.sqrt((1 - b) / (1 - a) * (1 - a / b))
        x0 = (x - np.sqrt(1 - a) * eps) / np.sqrt(a)
        fresh = torch.randn(x.shape, dtype=torch.float64).numpy()
        x = np.sqrt(b) * x0 + np.sqrt(1 - b - sigma**2) * eps + sigma * fresh
    return x


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What azula sampled, by name."""
    return in_release(tmp_path_factory.mktemp("azula"), f"azula=={RELEASE}", PROGRAM, str(STEPS))


def ddpm(share, clip):
    """Ho et al. 2020, algorithm 2, between the visited times, with `share` of the variance beta."""
    net = network("smooth", schedule("linear"))
    torch.manual_seed(3)
    x = start_noise(0, (2, 4, 4, 3)).astype(np.float64)
    for t, a, b in visited():
        beta = 1 - a / b
        x0 = clip((x - np.sqrt(1 - a) * net(x, np.full(len(x), float(t)))) / np.sqrt(a))
        x = (np.sqrt(b) * beta * x0 + np.sqrt(1 - beta) * (1 - b) * x) / (1 - a)
        fresh = torch.randn(x.shape, dtype=torch.float64).numpy()
        x = x + np.sqrt(beta * share(a, b)) * fresh if b < 1 else x
    return x


def test_ddpm_has_the_smaller_variance_and_does_not_clip(found):
    """It adds noise of the posterior's variance, and leaves the clean picture as it is."""
    sample = np.asarray(found["ddpm"])

    def posterior(a, b):
        return (1 - b) / (1 - a)

    assert measure(sample, ddpm(posterior, lambda x0: x0))[0] < SAME
    assert measure(sample, ddpm(lambda *_: 1.0, lambda x0: x0))[0] > 1e-2
    assert measure(sample, ddpm(posterior, lambda x0: np.clip(x0, -1, 1)))[0] > 1e-3


def test_rho_ab_is_integrated_in_closed_form(found):
    """Second order in rho = sigma / alpha: the straight line through two answers, integrated as it is and not added up."""
    net, steps = network("smooth", schedule("linear")), visited()
    times, levels = [t for t, *_ in steps], np.array([*(a for _, a, _ in steps), 1.0])
    rho = np.sqrt((1 - levels) / levels)

    def walked(half):
        v, old = start_noise(0, (2, 4, 4, 3)).astype(np.float64) / np.sqrt(levels[0]), None
        for i, t in enumerate(times):
            eps = net(v * np.sqrt(levels[i]), np.full(len(v), float(t)))
            h = rho[i + 1] - rho[i]
            slope = 0.0 if old is None else (eps - old) / (rho[i] - rho[i - 1])
            v, old = v + h * eps + half * h**2 * slope, eps
        return v

    assert measure(np.asarray(found["ab"]), walked(0.5))[0] < SAME
    assert measure(np.asarray(found["ab"]), walked(0.5 * (1 - 1 / 10000)))[0] > 1e3 * SAME  # a sum over 10,000 points to the left


def test_reab_converges_with_first_order(found):
    """Twice the steps halve the error of its second order; that of another sampler of second order becomes a quarter (docs/findings)."""
    assert all(1.7 < more / less < 2.3 for more, less in pairwise(found["errors"]))
    assert all(3.5 < more / less < 4.5 for more, less in pairwise(found["errors of z"]))


def test_eta_is_a_share_of_the_variance(found):
    """At eta 0 and 1 azula is the original; at 0.5 it adds the noise of the original's 0.71."""
    none, half, whole = (np.asarray(found[f"ddim {eta}"]) for eta in (0.0, 0.5, 1.0))
    assert measure(none, original(0.0, float))[0] < SAME
    assert measure(whole, original(1.0, float))[0] < SAME
    assert measure(half, original(0.5, np.sqrt))[0] < SAME
    assert measure(half, original(0.5, float))[0] > 1e-2
