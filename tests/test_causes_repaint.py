"""Why diffusers' RePaintScheduler differs from RePaint, proven on diffusers itself by changing one thing at a time.

The original's formulas (gaussian_diffusion.py, scheduler.py and respace.py at 8e2a055) stand here once more, not by way of the specs.
"""

import inspect

import numpy as np
import pytest

from trueto.distances import measure
from trueto.fixtures import start_noise
from trueto.fixtures.pictures import keep_mask, known_picture

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

pytestmark = pytest.mark.filterwarnings("ignore")

SAME = 1e-5
SHAPE = (2, 4, 4, 3)
BETAS = np.linspace(1e-4, 0.02, 1000)
EXACT = np.cumprod(1 - BETAS)
X, EPS, Z = (torch.from_numpy(start_noise(seed, SHAPE)).float() * size for seed, size in ((0, 1.0), (1, 1.5), (0, -0.7)))
PICTURE, MASK = (torch.from_numpy(make(SHAPE)).float() for make in (known_picture, keep_mask))
NOTHING_KNOWN = torch.zeros(SHAPE)


def scheduler(n, jump_length=10, jump_n_sample=1, eta=1.0, **more):
    """A scheduler on DDPM's linear betas, ready for n steps."""
    made = diffusers.RePaintScheduler(**more)
    made.set_timesteps(n, jump_length, jump_n_sample)
    made.eta = eta
    return made


@pytest.fixture
def draws(monkeypatch):
    """Every draw of the scheduler is Z; the list grows by one with each."""
    seen = []
    module = inspect.getmodule(diffusers.RePaintScheduler)
    monkeypatch.setattr(module, "randn_tensor", lambda *_, **__: seen.append(Z) or Z)
    return seen


def far(got, wanted):
    """The largest difference of two tensors."""
    return measure(got.double().numpy(), wanted.double().numpy())[1]


def posterior(x, eps, a, b, *, clip):
    """The original's p_sample with the smaller variance: mean from the clipped picture, and the noise Z."""
    x0 = (x - (1 - a) ** 0.5 * eps) / a**0.5
    x0 = x0.clamp(-1, 1) if clip else x0
    beta = 1 - a / b
    mean = beta * b**0.5 / (1 - a) * x0 + (1 - b) * (1 - beta) ** 0.5 / (1 - a) * x
    return mean + (beta * (1 - b) / (1 - a)) ** 0.5 * Z


def calls(times, first):
    """The places at which the network is called while walking through `times`: where the time falls."""
    return [now for before, now in zip([first, *times[:-1]], times, strict=True) if now < before]


def test_times_are_multiples_of_the_stride():
    """The times of n steps are the multiples of 1000 // n; the original's are spaced evenly from 0 to 999."""
    for n in (2, 7, 20, 30, 50, 250):
        seen = scheduler(n).timesteps.tolist()
        assert seen == (np.arange(n) * (1000 // n))[::-1].tolist()
        assert seen != [round(i * 999 / (n - 1)) for i in range(n)][::-1]


def test_jumps_begin_one_step_later():
    """Both walk through the same times; the original calls the network where it leaves a time downwards, diffusers where it arrives."""
    times = [time // 83 for time in scheduler(12, 3, 2).timesteps.tolist()]
    seen = calls(times, 12)
    original = [before for before, now in zip(times, [*times[1:], -1], strict=True) if now < before]
    assert len(seen) == len(original)
    assert seen[:6] == [11, 10, 9, 8, 7, 6]
    assert original[:6] == [11, 10, 9, 8, 7, 9]
    assert sorted(set(seen)) == sorted(set(original)) == list(range(12))


def test_undo_takes_the_betas_of_the_next_place(draws):
    """From t it goes up by the betas of t ... t + stride - 1; the state is at t - stride, so those of t - stride + 1 ... t would be due."""
    made = scheduler(20, 5, 3)
    stride, t = 50, 300
    factor = made.undo_step(X, t) - made.undo_step(NOTHING_KNOWN, t)
    assert len(draws) == 2 * stride
    taken = float(np.sqrt(EXACT[t + stride - 1] / EXACT[t - 1]))
    due = float(np.sqrt(EXACT[t] / EXACT[t - stride]))
    assert far(factor, X * taken) < SAME
    assert far(factor, X * due) > 100 * SAME
    made.betas = torch.roll(made.betas, stride - 1)
    assert far(made.undo_step(X, t) - made.undo_step(NOTHING_KNOWN, t), X * due) < SAME


def test_known_part_is_put_in_after_the_step_with_its_noise(draws):
    """One draw a step, for the new state and for the known part at the new level; at the end the known part is the picture itself."""
    made = scheduler(20)
    t, stride = 300, 50
    a, b = EXACT[t], EXACT[t - stride]
    after = made.step(EPS, t, X, PICTURE, MASK).prev_sample
    assert len(draws) == 1
    known = b**0.5 * PICTURE + (1 - b) ** 0.5 * Z
    assert far(MASK * after, MASK * known) < SAME
    free = made.step(EPS, t, X, PICTURE, NOTHING_KNOWN).prev_sample
    assert far((1 - MASK) * after, (1 - MASK) * free) == 0
    assert far(free, made.step(EPS, t, X, PICTURE * 0, NOTHING_KNOWN).prev_sample) == 0
    assert far(MASK * made.step(EPS, 0, X, PICTURE, MASK).prev_sample, MASK * PICTURE) == 0
    plain = scheduler(20, clip_sample=False)
    assert far(plain.step(EPS, t, X, PICTURE, NOTHING_KNOWN).prev_sample, posterior(X, EPS, a, b, clip=False)) < SAME


def test_clipping_does_not_reach_the_noise_that_stays(draws):
    """Where the picture is clipped the noise that stays is the raw answer; with the noise that follows from it, nothing differs."""
    t, stride = 300, 50
    a, b = EXACT[t], EXACT[t - stride]
    step = scheduler(20).step(EPS, t, X, PICTURE, NOTHING_KNOWN)
    assert far(step.prev_sample, posterior(X, EPS, a, b, clip=True)) > 1000 * SAME
    consistent = (X - a**0.5 * step.pred_original_sample) / (1 - a) ** 0.5
    kept = (1 - b - (1 - b) / (1 - a) * (1 - a / b)) ** 0.5
    assert far(step.prev_sample + kept * (consistent - EPS), posterior(X, EPS, a, b, clip=True)) < SAME
    assert draws


def test_eta_is_zero_unless_asked_for(draws):
    """Scheduler and pipeline have eta 0 by default, a step without noise; at 1 it is the original's step."""
    assert diffusers.RePaintScheduler().eta == 0
    assert inspect.signature(diffusers.RePaintPipeline.__call__).parameters["eta"].default == 0
    t, a, b = 300, EXACT[300], EXACT[250]
    wanted = posterior(X, EPS, a, b, clip=False)
    assert far(scheduler(20, clip_sample=False).step(EPS, t, X, PICTURE, NOTHING_KNOWN).prev_sample, wanted) < SAME
    still = scheduler(20, eta=0.0, clip_sample=False).step(EPS, t, X, PICTURE, NOTHING_KNOWN)
    assert far(still.prev_sample, wanted) > 1000 * SAME
    assert far(still.prev_sample, b**0.5 * still.pred_original_sample + (1 - b) ** 0.5 * EPS) < SAME
    assert draws


def test_table_is_built_in_float32():
    """Its alpha_bar is a product of float32 factors; from the same betas in float64 it is the exact table."""
    rough = diffusers.RePaintScheduler().alphas_cumprod
    fine = diffusers.RePaintScheduler(trained_betas=BETAS).alphas_cumprod
    exact = torch.from_numpy(EXACT)
    assert float((rough.double() / exact - 1).abs().max()) > 2e-7  # one rounding is 6e-8
    assert float((fine / exact - 1).abs().max()) < 1e-12
