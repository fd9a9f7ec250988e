"""Why refiners differs from the originals that it names: each entry of its ledger, proven on the library itself.

It runs in a process of its own in float64, and the originals' formulas stand below; the specs are not asked.
"""

from itertools import pairwise

import numpy as np
import pytest
from support import in_release

from trueto.distances import measure
from trueto.fixtures import network, schedule, start_noise

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow

RELEASE, SHAPE = "0.4.0", (2, 4, 4, 3)
SAME = 1e-10  # what float64 leaves over
TABLE = schedule("sd_v1").alphas_cumprod
PROGRAM = """
import json, sys
import numpy as np, torch
from trueto.candidates._library import bare_package
from trueto.fixtures import network, schedule, start_noise
for package in ("refiners", "refiners.foundationals", "refiners.foundationals.latent_diffusion"):
    bare_package(package)
from refiners.foundationals.latent_diffusion import solvers
torch.set_default_dtype(torch.float64)

def sampled(name, steps, schedule_name="sd_v1", params=None, **more):
    params = solvers.SolverParams(**params) if params else None
    solver = getattr(solvers, name)(steps, params=params, dtype=torch.float64, **more)
    net, told = network("smooth", schedule(schedule_name)), []
    torch.manual_seed(3)
    x = solver.scale_model_input(torch.from_numpy(start_noise(0, (2, 4, 4, 3)).astype(np.float64)), step=-1)
    for step in solver.inference_steps:
        told.append(float(solver.timesteps[step]))
        shown = solver.scale_model_input(x, step=step)
        x = solver(x, predicted_noise=torch.from_numpy(net(shown.numpy(), np.full(len(x), told[-1]))), step=step)
    return {"told": told, "sample": x.tolist()}

linear = {"noise_schedule": solvers.NoiseSchedule.UNIFORM, "initial_diffusion_rate": 1e-4, "final_diffusion_rate": 0.02}
try:
    sampled("DDIM", 1000)
except IndexError:
    refused = True
print(json.dumps({
    "ddim": sampled("DDIM", 7),
    "ddim_thousand_refused": refused,
    "euler": sampled("Euler", 7),
    "euler_lone": sampled("Euler", 1)["told"],
    "dpm": sampled("DPMSolver", 7),
    "dpm_lowered": sampled("DPMSolver", 12, last_step_first_order=True),
    "lcm": {n: sampled("LCMSolver", n)["told"] for n in (4, 7, 26)},
    "lcm_known": sampled("LCMSolver", 6, num_orig_steps=30)["told"],
    "lcm_linear": sampled("LCMSolver", 3, "linear", linear),
}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What the library told and sampled, by name."""
    return in_release(tmp_path_factory.mktemp("library"), f"refiners=={RELEASE}", PROGRAM)


def asked(x, time, name="sd_v1"):
    """What the network answers at a time."""
    return network("smooth", schedule(name))(x, np.full(len(x), float(time)))


def beginning():
    """The first noise."""
    return start_noise(0, SHAPE).astype(np.float64)


def test_ddim_leaves_the_noise_of_the_last_step_out(found):
    """As many times as asked from 1 on, to the level of time 0, without its noise; 1000 of them are refused in the first step."""
    times, sample = [i * 142 + 1 for i in range(7)][::-1], np.asarray(found["ddim"]["sample"])
    assert times == found["ddim"]["told"]
    assert found["ddim_thousand_refused"]

    def ddim(left_of_last):
        x = beginning()
        for t, end in pairwise([*times, 0]):
            a, b = TABLE[t], TABLE[end]
            eps = asked(x, t)
            left = 1.0 if end else left_of_last
            x = np.sqrt(b) * (x - np.sqrt(1 - a) * eps) / np.sqrt(a) + left * np.sqrt(1 - b) * eps  # equation 12
        return x

    assert measure(sample, ddim(0.0))[0] < SAME
    assert measure(sample, ddim(1.0))[0] > 1e-3


def test_euler_draws_straight_lines_between_levels(found):
    """Times are told as they are, their levels lie on straight lines between those of whole times; a lone step is at time 0."""
    sigmas, told = np.sqrt((1 - TABLE) / TABLE), found["euler"]["told"]
    assert measure(np.asarray(told), np.linspace(999, 0, 7))[0] < 1e-6  # told in float32
    assert [0.0] == found["euler_lone"]

    def euler(levels):
        x = beginning() * levels[0]
        for t, (level, after) in zip(told, pairwise([*levels, 0.0]), strict=True):
            x = x + (after - level) * asked(x / np.sqrt(level**2 + 1), t)
        return x

    sample, places = np.asarray(found["euler"]["sample"]), np.arange(1000)
    assert measure(sample, euler(np.interp(told, places, sigmas)))[0] < SAME
    assert measure(sample, euler(np.exp(np.interp(told, places, np.log(sigmas)))))[0] > 1e3 * SAME


def test_dpm_solver_visits_whole_times(found):
    """DPM-Solver++(2M) on whole times down to time 0; the last step is of second order, or with last_step_first_order of first."""

    def solved(n, last_order):
        times = np.linspace(0, 999, n + 1).round().astype(int)[::-1]
        alpha, sigma = np.sqrt(TABLE[times]), np.sqrt(1 - TABLE[times])
        x, old, lam = beginning(), None, np.log(alpha / sigma)
        for i in range(n):
            new = (x - sigma[i] * asked(x, times[i])) / alpha[i]
            h, slope = lam[i + 1] - lam[i], new
            if i > 0 and (i < n - 1 or last_order == 2):
                slope = new + (new - old) * h / (2 * (lam[i] - lam[i - 1]))
            x, old = sigma[i + 1] / sigma[i] * x - alpha[i + 1] * np.expm1(-h) * slope, new
        return list(times[:-1]), x

    for name, n, order in (("dpm", 7, 2), ("dpm_lowered", 12, 1)):
        times, expected = solved(n, order)
        assert times == found[name]["told"]
        assert measure(np.asarray(found[name]["sample"]), expected)[0] < SAME
        assert measure(np.asarray(found[name]["sample"]), solved(n, 3 - order)[1])[0] > 1e-3


def test_lcm_spreads_its_steps(found):
    """Over the fifty times that it counts down from 999; with seven steps these are the original's."""
    known = [999 - 20 * i for i in range(50)]
    for n in (4, 7, 26):
        assert [known[int(i * 50 / n)] for i in range(n)] == found["lcm"][str(n)]
    assert known[:: 50 // 7][:7] == found["lcm"]["7"]
    assert known[:: 50 // 4][:4] != found["lcm"]["4"]
    assert [999 - 33 * 5 * i for i in range(6)] == found["lcm_known"]


def test_lcm_adds_noise_by_another_table(found):
    """Given linear betas it sees the clean picture by their table, and adds fresh noise by that of Stable Diffusion."""
    table, told = schedule("linear").alphas_cumprod, [int(time) for time in found["lcm_linear"]["told"]]

    def lcm(noise_table):
        torch.manual_seed(3)
        x = beginning()
        for t, end in pairwise([*told, 0]):
            a, scaled = table[t], 10.0 * t
            clean = 0.25 / (scaled**2 + 0.25) * x
            clean = clean + scaled / np.sqrt(scaled**2 + 0.25) * (x - np.sqrt(1 - a) * asked(x, t, "linear")) / np.sqrt(a)
            if not end:
                return clean
            fresh = torch.randn(SHAPE, dtype=torch.float64).numpy()
            x = np.sqrt(noise_table[end]) * clean + np.sqrt(1 - noise_table[end]) * fresh
        raise AssertionError

    assert measure(np.asarray(found["lcm_linear"]["sample"]), lcm(TABLE))[0] < SAME
    assert measure(np.asarray(found["lcm_linear"]["sample"]), lcm(table))[0] > 1e-2
