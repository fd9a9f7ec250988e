"""What the notes of sdkit's claims and its finding say, proven on sdkit itself."""

import pytest
from support import in_release

pytest.importorskip("torch")
pytestmark = pytest.mark.slow

RELEASE = "2.1.1"
PROGRAM = """
import importlib, json
from types import SimpleNamespace
import torch
from trueto.candidates._library import bare_package, stand_in
stand_in("torchvision", "torchvision.transforms")
bare_package("k_diffusion")
bare_package("sdkit.generate")
samplers = importlib.import_module("sdkit.generate.sampler")
betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
alphas = (1 - betas).cumprod(0)

def calls(name, steps, pictures):
    asked = []
    def network(x, t, cond=None):
        asked.append(x)
        return 0.1 * x
    tables = {"betas": betas, "alphas_cumprod": alphas, "num_timesteps": 1000}
    model = SimpleNamespace(parameterization="eps", device=torch.device("cpu"), apply_model=network, **tables)
    context = SimpleNamespace(models={"stable-diffusion": model}, torch_device=model.device)
    mark = torch.ones(pictures, 1)
    try:
        sample = samplers.make_samples(context, name, 1, pictures, (4, 8, 6), steps, mark, mark, 1.0)
    except RuntimeError as error:
        return str(error)
    return [len(asked), list(sample.shape)]

said = {f"{name} {pictures}": calls(name, 10, pictures) for name in ("unipc_snr_2", "unipc_tu", "dpm_fast", "euler") for pictures in (1, 2)}
print(json.dumps({**said, "dpm_adaptive": calls("dpm_adaptive", 1, 1)}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Network calls and shape of the sample, or the error, by name and number of pictures."""
    return in_release(tmp_path_factory.mktemp("sdkit"), f"sdkit=={RELEASE}", PROGRAM)


def test_varying_coefficients_need_a_lone_picture(found):
    """UniPC_v samples one picture, and raises for two, which the other variant of the same file samples."""
    assert [10, [1, 4, 8, 6]] == found["unipc_snr_2 1"]
    assert "size of tensor a (2) must match the size of tensor b (6)" in found["unipc_snr_2 2"]
    assert [10, [2, 4, 8, 6]] == found["unipc_tu 2"]


def test_dpm_fast_evaluates_once_less_than_asked(found):
    """With 10 steps the network is asked 9 times by dpm_fast, and 10 times by Euler."""
    assert (9, 10) == (found["dpm_fast 1"][0], found["euler 1"][0])


def test_dpm_adaptive_with_one_step_returns_the_noise(found):
    """Its two ends are then the same level, and the network is never asked."""
    assert [0, [1, 4, 8, 6]] == found["dpm_adaptive"]
