"""Why MONAI differs from the originals that it names: each entry of its ledger, proven on two releases of MONAI itself.

Nothing here goes through the specs. MONAI computes in float64 on the originals' table, in a process of its own, so that what is left
over is an algorithm; the originals' formulas stand below.
"""

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
from support import trueto

from trueto.distances import measure
from trueto.fixtures import network, schedule, start_noise

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow

NEW, OLD = "1.6.1", "1.5.1"
LINEAR = schedule("linear")
ALPHA_BAR = LINEAR.alphas_cumprod
NET = network("smooth", LINEAR)
NOISE = start_noise(0, (2, 4, 4, 3)).astype(np.float64)
SAME = 1e-10  # what float64 leaves over; each of the differences below is thousands of times as large
PROGRAM = """
import json, sys
import numpy as np, torch
from trueto.candidates._library import bare_package
from trueto.fixtures import network, schedule, start_noise
bare_package("monai", __version__="0")
bare_package("monai.networks")
import monai.networks.schedulers as schedulers
torch.set_default_dtype(torch.float64)

def flowed(asked):
    made = schedulers.RFlowScheduler(**asked["config"])
    made.set_timesteps(asked["steps"])
    if asked["config"]:
        x = torch.zeros(1, 1, 1, 1)
        for t, end in zip(made.timesteps, [*made.timesteps[1:], torch.tensor(0)]):
            x, _ = made.step(torch.ones_like(x), t, x, end)
        return {"end": float(x.squeeze())}
    net, x = network("smooth", schedule("linear")), torch.from_numpy(start_noise(0, (2, 4, 4, 3)).astype(np.float64))
    for t, end in zip(made.timesteps, [*made.timesteps[1:], 0]):
        x, _ = made.step(torch.from_numpy(net(x.numpy(), np.full(len(x), float(t)))), t, x, end)
    return {"told": [int(t) for t in made.timesteps], "sample": x.tolist()}

def sampled(asked):
    if asked["scheduler"] == "RFlowScheduler":
        return flowed(asked)
    levels = schedule(asked["schedule"])
    net, settings = network("smooth", levels), {"num_train_timesteps": 1000, **levels.settings}
    settings.pop("beta_schedule")
    made = getattr(schedulers, asked["scheduler"])(**settings, **asked["config"])
    for name, value in asked["later"].items():
        setattr(made, name, value)
    made.betas = torch.from_numpy(levels.betas.copy())
    made.alphas, made.alphas_cumprod = 1 - made.betas, torch.from_numpy(levels.alphas_cumprod.copy())
    if not asked["config"].get("set_alpha_to_one", asked["scheduler"] == "DDIMScheduler"):
        made.final_alpha_cumprod = made.alphas_cumprod[0]
    made.set_timesteps(asked["steps"])
    x = torch.from_numpy(start_noise(0, (2, 4, 4, 3)).astype(np.float64))
    extra = {"generator": torch.Generator().manual_seed(3)} if asked["draws"] else {}
    for t in made.timesteps:
        x, _ = made.step(torch.from_numpy(net(x.numpy(), np.full(len(x), float(t)))), t, x, **extra)
    return {"told": [int(t) for t in made.timesteps], "sample": x.tolist()}

for line in sys.stdin:
    try:
        print(json.dumps(sampled(json.loads(line))), flush=True)
    except ValueError as error:
        print(json.dumps({"error": str(error)}), flush=True)
"""


@pytest.fixture(scope="module")
def monai(tmp_path_factory):
    """What a release tells and samples, or the error that it raises: `monai(version, scheduler, steps, ...)`."""
    folder = tmp_path_factory.mktemp("monai")
    done = trueto("env", f"monai=={NEW}", f"monai=={OLD}", cwd=folder)
    assert 0 == done.returncode, done.stderr
    running = {}

    def sampled(version, scheduler, steps, *, named="linear", later=None, draws=False, **config):
        if version not in running:
            path = folder / ".trueto" / "environments" / f"monai=={version}"
            code = f"import sys; sys.path.insert(0, {str(path)!r})\n{PROGRAM}"
            running[version] = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        asked = {"scheduler": scheduler, "steps": steps, "schedule": named, "later": later or {}, "draws": draws, "config": config}
        running[version].stdin.write(json.dumps(asked) + "\n")
        running[version].stdin.flush()
        return json.loads(running[version].stdout.readline())

    yield sampled
    for process in running.values():
        process.communicate(timeout=30)


def apart(found, expected):
    """How far a sample is from another one, as a share of its size."""
    return measure(np.asarray(found["sample"]), expected)[0]


def predict(x, t):
    """The network's answer about x when it is told t."""
    return NET(x, np.full(len(x), float(t)))


def level(t):
    """alpha_bar, exactly 1 below training time 0."""
    return 1.0 if t < 0 else ALPHA_BAR[t]


def even(n, offset=0):
    """Times, as many as asked for, evenly from 999 down to the offset."""
    return [round(t) + offset for t in np.linspace(999 - offset, 0, n)]


def ddim(times, ends, *, clip=False):
    """Song et al. 2020, equation 12 at eta 0: step i is told times[i] and ends at the level of ends[i]."""
    x = NOISE
    for t, end in zip(times, ends, strict=True):
        a, b, eps = level(t), level(end), predict(x, t)
        x0 = (x - np.sqrt(1 - a) * eps) / np.sqrt(a)
        x = np.sqrt(b) * (x0.clip(-1, 1) if clip else x0) + np.sqrt(1 - b) * eps
    return x


def ddpm(times, ends, levels, net):
    """Ho et al. 2020, algorithm 2 with equation 7 and beta as variance; the clean picture is clipped."""
    generator = torch.Generator().manual_seed(3)
    x = NOISE
    for t, end in zip(times, ends, strict=True):
        a, b = levels[t], 1.0 if end < 0 else levels[end]
        x0 = ((x - np.sqrt(1 - a) * net(x, np.full(len(x), float(t)))) / np.sqrt(a)).clip(-1, 1)
        beta = 1 - a / b
        x = (np.sqrt(b) * beta * x0 + np.sqrt(1 - beta) * (1 - b) * x) / (1 - a)
        if t > 0:
            x = x + np.sqrt(beta) * torch.randn(NOISE.shape, generator=generator, dtype=torch.float64).numpy()
    return x


def transfer(x, a, b, eps):
    """Liu et al. 2022, equation 9."""
    return np.sqrt(b / a) * x - (b - a) / (np.sqrt(a) * (np.sqrt((1 - b) * a) + np.sqrt((1 - a) * b))) * eps


def mixed(answers):
    """Liu et al. 2022, equation 12, newest last."""
    weights = {1: (1,), 2: (-1 / 2, 3 / 2), 3: (5 / 12, -16 / 12, 23 / 12), 4: (-9 / 24, 37 / 24, -59 / 24, 55 / 24)}
    newest = answers[-4:]
    return sum(w * eps for w, eps in zip(weights[len(newest)], newest, strict=True))


@pytest.mark.parametrize("n", [50, 7, 1])
def test_ddim_visits_even_times_since_1_6(monai, n):
    """1.6 spreads its steps from 999 to 0 (to 1 with steps_offset=1), DDPM likewise; 1.5 took every (1000 // n)-th time."""
    assert even(n) == monai(NEW, "DDIMScheduler", n)["told"] == monai(NEW, "DDPMScheduler", n)["told"]
    assert even(n, 1) == monai(NEW, "DDIMScheduler", n, steps_offset=1)["told"]
    assert [i * (1000 // n) for i in range(n)][::-1] == monai(OLD, "DDIMScheduler", n)["told"]


def test_ddim_steps_end_elsewhere_than_the_next_begins(monai):
    """Since 1.6 a step of DDIM ends 1000 // n below its own time, though the next begins 999 / (n - 1) below it."""
    found = monai(NEW, "DDIMScheduler", 20, clip_sample=False)
    times = even(20)
    assert apart(found, ddim(times, [t - 50 for t in times])) < SAME
    assert apart(found, ddim(times, [*times[1:], -1])) > 1e-3


@pytest.mark.parametrize("n", [20, 7])
def test_ddim_is_the_original_before_1_6(monai, n):
    """With its own times, of which it takes just n, 1.5.1 computes what the original computes."""
    times = [i * (1000 // n) for i in range(n)][::-1]
    assert apart(monai(OLD, "DDIMScheduler", n, clip_sample=False), ddim(times, [*times[1:], -1])) < SAME
    assert apart(monai(OLD, "DDIMScheduler", n, clip_sample=False), ddim(even(n), [*even(n)[1:], -1])) > 1e-3


def test_ddim_clips_by_default(monai):
    """The clean picture is clipped and the noise is not, unless told otherwise."""
    times = [i * 50 for i in range(20)][::-1]
    assert apart(monai(OLD, "DDIMScheduler", 20), ddim(times, [*times[1:], -1], clip=True)) < SAME
    assert apart(monai(OLD, "DDIMScheduler", 20), ddim(times, [*times[1:], -1])) > 1e-3


def test_an_offset_of_one_is_refused_by_the_constructor_before_1_6(monai):
    """The constructor of 1.5.1 tries a thousand steps first, with which no offset goes; set afterwards it is taken."""
    assert "steps_offset" in monai(OLD, "DDIMScheduler", 20, steps_offset=1)["error"]
    assert [i * 50 + 1 for i in range(20)][::-1] == monai(OLD, "DDIMScheduler", 20, later={"steps_offset": 1})["told"]


@pytest.mark.parametrize("version", [NEW, OLD])
def test_ddpm_over_all_times_differs_by_precision_only(monai, version):
    """Over every training time both releases compute in float64 what Ho et al. compute."""
    short = schedule("linear50")
    found = monai(version, "DDPMScheduler", 50, named="linear50", draws=True, variance_type="fixed_large")
    times = list(range(50))[::-1]
    assert apart(found, ddpm(times, [t - 1 for t in times], short.alphas_cumprod, network("smooth", short))) < SAME


@pytest.mark.parametrize(("version", "times"), [(NEW, even(20)), (OLD, [i * 50 for i in range(20)][::-1])])
def test_ddpm_goes_to_the_time_just_below(monai, version, times):
    """On 20 of 1000 times each step takes away the noise of one time only, and nearly all of it is left at the end."""
    found = monai(version, "DDPMScheduler", 20, draws=True, variance_type="fixed_large")
    assert apart(found, ddpm(times, [t - 1 for t in times], ALPHA_BAR, NET)) < SAME
    assert apart(found, ddpm(times, [*times[1:], -1], ALPHA_BAR, NET)) > 0.1


def pndm(n, stride):
    """F-PNDM on every (1000 // n)-th time, with levels a `stride` apart where MONAI works them out from it."""
    true, first = 1000 // n, ALPHA_BAR[0]
    times = [i * true for i in range(n)][::-1]
    x, answers = NOISE, []
    for i, t in enumerate(times):
        a = level(t)
        answers.append(predict(x, t))
        if i >= 3:
            end = t - stride
            x = transfer(x, a, level(end) if end >= 0 else first, mixed(answers))
            continue
        following = times[i + 1]
        middle = following + true // 2
        second = predict(transfer(x, a, level(t - stride // 2), answers[-1]), middle)
        third = predict(transfer(x, a, level(middle), second), middle)
        fourth = predict(transfer(x, a, level(middle - stride // 2), third), following)
        x = transfer(x, a, level(following), (answers[-1] + 2 * second + 2 * third + fourth) / 6)
    return x


@pytest.mark.parametrize("version", [NEW, OLD])
@pytest.mark.parametrize("n", [50, 20])
def test_pndm_has_strides_of_another_number_of_steps(monai, version, n):
    """PNDM divides 1000 by its n + 9 network calls: 16 instead of 20 for 50 steps."""
    found = monai(version, "PNDMScheduler", n)
    assert apart(found, pndm(n, 1000 // (n + 9))) < SAME
    assert apart(found, pndm(n, 1000 // n)) > 1e-3


def test_pndm_refuses_fewer_than_four_steps(monai):
    """Its Runge-Kutta steps need the last four times."""
    assert "broadcast" in monai(NEW, "PNDMScheduler", 3)["error"]


def plms(n, *, lost):
    """PLMS as CompVis has it on exactly n times from 1 on; `lost`: the call at the end of the first step is the second step's."""
    stride = 1000 // n
    times = [i * stride + 1 for i in range(n)][::-1]
    x, answers = NOISE, []
    for i, t in enumerate(times):
        if lost and i == 1:
            continue
        end = t - stride
        a, b = level(t), ALPHA_BAR[max(end, 0)]
        answers.append(predict(x, t))
        slope = mixed(answers) if i else (answers[0] + predict(transfer(x, a, b, answers[0]), end)) / 2
        x = transfer(x, a, b, slope)
    return x


@pytest.mark.parametrize("version", [NEW, OLD])
@pytest.mark.parametrize("n", [50, 7])
def test_plms_leaves_the_second_step_out(monai, version, n):
    """The list of times lacks a second entry for the call at the end of the first step, so that the second step is never taken."""
    found = monai(version, "PNDMScheduler", n, skip_prk_steps=True, steps_offset=1)
    assert n == len(found["told"])
    assert apart(found, plms(n, lost=True)) < SAME
    assert apart(found, plms(n, lost=False)) > 1e-4


def test_rectified_flow_steps_between_whole_times(monai):
    """It rounds 1000 (1 - i / n), tells these times, and steps by their differences."""
    for version in (NEW, OLD):
        for n in (7, 28, 20):
            seen = monai(version, "RFlowScheduler", n)
            times = [round(1000 * (1 - i / n)) for i in range(n)]
            assert times == seen["told"]
            x = NOISE
            for t, end in itertools.pairwise([*times, 0]):
                x = x + NET(x, np.full(len(x), float(t))) * (t - end) / 1000
            assert measure(np.asarray(seen["sample"]), x)[0] < SAME


def test_rectified_flow_between_fractions_goes_too_far(monai):
    """Where a time is no whole number, the step that ends there ends below it, and the next begins where it is: the way becomes longer."""
    for version in (NEW, OLD):
        ends = [monai(version, "RFlowScheduler", n, use_discrete_timesteps=False)["end"] for n in (50, 30, 7)]
        assert ["1.0000", "1.0102", "1.0031"] == [f"{end:.4f}" for end in ends]
