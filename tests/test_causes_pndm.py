"""Why diffusers' PNDMScheduler differs from F-PNDM of luping-liu/PNDM: each entry of the ledger, proven on diffusers itself.

Nothing here goes through the specs. diffusers computes in float64, on the original's table, so that what is left over is an algorithm; the
original's formulas stand below (runner/method.py and runner/runner.py at e771949).
"""

import numpy as np
import pytest

from trueto.distances import measure
from trueto.fixtures import network, schedule, start_noise

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytestmark = pytest.mark.filterwarnings("ignore")

LINEAR = schedule("linear")
ALPHA_BAR = LINEAR.alphas_cumprod
NET = network("smooth", LINEAR)
NOISE = start_noise(0, (2, 4, 4, 3)).astype(np.float64)
SAME = 1e-10  # what float64 leaves over; each of the differences below is thousands of times as large


def predict(x, t):
    """The network's answer about x when it is told t."""
    return NET(np.asarray(x), np.full(len(x), float(t)))


def original(n):
    """sample_image with gen_order_4: the table is read one entry further than the time told."""

    def transfer(x, t, t_next, eps):
        a, b = ALPHA_BAR[int(t) + 1], ALPHA_BAR[int(t_next) + 1]
        kept = 1 / (np.sqrt(a) * (np.sqrt(a) + np.sqrt(b)))
        taken = 1 / (np.sqrt(a) * (np.sqrt((1 - b) * a) + np.sqrt((1 - a) * b)))
        return x + (b - a) * (kept * x - taken * eps)

    times = [*range(0, 1000, 1000 // n)][::-1]
    x, answers = NOISE, []
    for t, t_next in zip(times, [*times[1:], -1], strict=True):
        answers.append(predict(x, t))
        if len(answers) > 3:
            eps = (55 * answers[-1] - 59 * answers[-2] + 37 * answers[-3] - 9 * answers[-4]) / 24
        else:
            half = (t + t_next) / 2
            second = predict(transfer(x, t, half, answers[-1]), half)
            third = predict(transfer(x, t, half, second), half)
            fourth = predict(transfer(x, t, t_next, third), t_next)
            eps = (answers[-1] + 2 * second + 2 * third + fourth) / 6
        x = transfer(x, t, t_next, eps)
    return x


def scheduler(n, times=None):
    """PNDMScheduler as PNDMPipeline has it, in float64; `times` (from clean to noisy) replaces the steps that it would take."""
    from diffusers import PNDMScheduler

    made = PNDMScheduler()
    made.alphas_cumprod = torch.from_numpy(ALPHA_BAR.copy())
    made.final_alpha_cumprod = made.alphas_cumprod[0]
    made.set_timesteps(n)
    if times is not None:
        pairs = np.repeat(times[-4:], 2) + np.tile([0, 1000 // n // 2], 4)
        made.prk_timesteps = pairs[:-1].repeat(2)[1:-1][::-1].copy()
        made.timesteps = torch.from_numpy(np.concatenate([made.prk_timesteps, times[:-3][::-1]]))
    return made


def shifted(made):
    """The same scheduler with each level one training time later, where the original has it; the last step ends where it did."""
    made.alphas_cumprod = torch.cat([made.alphas_cumprod[1:], made.alphas_cumprod[-1:]])
    return made


def drive(made, told=None):
    """The loop of PNDMPipeline: all states, from noise to sample."""
    states = [torch.from_numpy(NOISE)]
    for i, t in enumerate(made.timesteps):
        answer = torch.from_numpy(predict(states[-1], t if told is None else told[i]))
        states.append(made.step(answer, t, states[-1], return_dict=False)[0])
    return [state.numpy() for state in states]


def far(got, wanted):
    """The largest difference of two samples."""
    return measure(got, wanted)[1]


def only_together(run, wanted, parts):
    """With all `parts` set right the sample is the original's; with any one of them as released it is not."""
    assert far(run(set(parts)), wanted) < SAME
    for part in parts:
        assert far(run(set(parts) - {part}), wanted) > 1000 * SAME, part


@pytest.mark.parametrize("n", [4, 20, 50])
def test_the_last_step_of_pndm_does_nothing(n):
    """The last step goes from the first level to the first level and changes nothing; with levels one time later it is the original."""
    states = drive(scheduler(n))
    assert far(states[-1], states[-2]) < 1e-14
    only_together(lambda right: drive(shifted(scheduler(n)) if right else scheduler(n))[-1], original(n), ("levels",))
    moved = drive(shifted(scheduler(n)))
    assert far(moved[-1], moved[-2]) > 1e-3


@pytest.mark.parametrize("n", [7, 15])
def test_pndm_takes_the_steps_asked_for(n):
    """15 steps are 15, where the original takes 16; with the original's times it is the original."""
    times = np.arange(0, 1000, 1000 // n)
    assert (n + 1, n + 9) == (len(times), len(scheduler(n).timesteps))
    only_together(lambda right: drive(shifted(scheduler(n, times if right else None)))[-1], original(n), ("times",))


def test_the_middle_of_an_odd_stride_is_at_two_levels():
    """With a stride of 25 the middle is told as 962, once at level 963 and once at 962; at 962 and told 962.5 it is the original."""
    n = 40
    released = scheduler(n).timesteps[:4].tolist()
    assert [975, 962, 962, 950] == released
    ends = []

    def run(right):
        made = shifted(scheduler(n))
        step, told = made._get_prev_sample, made.timesteps.double().numpy().copy()

        def prev_sample(sample, t, end, answer):
            ends.append((made.counter, int(end)))
            first_half = made.counter < 12 and made.counter % 4 == 0
            return step(sample, t, end - int(first_half and "level" in right), answer)

        made._get_prev_sample = prev_sample
        if "told" in right:
            told[[i for i in range(12) if i % 4 in (1, 2)]] += 0.5
        return drive(made, told)[-1]

    only_together(run, original(n), ("level", "told"))
    assert [(0, 963), (1, 962), (2, 950), (3, 950)] == ends[:4]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_fewer_than_four_steps_are_refused(n):
    """One, two and three steps raise ValueError in set_timesteps, four do not; the original takes one and two."""
    with pytest.raises(ValueError, match="could not be broadcast"):
        scheduler(n)
    assert 13 == len(scheduler(4).timesteps)
    if n < 3:
        assert np.isfinite(original(n)).all()
    else:  # its stride of 333 starts at 999, one entry beyond the table
        with pytest.raises(IndexError):
            original(n)
