"""Why diffusers' SA-Solver differs: each ledger entry, proven on diffusers itself by changing the one thing that the entry names.

The original's method stands here once more (sa_solver.py at 876f3dd, mode few_steps), in float64, with its integrals taken numerically, and
not by way of the spec.
"""

import numpy as np
import pytest
from formulas import ALPHA_BAR, NOISE, predict

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from driving import RELEASED, far, with_levels  # noqa: E402 - it imports diffusers

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SAME = 3e-5
DRAWS = np.random.default_rng(7).standard_normal((41, *NOISE.shape))
LOG_ALPHA = np.log(ALPHA_BAR) / 2
GAUSS = np.polynomial.legendre.leggauss(40)


def middle(t):
    """The README's tau, for training times."""
    return 1 if 200 <= t <= 800 else 0


def lambdas(times):
    """Half log-SNR at fractional training times: log(alpha) is linear between whole ones."""
    la = np.interp(times, np.arange(1000), LOG_ALPHA)
    return la - np.log(-np.expm1(2 * la)) / 2


def even(n):
    """get_time_steps 'time', as training times."""
    return np.linspace(999, 0, n + 1)


def weights(nodes, begin, end, rate):
    """Integrals of exp(rate l) times the Lagrange polynomials of the nodes, by quadrature."""
    points = begin + (GAUSS[0] + 1) * (end - begin) / 2
    found = []
    for i, own in enumerate(nodes):
        values = np.exp(rate * points)
        for other in np.delete(nodes, i):
            values = values * (points - other) / (own - other)
        found.append((GAUSS[1] * values).sum() * (end - begin) / 2)
    return np.array(found)


def adams(x, lam, s, nodes, answers, tau, z):
    """adams_bashforth_update_few_steps and adams_moulton_update_few_steps, data prediction."""
    begin, end, c = lam[s - 1], lam[s], 1 + tau**2
    h, sigma = end - begin, (1 + np.exp(2 * lam)) ** -0.5
    w = weights(lam[nodes], begin, end, c)
    if len(nodes) == 2:
        rest = (h * c - 1 + np.exp(-c * h)) / c**2
        shift = h / 2 - rest / h if nodes[0] == s else (h * h / 2 - rest) / (begin - lam[nodes[1]])
        w = w + np.array([1, -1]) * np.exp(c * end) * shift
    total = sum(a * b for a, b in zip(w, answers, strict=True))
    kept = np.exp(-(tau**2) * h) * sigma[s] / sigma[s - 1] * x + c * sigma[s] * np.exp(-(tau**2) * end) * total
    return kept + sigma[s] * np.sqrt(1 - np.exp(-2 * tau**2 * h)) * z


def original(times, tau, *, p=2, q=2, draws=DRAWS, lam=None, limit=lambda x0: x0, gain=1.0):
    """sample_few_steps in PEC; tau is asked with the training time at which a step ends, and not in the last step."""
    lam = lambdas(times) if lam is None else lam
    n, alpha, sigma = len(lam) - 1, (1 + np.exp(-2 * lam)) ** -0.5, (1 + np.exp(2 * lam)) ** -0.5

    def see(x, s):
        return limit((x - sigma[s] * gain * predict(x, times[s])) / alpha[s])

    x, answers = NOISE, [see(NOISE, 0)]
    for s in range(1, n + 1):
        warm = s < max(p, q - 1)
        first, second = (min(p, s), min(q, s + 1)) if warm else (min(p, n - s + 1), min(q, n - s + 2))
        strength = 0 if s == n else tau(times[s])
        guess = adams(x, lam, s, [s - 1 - k for k in range(first)], answers[:first], strength, draws[s - 1])
        if s == n:
            return guess
        answers = [see(guess, s), *answers]
        x = adams(x, lam, s, [s - k for k in range(second)], answers[:second], strength, draws[s - 1])
    return x


def nothing(t):
    """No noise."""
    del t
    return 0


def made(n, tau, **more):
    """A SASolverScheduler with this tau, ready for n steps."""
    scheduler = diffusers.SASolverScheduler.from_config({**RELEASED, "predictor_order": 2, "corrector_order": 2, **more}, tau_func=tau)
    scheduler.set_timesteps(n)
    return scheduler


def driven(scheduler, monkeypatch, *, told=None, draws=DRAWS, gain=1.0, before=nothing):
    """The loop of diffusers' pipelines; latents before each step and at the end."""
    import diffusers.schedulers.scheduling_sasolver as module

    left = iter(draws)
    monkeypatch.setattr(module, "randn_tensor", lambda *_, **__: torch.from_numpy(next(left)).float())
    x = torch.from_numpy(NOISE).float()
    states = [x]
    for i, t in enumerate(scheduler.timesteps):
        before(i)
        time = float(t) if told is None else told[i]
        x = scheduler.step(torch.from_numpy(gain * predict(x, time)).float(), t, x, return_dict=False)[0]
        states.append(x)
    return [state.numpy() for state in states]


def always(t):
    """Noise everywhere."""
    del t
    return 1


@pytest.mark.parametrize("n", [7, 12, 20])
def test_times_are_rounded(n, monkeypatch):
    """Its times are the original's, rounded; with the fractional ones it is the original."""
    times = even(n)
    wanted = original(times, nothing)
    released = made(n, nothing)
    assert times.round()[:-1].tolist() == released.timesteps.tolist()
    assert abs(times - times.round()).max() > 0.3
    assert far(driven(released, monkeypatch)[-1], wanted) > 3 * SAME
    exact = with_levels(made(n, nothing), np.exp(-lambdas(times)))
    assert far(driven(exact, monkeypatch, told=times)[-1], wanted) < SAME


def test_tau_is_asked_at_the_start_of_a_step(monkeypatch):
    """With a tau that looks one step ahead it is the original; with the same tau as the original it is not."""
    times = even(9)
    wanted = original(times, middle)
    assert far(driven(made(9, middle), monkeypatch)[-1], wanted) > 100 * SAME
    ahead = made(9, lambda t: middle(float(t) - 111))
    assert far(driven(ahead, monkeypatch)[-1], wanted) < SAME


@pytest.mark.parametrize(("n", "orders"), [(9, (2, 2)), (1, (1, 2))])
def test_the_last_step_adds_noise(n, orders, monkeypatch):
    """With tau 1 throughout, the last step is noisy; with a tau that is 0 there alone, it is the original."""
    more = {"predictor_order": orders[0], "corrector_order": orders[1]}
    wanted = original(even(n), always, p=orders[0], q=orders[1])
    released = made(n, always, **more)
    assert far(driven(released, monkeypatch)[-1], wanted) > 100 * SAME
    last = int(released.timesteps[-1])
    assert far(driven(made(n, lambda t: int(t != last), **more), monkeypatch)[-1], wanted) < SAME


def test_orders_are_lowered_in_the_shortest_run(monkeypatch):
    """Four steps of order 4: with lower_order_final off in all but the last step, it is the original."""
    more = {"predictor_order": 4, "corrector_order": 4}
    times = even(4).round()
    wanted = original(times, nothing, p=4, q=4)
    assert far(driven(made(4, nothing, **more), monkeypatch)[-1], wanted) > 10 * SAME
    scheduler = made(4, nothing, **more)
    changed = driven(scheduler, monkeypatch, before=lambda i: scheduler.register_to_config(lower_order_final=i == 3))
    assert far(changed[-1], wanted) < SAME


def dynamic(x0):
    """dynamic_thresholding_fn: no upper bound on the percentile."""
    size = np.maximum(np.quantile(np.abs(x0).reshape(len(x0), -1), 0.995, axis=1), 1)[:, None, None, None]
    return np.clip(x0, -size, size) / size


def test_thresholding_is_a_clip(monkeypatch):
    """With its default sample_max_value of 1 it clips; with one that is never reached, it is the original's dynamic thresholding."""
    runs = {"gain": 1.5}
    wanted = original(even(9), nothing, limit=dynamic, **runs)
    clipped = original(even(9), nothing, limit=lambda x0: np.clip(x0, -1, 1), **runs)
    released = driven(made(9, nothing, thresholding=True), monkeypatch, **runs)[-1]
    assert far(released, wanted) > 100 * SAME
    assert far(released, clipped) < SAME
    assert far(driven(made(9, nothing, thresholding=True, sample_max_value=1e6), monkeypatch, **runs)[-1], wanted) < SAME


@pytest.mark.parametrize("setting", ["use_karras_sigmas", "use_exponential_sigmas"])
def test_the_last_level_is_repeated(setting, monkeypatch):
    """Its last two levels are the same, so that the last call only corrects the step before; with n + 1 levels it is the original."""
    released = made(10, nothing, **{setting: True})
    assert released.sigmas[-1] == released.sigmas[-2]
    states = driven(released, monkeypatch)
    assert far(states[-1], released.last_sample.numpy()) < SAME  # the corrected state, to which a step of size zero adds nothing
    high, low = np.exp(-lambdas(np.array([999.0, 0.0])))
    if setting == "use_karras_sigmas":
        sigmas = np.linspace(high ** (1 / 7), low ** (1 / 7), 11) ** 7
    else:
        sigmas = np.exp(np.linspace(np.log(high), np.log(low), 11))
    times = np.interp(-np.log1p(sigmas**2) / 2, LOG_ALPHA[::-1], np.arange(1000)[::-1])
    wanted = original(times, nothing, lam=-np.log(sigmas))
    assert far(states[-1], wanted) > 10 * SAME
    exact = with_levels(made(10, nothing, **{setting: True}), sigmas)
    assert far(driven(exact, monkeypatch, told=times)[-1], wanted) < SAME


def test_noise_is_drawn_from_the_first_step_on(monkeypatch):
    """It draws one tensor a step, the first for the first step; the original draws one before. One draw apart, it is the original."""
    wanted = original(even(9), middle, draws=DRAWS[1:])
    ahead = made(9, lambda t: middle(float(t) - 111))
    assert far(driven(ahead, monkeypatch)[-1], wanted) > 100 * SAME
    ahead = made(9, lambda t: middle(float(t) - 111))
    assert far(driven(ahead, monkeypatch, draws=DRAWS[1:])[-1], wanted) < SAME
    with pytest.raises(StopIteration):
        driven(made(9, nothing), monkeypatch, draws=DRAWS[:8])
    driven(made(9, nothing), monkeypatch, draws=DRAWS[:9])


def test_levels_come_from_a_float32_table():
    """alpha_bar is a product of float32 numbers; built in float64 and rounded once it is ten times nearer to the original's."""
    released = np.abs(made(9, nothing).alphas_cumprod.double().numpy() / ALPHA_BAR - 1).max()
    rounded = np.abs(ALPHA_BAR.astype(np.float32).astype(np.float64) / ALPHA_BAR - 1).max()
    assert rounded < 2**-24
    assert released > 8 * rounded
