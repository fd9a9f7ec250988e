"""Why PhysicsNeMo differs from EDM's samplers, which it names: each entry of its ledger, proven on the library itself.

It runs in a process of its own with float64 as the default, and the paper's formulas stand below; the specs are not asked.
"""

from itertools import pairwise

import numpy as np
import pytest
from support import in_release

from trueto.distances import measure
from trueto.fixtures import network, schedule, start_noise

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow

RELEASE, SHAPE, STEPS = "2.2.2", (2, 4, 3, 2), 6
SAME = 1e-10  # what float64 leaves over
PROGRAM = """
import json, sys
import numpy as np, torch
from trueto.candidates.physicsnemo.adapter import ADAPTER
from trueto.fixtures import network, schedule, start_noise
ADAPTER.load()
from physicsnemo.diffusion import noise_schedulers
from physicsnemo.diffusion.samplers import edm_stochastic_euler, edm_stochastic_heun, samplers
from physicsnemo.diffusion.samplers import legacy_deterministic_sampler, legacy_stochastic_sampler
deterministic, stochastic = legacy_deterministic_sampler.deterministic_sampler, legacy_stochastic_sampler.stochastic_sampler
raw, n, shape = network("smooth", schedule("edm")), int(sys.argv[1]), (2, 4, 3, 2)

def start():
    return torch.from_numpy(start_noise(0, shape).astype(np.float64))

class Net:
    sigma_min, sigma_max = 0.0, float("inf")

    def __init__(self):
        self.levels, self.told, self.dtypes = [], [], set()

    def round_sigma(self, sigma):
        self.levels.append(sigma)
        return sigma

    def __call__(self, x, low, sigma, labels):
        self.dtypes.add(str(x.dtype))
        sigma = torch.as_tensor(sigma).reshape(-1)[0].to(x.dtype)
        self.told.append(sigma.item())
        total = sigma**2 + 0.25
        seen = np.float64((x / total.sqrt()).numpy())
        out = torch.from_numpy(raw(seen, np.full(len(x), float(sigma.log() / 4)))).to(x.dtype)
        return 0.25 / total * x + sigma * 0.5 / total.sqrt() * out

def ran(function, dtype=torch.float64, **more):
    torch.set_default_dtype(dtype)
    torch.manual_seed(3)
    net = Net()
    sample = function(net, start().to(dtype), torch.zeros(shape, dtype=dtype), num_steps=n, randn_like=torch.randn_like, **more)
    levels = net.levels[0]
    return {"sample": sample.tolist(), "told": net.told, "levels": levels.tolist(), "dtypes": sorted(net.dtypes | {str(levels.dtype)})}

def solved(solver, steps, dtype=torch.float64, **more):
    torch.set_default_dtype(dtype)
    torch.manual_seed(3)
    net, scheduler = Net(), noise_schedulers.EDMNoiseScheduler()
    denoiser = scheduler.get_denoiser(x0_predictor=lambda x, t: net(x, None, t, None))
    times = scheduler.timesteps(steps, dtype=dtype)
    x = samplers.sample(denoiser, start().to(dtype) * times[0], scheduler, steps, solver, solver_options={"num_steps": steps, **more})
    return {"sample": x.tolist(), "told": net.told, "levels": times.tolist(), "dtypes": sorted(net.dtypes)}

def churned(made, t, solver, **more):
    seen, x0 = [], torch.linspace(-1, 1, 40000, dtype=torch.float64).reshape(1, 1, 200, 200)

    def denoiser(x, t_hat):
        at = t_hat.reshape(-1, 1, 1, 1)
        seen.append(((x - made.alpha(at) * x0) / made.sigma(at)).std().item())
        return torch.zeros_like(x)

    torch.manual_seed(0)
    now = torch.tensor([t], dtype=torch.float64)
    x = made.alpha(now) * x0 + made.sigma(now) * torch.randn_like(x0)
    solver(denoiser, S_churn=1, num_steps=10, sigma_fn=made.sigma, sigma_inv_fn=made.sigma_inv, **more).step(x, now, now / 2)
    return seen[0]

heun, euler, ve, vp = edm_stochastic_heun.EDMStochasticHeunSolver, edm_stochastic_euler.EDMStochasticEulerSolver, *(
    getattr(noise_schedulers, name)() for name in ("VENoiseScheduler", "VPNoiseScheduler")
)
print(json.dumps({
    "shipped": ran(stochastic),
    "raised": ran(stochastic, sigma_max=80, S_churn=6, S_noise=1.003),
    "vp": ran(deterministic, discretization="vp"),
    "solver": solved("edm_stochastic_heun", n, S_churn=1.5, S_noise=1.003),
    "few": solved("edm_stochastic_heun", 2, torch.float32),
    "function_in_32": ran(stochastic, torch.float32)["dtypes"],
    "solver_in_32": solved("edm_stochastic_euler", n, torch.float32)["dtypes"],
    "ve": [churned(ve, 400.0, heun), churned(ve, 400.0, heun, diffusion_fn=ve.diffusion), churned(ve, 400.0, euler)],
    "vp_churned": [churned(vp, 0.3, heun, diffusion_fn=vp.diffusion), churned(vp, 1.0, heun, diffusion_fn=vp.diffusion)],
}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What the library sampled, by name."""
    return in_release(tmp_path_factory.mktemp("library"), f"physicsnemo=={RELEASE}", PROGRAM, str(STEPS))


def denoised(x, sigma):
    """The clean picture in x by a network in EDM form (Karras et al. 2022, equation 7)."""
    total = sigma**2 + 0.25
    out = network("smooth", schedule("edm"))(x / np.sqrt(total), np.full(len(x), np.log(sigma) / 4))
    return 0.25 / total * x + sigma * 0.5 / np.sqrt(total) * out


def karras(low, high, n=STEPS):
    """Equation 5, then 0."""
    ramp = np.arange(n) / (n - 1)
    return np.append((high ** (1 / 7) + ramp * (low ** (1 / 7) - high ** (1 / 7))) ** 7, 0.0)


def algorithm_2(sigmas, churn=0.0, s_noise=1.0, most=2**0.5 - 1):
    """Karras et al. 2022, algorithm 2."""
    torch.manual_seed(3)
    x = start_noise(0, SHAPE).astype(np.float64) * sigmas[0]
    for sigma, after in pairwise(sigmas):
        raised = sigma * (1 + min(churn / (len(sigmas) - 1), most))
        x = x + np.sqrt(raised**2 - sigma**2) * s_noise * torch.randn(SHAPE, dtype=torch.float64).numpy()
        slope = (x - denoised(x, raised)) / raised
        moved = x + (after - raised) * slope
        if after > 0:
            moved = x + (after - raised) * (slope + (moved - denoised(moved, after)) / after) / 2
        x = moved
    return x


def test_the_function_begins_at_800_and_raises_without_bound(found):
    """Without sigma_max its first level is 800, and with much churn and few steps it raises by more than algorithm 2 ever does."""
    sample, raised = (np.asarray(found[name]["sample"]) for name in ("shipped", "raised"))
    assert measure(sample, algorithm_2(karras(0.002, 800)))[0] < SAME
    assert measure(sample, algorithm_2(karras(0.002, 80)))[0] > 1e-2
    assert measure(raised, algorithm_2(karras(0.002, 80), 6, 1.003, np.inf))[0] < SAME
    assert measure(raised, algorithm_2(karras(0.002, 80), 6, 1.003))[0] > 1e-2


def test_the_range_of_vp_has_another_beta_d(found):
    """Its highest level is 124.6; 152.2 of table 1."""
    highest = {beta_d: np.sqrt(np.exp(beta_d / 2 + 0.1) - 1) for beta_d in (19.1, 19.9)}
    assert abs(found["vp"]["levels"][0] / highest[19.1] - 1) < SAME
    assert abs(found["vp"]["levels"][0] / highest[19.9] - 1) > 0.1


def test_the_solver_asks_once_more(found):
    """Algorithm 2, and in the last step a second question at the same level, whose answer is not used."""
    sample, told = np.asarray(found["solver"]["sample"]), found["solver"]["told"]
    assert measure(sample, algorithm_2(karras(0.002, 80), 1.5, 1.003))[0] < SAME
    assert 2 * STEPS == len(told)
    assert told[-1] == told[-2]


def test_the_solver_adds_levels_up(found):
    """In float32 the level at which a long step is corrected is told as it comes out of a sum."""
    after = np.float32(found["few"]["levels"][1])
    added_up = np.float32(80) + (after - np.float32(80))
    assert added_up != after
    assert float(added_up) == found["few"]["told"][1]


def test_levels_and_latents_are_float32(found):
    """With latents in float32, as they are by default, everything is."""
    assert ["torch.float32"] == found["function_in_32"]
    assert ["torch.float32"] == found["solver_in_32"]
    assert ["torch.float64"] == found["shipped"]["dtypes"]


def test_churn_on_other_paths_leaves_another_size_of_noise(found):
    """Beside what the network is told: on VE and VP with the documented diffusion_fn, and in the Euler solver (docs/findings)."""
    right, with_diffusion, euler = found["ve"]
    assert abs(right - 1) < 0.02
    assert with_diffusion < 0.95
    assert euler > 5
    assert found["vp_churned"][0] > 1.3
    assert np.isnan(found["vp_churned"][1])
