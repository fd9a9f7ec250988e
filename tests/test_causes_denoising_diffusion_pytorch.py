"""Why denoising-diffusion-pytorch differs from the originals that it names: each entry of its ledger, proven on the library itself.

It runs in a process of its own with float64 as the default, and the originals' formulas stand below; the specs are not asked.
"""

from itertools import pairwise

import numpy as np
import pytest
from support import in_release

from trueto.distances import measure
from trueto.fixtures import network, schedule, start_noise

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow

RELEASE, SHAPE, STEPS = "2.3.4", (2, 1, 4, 4), 8
SAME = 1e-10  # what float64 leaves over
PROGRAM = """
import json, sys
import numpy as np, torch
from trueto.candidates._library import bare_package, stand_in
from trueto.fixtures import network, schedule, start_noise
stand_in("torchvision", "torchvision.transforms", "ema_pytorch", "accelerate")
bare_package("denoising_diffusion_pytorch")
from denoising_diffusion_pytorch import denoising_diffusion_pytorch as gaussian, elucidated_diffusion as edm
steps, shape = int(sys.argv[1]), (2, 1, 4, 4)
start, true_randn = torch.from_numpy(start_noise(0, shape).astype(np.float64)), torch.randn

class Network(torch.nn.Module):
    channels = out_dim = 1
    self_condition, random_or_learned_sinusoidal_cond = False, True

    def __init__(self, name, kind="smooth"):
        super().__init__()
        self.where = torch.nn.Parameter(torch.zeros(1))
        self.net = network(kind, schedule(name))
        self.random_or_learned_sinusoidal_cond = name == "edm"

    def forward(self, x, t, self_cond):
        seen.append(str(x.dtype))
        return torch.from_numpy(self.net(x.double().numpy(), np.broadcast_to(t.double().numpy(), (len(x),)))).to(x.dtype)

def sampled(made, function, **more):
    \"\"\"The sample, whose first draw is the known start.\"\"\"
    torch.manual_seed(3)
    begun = []
    torch.randn = lambda *a, **k: true_randn(*a, **k) if begun else begun.append(1) or start.to(torch.get_default_dtype())
    try:
        return function(made, **more).tolist()
    finally:
        torch.randn = true_randn

def process(name, times, asked, **more):
    made = gaussian.GaussianDiffusion(
        Network(name), image_size=(4, 4), timesteps=times, sampling_timesteps=asked, objective="pred_noise", beta_schedule="linear",
        auto_normalize=False, **more,
    )
    made.double()
    return made

seen = []
torch.set_default_dtype(torch.float64)
ddpm = process("linear25", 25, 25)
found = {"ddpm": sampled(ddpm, lambda made: made.p_sample_loop(shape)), "table": ddpm.alphas_cumprod.tolist()}
ddim = process("linear", 1000, steps, ddim_sampling_eta=0.5)
found |= {"ddim": sampled(ddim, lambda made: made.ddim_sample(shape)), "ddim_table": ddim.alphas_cumprod.tolist()}
for name, churn in (("plain", 0.0), ("churned", 4.0)):
    made = edm.ElucidatedDiffusion(Network("edm"), image_size=4, channels=1, num_sample_steps=steps, S_churn=churn)
    for clamp in (True, False):
        found[f"{name}{clamp}"] = sampled(made, lambda made: made.sample(2, clamp=clamp) * 2 - 1)
found["sigmas"] = made.sample_schedule().double().tolist()
made = edm.ElucidatedDiffusion(Network("edm", "mixture"), image_size=4, channels=1, num_sample_steps=steps)
found["dpmpp"] = sampled(made, lambda made: made.sample_using_dpmpp(2) * 2 - 1)
found["sigmas_are"] = str(made.sample_schedule().dtype)
torch.set_default_dtype(torch.float32)
seen.clear()
sampled(edm.ElucidatedDiffusion(Network("edm"), image_size=4, channels=1, num_sample_steps=steps), lambda made: made.sample(2))
lone = edm.ElucidatedDiffusion(Network("edm"), image_size=4, channels=1, num_sample_steps=1).sample_schedule()
stand_in("pytorch_fid", "pytorch_fid.fid_score", "pytorch_fid.inception")
from denoising_diffusion_pytorch import learned_gaussian_diffusion as learned, repaint

class Times(torch.nn.Module):
    channels, out_dim, self_condition = 1, 1, False

    def forward(self, x, t, self_cond=None):
        told.append(int(t[0]))
        return torch.zeros_like(x).repeat(1, self.out_dim, 1, 1)

told, image = [], torch.zeros(1, 1, 4, 4)
masked = repaint.GaussianDiffusion(Times(), image_size=4, timesteps=60, objective="pred_noise", beta_schedule="linear")
masked.sample(gt=image, mask=image + 1)
found["told"], Times.out_dim = list(told), 2
few = learned.LearnedGaussianDiffusion(Times(), image_size=4, timesteps=60, sampling_timesteps=10, objective="pred_noise")
try:
    few.sample(1)
except NameError as error:
    found["error"] = str(error)
print(json.dumps({**found, "seen": sorted(set(seen)), "lone": bool(lone[0].isnan())}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What the library sampled, by name."""
    return in_release(tmp_path_factory.mktemp("library"), f"denoising_diffusion_pytorch=={RELEASE}", PROGRAM, str(STEPS))


def draws():
    """The start, then what torch draws from the seed."""
    torch.manual_seed(3)
    return start_noise(0, SHAPE).astype(np.float64), lambda: torch.randn(SHAPE, dtype=torch.float64).numpy()


def clipped(x):
    """To [-1, 1]."""
    return np.clip(x, -1, 1)


def test_ddpm_has_the_smaller_variance(found):
    """Ho et al.'s algorithm with the posterior's variance, and not with beta."""
    table, net = np.asarray(found["table"]), network("smooth", schedule("linear25"))

    def ddpm(share):
        x, fresh = draws()
        for t in reversed(range(25)):
            a, b = table[t], table[t - 1] if t else 1.0
            beta = 1 - a / b
            x0 = clipped((x - np.sqrt(1 - a) * net(x, np.full(len(x), float(t)))) / np.sqrt(a))
            x = (np.sqrt(b) * beta * x0 + np.sqrt(1 - beta) * (1 - b) * x) / (1 - a)  # equation 7
            x = x + np.sqrt(share(a, b) * beta) * fresh() if t else x
        return x

    assert measure(np.asarray(found["ddpm"]), ddpm(lambda a, b: (1 - b) / (1 - a)))[0] < 1e-6  # buffers are float32
    assert measure(np.asarray(found["ddpm"]), ddpm(lambda *_: 1))[0] > 1e-2


def test_ddim_clips_and_begins_at_the_last_time(found):
    """Song et al.'s equation 12 on even times from 999 to the one before -1, with a clipped picture and the noise that fits it."""
    table, net = np.asarray(found["ddim_table"]), network("smooth", schedule("linear"))

    def ddim(times, clip):
        x, fresh = draws()
        for t, end in zip(times, [*times[1:], -1], strict=True):
            a, b = table[t], 1.0 if end < 0 else table[end]
            eps = net(x, np.full(len(x), float(t)))
            x0 = clip((x - np.sqrt(1 - a) * eps) / np.sqrt(a))
            eps = (x - np.sqrt(a) * x0) / np.sqrt(1 - a)
            sigma = 0.5 * np.sqrt((1 - b) / (1 - a) * (1 - a / b))
            x = np.sqrt(b) * x0 + np.sqrt(1 - b - sigma**2) * eps + (sigma * fresh() if end >= 0 else 0)
        return x

    own, sample = [999 - i * 1000 // STEPS for i in range(STEPS)], np.asarray(found["ddim"])
    assert measure(sample, ddim(own, clipped))[0] < 1e-6  # buffers are float32
    assert measure(sample, ddim(own, lambda x0: x0))[0] > 1e-2
    assert measure(sample, ddim([time - 124 for time in own], clipped))[0] > 1e-2  # the original's


def denoised(x, sigma, clip, kind="smooth"):
    """The clean picture in x by a network in EDM form (Karras et al. 2022, equation 7)."""
    total = sigma**2 + 0.25
    out = network(kind, schedule("edm"))(x / np.sqrt(total), np.full(len(x), np.log(sigma) / 4))
    return clip(0.25 / total * x + sigma * 0.5 / np.sqrt(total) * out)


def heun(sigmas, clip, churn):
    """Algorithm 2 of Karras et al. 2022 with the library's own range of levels that are raised."""
    x, fresh = draws()
    x = x * sigmas[0]
    for sigma, after in pairwise(sigmas):
        gamma = min(churn / (len(sigmas) - 1), np.sqrt(2) - 1) if 0.05 <= sigma <= 50 else 0.0
        raised = sigma * (1 + gamma)
        x = x + np.sqrt(raised**2 - sigma**2) * 1.003 * fresh()
        slope = (x - denoised(x, raised, clip)) / raised
        moved = x + (after - raised) * slope
        if after > 0:
            moved = x + (after - raised) * (slope + (moved - denoised(moved, after, clip)) / after) / 2
        x = moved
    return x


@pytest.mark.parametrize(("name", "churn"), [("plain", 0.0), ("churned", 4.0)])
def test_edm_clips(found, name, churn):
    """With clamp each answer is clipped, without it the picture that is handed back is."""
    sigmas = np.asarray(found["sigmas"])
    as_shipped, unclamped = (np.asarray(found[f"{name}{clamp}"]) for clamp in (True, False))
    assert measure(as_shipped, heun(sigmas, clipped, churn))[0] < SAME
    assert measure(unclamped, clipped(heun(sigmas, lambda x0: x0, churn)))[0] < SAME
    assert measure(unclamped, heun(sigmas, lambda x0: x0, churn))[0] > 1e-3
    assert measure(as_shipped, unclamped)[0] > 1e-3


def test_edm_computes_in_float32(found):
    """Levels are float32 whatever torch's default is, and latents, and with them the noise, are float32 by default."""
    assert "torch.float32" == found["sigmas_are"]
    assert ["torch.float32"] == found["seen"]
    ramp = np.arange(STEPS) / (STEPS - 1)
    exact = (80 ** (1 / 7) + ramp * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    assert 1e-9 < measure(np.asarray(found["sigmas"])[:-1], exact)[0] < 1e-5


def test_dpmpp_2m_clips_what_it_hands_back(found):
    """DPM-Solver++(2M) as k-diffusion has it, clipped at last."""
    sigmas, (x, _), old, h_last = np.asarray(found["sigmas"]), draws(), None, None
    x = x * sigmas[0]
    for sigma, after in pairwise(sigmas):
        new = denoised(x, sigma, lambda x0: x0, "mixture")
        if after == 0:
            x = new
            break
        h = np.log(sigma / after)
        slope = new if old is None else new + (new - old) * h / (2 * h_last)
        x, old, h_last = after / sigma * x - np.expm1(-h) * slope, new, h
    assert measure(np.asarray(found["dpmpp"]), clipped(x))[0] < 1e-5  # levels are float32
    assert measure(np.asarray(found["dpmpp"]), x)[0] > 1e-3


def test_repaint_resamples_at_one_time(found):
    """After the step at time 50 all of the ten times ten calls are told 10 (docs/findings)."""
    after = found["told"].index(50) + 1
    assert [10] * 100 == found["told"][after : after + 100]
    assert 49 == found["told"][after + 100]


def test_learned_variance_cannot_be_sampled_in_fewer_steps(found):
    """DDIM of the class raises NameError (docs/findings)."""
    assert "name 'partial' is not defined" == found["error"]


def test_one_step_of_edm_is_not_defined(found):
    """Its levels divide by n - 1, so that one step is left out of the claims."""
    assert found["lone"]
