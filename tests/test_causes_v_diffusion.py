"""Why diffusers' IPNDMScheduler differs from v-diffusion-pytorch's IPLMS, proven on diffusers itself by changing one thing at a time.

The original's formulas (sampling.py and utils.py at 439ed4c) stand here once more, in float64 and not by way of the specs.
"""

import itertools

import numpy as np
import pytest

from trueto.distances import measure
from trueto.fixtures import network, schedule, start_noise

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

pytestmark = pytest.mark.filterwarnings("ignore")

SAME = 3e-5
NOISE = start_noise(0, (2, 4, 4, 3)).astype(np.float64)
NET = network("smooth", schedule("angle"), "v")
N = 12


def velocity(x, t):
    """The network's answer about the state x at time t."""
    return NET(np.asarray(x, np.float64), np.full(len(x), float(t)))


def iplms(times, first_picture=None):
    """The original's iplms_sample on times that end in 0; at alpha = 0 it has no picture of its own, so that one must be given."""
    weights = {1: [1.0], 2: [1.5, -0.5], 3: [23 / 12, -16 / 12, 5 / 12], 4: [55 / 24, -59 / 24, 37 / 24, -9 / 24]}
    x, slopes = NOISE, []
    for t, after in itertools.pairwise(times):
        alpha, sigma = np.cos(t * np.pi / 2), np.sin(t * np.pi / 2)
        v = velocity(x, t)
        slopes = [x * sigma + v * alpha, *slopes][:4]
        slope = sum(w * e for w, e in zip(weights[len(slopes)], slopes, strict=True))
        picture = first_picture(v) if t == 1 else (x - slope * sigma) / alpha
        x = picture * np.cos(after * np.pi / 2) + slope * np.sin(after * np.pi / 2)
    return x


def crash(n):
    """The grid that IPNDMScheduler brings: sigma = sin(t pi / 2)^2 for even t from 1 to 0, as times."""
    return np.arcsin(np.sin(np.linspace(1, 0, n + 1) * np.pi / 2) ** 2) / np.pi * 2


def spliced(n):
    """The times of the original's scripts (get_spliced_ddpm_cosine_schedule), and 0."""
    even = np.linspace(1, 0, n + 1)[:-1] * (1 + 0.80074257 - 0.48536712)
    late = np.arctan(np.sqrt(np.expm1(1e-4 + 10 * (even + 0.48536712 - 0.80074257) ** 2))) / np.pi * 2
    return np.append(np.where(even < 0.80074257, even, late), 0)


def ipndm(first_answer=lambda v: v, **settings):
    """The loop of DanceDiffusionPipeline: the final sample and the times told."""
    made = diffusers.IPNDMScheduler(**settings)
    made.set_timesteps(N)
    x, told = torch.from_numpy(NOISE).float(), []
    for t in made.timesteps:
        told.append(float(t))
        answer = torch.from_numpy(velocity(x, t)).float()
        x = made.step(first_answer(answer) if len(told) == 1 else answer, t, x).prev_sample
    return x.numpy(), told


def far(got, wanted):
    """The largest difference of two samples."""
    return measure(np.asarray(got, np.float64), wanted)[1]


def test_ipndm_walks_a_grid_of_its_own():
    """Its times are those of sigma = sin(t pi / 2)^2, from exactly 1; there it is IPLMS with an empty first picture."""
    sample, told = ipndm()
    assert far(np.array(told), crash(N)[:-1]) < 1e-4  # arcsin near 1 costs digits in float32
    assert told[0] == 1
    assert spliced(N)[0] < 0.996
    assert far(np.array(told), spliced(N)[:-1]) > 0.02
    assert far(sample, iplms(crash(N), np.zeros_like)) < 3 * SAME
    assert far(sample, iplms(spliced(N))) > 100 * SAME


def test_ipndm_ignores_the_first_answer():
    """Whatever the network answers first, the sample has the same bits; with the answer taken for the picture (-v) it would be another."""
    sample, _ = ipndm()
    assert ipndm(lambda v: 100 * v)[0].tobytes() == sample.tobytes()
    assert far(sample, iplms(crash(N), np.negative)) > 100 * SAME


def test_the_original_cannot_begin_at_one_either():
    """At t = 1 the original divides rounding noise by cos(pi / 2): in float32 its first picture is off by more than a tenth."""
    x, v = torch.from_numpy(NOISE).float(), torch.from_numpy(velocity(NOISE, 1)).float()
    t = torch.tensor(1.0)
    alpha, sigma = torch.cos(t * np.pi / 2), torch.sin(t * np.pi / 2)
    picture = (x - (x * sigma + v * alpha) * sigma) / alpha
    assert far(picture.numpy(), -v.double().numpy()) > 0.1


def test_ipndm_is_the_original_at_its_times():
    """Given the sigmas of the original's times it is IPLMS; alpha = sqrt(1 - sigma^2) costs digits in float32, not in float64."""
    times = spliced(N)
    sigmas = np.sin(times * np.pi / 2)
    sample, told = ipndm(trained_betas=sigmas.tolist())
    wanted = iplms(times)
    assert far(sample, wanted) < 3 * SAME
    alpha, exact = np.cos(times[0] * np.pi / 2), np.sqrt(1 - sigmas[0] ** 2)
    lost = float(np.sqrt(np.float32(1) - np.float32(sigmas[0]) ** 2))
    assert abs(exact - alpha) < 1e-12
    assert 1e-7 < abs(lost - alpha) < 1e-4
    assert 1e-7 < abs(told[0] - times[0]) < 1e-4
