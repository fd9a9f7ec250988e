"""Why diffusers differs from Stability AI's generative-models: each entry of its ledger, proven on diffusers by changing that one thing.

The original's formulas stand here once more (sampling.py, discretizer.py and denoiser.py at 0ad7de9), not by way of the specs. In every
test the difference is there as released, and is gone (below SAME) as soon as that one thing is changed.
"""

import numpy as np
import pytest
from formulas import NOISE, TABLE, predict

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from diffusers import EulerDiscreteScheduler  # noqa: E402 - after the check that it is there
from driving import SAME, all_but_one, far  # noqa: E402 - it imports diffusers

from trueto.fixtures import network, schedule  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

SDXL = {
    "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "interpolation_type": "linear",
    "steps_offset": 1, "timestep_spacing": "leading",
}  # fmt: skip
V_NET = network("smooth", schedule("sd_v1"), "v")


def predict_v(x, t):
    """The answer of a network that predicts v."""
    return V_NET(np.asarray(x, np.float64), np.full(len(x), float(t)))


def visited(n):
    """discretizer.py: generate_roughly_equally_spaced_steps, from noisy to clean."""
    return np.floor(np.linspace(999, 0, n, endpoint=False)).astype(int)


def denoised(x, sigma, ask):
    """denoiser.py: DiscreteDenoiser with EpsScaling or VScaling, which read a level as the nearest training level."""
    t = np.abs(TABLE - sigma).argmin()
    level = TABLE[t]
    out = ask(x / np.sqrt(level**2 + 1), t)
    return x - level * out if ask is predict else x / (level**2 + 1) - out * level / np.sqrt(level**2 + 1)


def original(sigmas, ask=predict, draws=None, s_churn=0.0):
    """sampling.py: EulerEDMSampler."""
    x, n = NOISE * np.sqrt(sigmas[0] ** 2 + 1), len(sigmas) - 1
    gamma = min(s_churn / n, 2**0.5 - 1)
    for i in range(n):
        raised = sigmas[i] * (1 + gamma)
        if gamma:
            x = x + draws[i] * np.sqrt(raised**2 - sigmas[i] ** 2)
        x = x + (x - denoised(x, raised, ask)) / raised * (sigmas[i + 1] - raised)
    return x


def levels(n):
    """The original's noise levels, (n + 1,)."""
    return np.append(TABLE[visited(n)], 0)


def made(n, right=(), **config):
    """The scheduler in the configuration of Stable Diffusion XL, with the original's times and levels where `right` says so."""
    scheduler = EulerDiscreteScheduler.from_config({**SDXL, **config})
    scheduler.set_timesteps(n)
    if "grid" in right:
        scheduler.timesteps = torch.from_numpy(visited(n)).float()
        scheduler.sigmas = torch.from_numpy(levels(n)).float()
    return scheduler


def drive(scheduler, ask=predict, answer=None, **step):
    """The loop of diffusers' pipelines; `answer(x, i)` is handed to the step in the place of the network's answer about x and t."""
    x = torch.from_numpy(NOISE).float() * scheduler.init_noise_sigma
    for i, t in enumerate(scheduler.timesteps):
        out = ask(scheduler.scale_model_input(x, t), float(t)) if answer is None else answer(x.double().numpy(), i)
        x = scheduler.step(torch.from_numpy(out).float(), t, x, return_dict=False, **step)[0]
    return x.numpy()


@pytest.mark.parametrize("n", [7, 20, 50])
def test_sdxl_starts_a_stride_below_the_noisiest_time(n):
    """Times are 1, 1 + s, ... with the stride s = 1000 // n, where the original starts at 999; with its times it is the original."""
    times = made(n).timesteps.tolist()
    assert [1 + (1000 // n) * i for i in reversed(range(n))] == times
    assert 999 == visited(n)[0]
    assert visited(n)[0] - times[0] >= 1000 // n - 2
    all_but_one(lambda right: drive(made(n, right)), original(levels(n)), ("grid",))


def test_a_trailing_spacing_is_nearer_but_not_the_same():
    """With timestep_spacing trailing it starts at 999 as well, and no time is more than one away from the original's."""
    trailing = made(20, timestep_spacing="trailing").timesteps.numpy()
    assert 999 == trailing[0]
    assert set(np.abs(trailing - visited(20)).tolist()) <= {0.0, 1.0}
    wanted = original(levels(20))
    nearer, released = (far(drive(made(20, timestep_spacing=kind)), wanted) for kind in ("trailing", "leading"))
    assert nearer < released / 10


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_the_network_does_not_see_the_extra_noise(kind):
    """With s_churn the network is shown x before the extra noise; given an answer about x with it, the step is the original's.

    A step reads an answer of an eps network at the raised level and one of a v network at the lower level; the answer given to it is
    written so that it reads from it the clean picture which the original's denoiser sees in the noisier x.
    """
    n, s_churn, ask = 12, 4.0, predict if kind == "epsilon" else predict_v
    sigmas, gamma = levels(n), s_churn / n
    generator = torch.Generator().manual_seed(5)
    draws = [torch.randn(NOISE.shape, generator=generator).double().numpy() for _ in range(n)]

    def answer(x, i):
        sigma, raised = sigmas[i], sigmas[i] * (1 + gamma)
        x_hat = x + draws[i] * np.sqrt(raised**2 - sigma**2)
        clean = denoised(x_hat, raised, ask)
        if kind == "epsilon":
            return (x_hat - clean) / raised
        return (x_hat / (sigma**2 + 1) - clean) * np.sqrt(sigma**2 + 1) / sigma

    def run(right):
        source = torch.Generator().manual_seed(5)
        scheduler = made(n, ("grid",), prediction_type=kind)
        return drive(scheduler, ask, answer if "order" in right else None, s_churn=s_churn, generator=source)

    assert far(drive(made(n, ("grid",), prediction_type=kind), ask), original(sigmas, ask)) < SAME
    all_but_one(run, original(sigmas, ask, draws, s_churn), ("order",))


def test_its_table_is_built_in_float32():
    """Its alpha_bar is the product of float32 alphas, several roundings away from the float64 table; the original rounds once."""
    table = np.sqrt((1 - made(20).alphas_cumprod.double().numpy()) / made(20).alphas_cumprod.double().numpy())
    once = np.sqrt((1 - 1 / (1 + TABLE**2)) * (1 + TABLE**2)).astype(np.float32).astype(np.float64)
    assert np.abs(once / TABLE - 1).max() < 2**-23
    assert np.abs(table / TABLE - 1).max() > 4 * 2**-24


def test_stable_video_diffusion_levels_are_the_originals():
    """In the configuration of Stable Video Diffusion levels and times are EDMDiscretization's, up to 700, with nothing declared."""
    scheduler = made(
        25, prediction_type="v_prediction", use_karras_sigmas=True, timestep_type="continuous", sigma_min=0.002, sigma_max=700.0
    )
    ramp, low, high = np.linspace(0, 1, 25), 0.002 ** (1 / 7), 700.0 ** (1 / 7)
    wanted = (high + ramp * (low - high)) ** 7
    assert np.abs(scheduler.sigmas[:-1].double().numpy() / wanted - 1).max() < 1e-6
    assert far(scheduler.timesteps, 0.25 * np.log(wanted)) < 1e-6
