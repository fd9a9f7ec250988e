"""The adapter's loops make the network calls of diffusers' own PNDMPipeline, DDIMPipeline and DDPMPipeline, bit for bit."""

from types import SimpleNamespace

import pytest

from trueto.fixtures import network, schedule, start_noise
from trueto.model import Case

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SHAPE = (2, 4, 4, 4)
PIPELINES = {
    "pndm/pndm": "PNDMPipeline",
    "ermongroup/ddim": "DDIMPipeline",
    "ermongroup/ddim@unclipped": "DDIMPipeline",
    "ermongroup/ddpm": "DDPMPipeline",
    "ermongroup/ddpm@defaults": "DDPMPipeline",
}


class Unet(torch.nn.Module):
    """The closed-form network in the place of a U-Net; keeps what it is called with."""

    dtype = torch.float32
    device = torch.device("cpu")

    def __init__(self, case):
        super().__init__()
        self.net = network(case.network, schedule(case.schedule), case.parameterization)
        self.config = SimpleNamespace(in_channels=SHAPE[1], sample_size=SHAPE[2], _diffusers_version="0.42.1")
        self.calls = []

    def forward(self, x, t):
        """As the pipelines call it."""
        self.calls.append((x.numpy().tobytes(), float(t)))
        told = torch.full((len(x),), float(t), dtype=torch.float64).numpy()
        return SimpleNamespace(sample=torch.from_numpy(self.net(x.double().numpy(), told)).to(x.dtype))


def by_adapter(claim, case):
    """The calls that the adapter's loop makes from the case's seed."""
    from trueto.candidates.diffusers.adapter import ADAPTER
    from trueto.interpose import NoiseSource
    from trueto.torch_run import Run

    unet = Unet(case)
    run = Run(case, unet.net, schedule(case.schedule), torch.float32, start_noise(case.seed, case.shape), NoiseSource(None), seeded=True)
    run.network = lambda x, t: unet(x, t).sample
    torch.manual_seed(case.seed)
    with torch.no_grad():
        ADAPTER.sample(claim, run, {})
    return unet.calls


def by_pipeline(claim, case):
    """The calls that diffusers' own pipeline makes from it."""
    import diffusers

    from trueto.candidates.diffusers.adapter import ADAPTER

    unet = Unet(case)
    pipeline = getattr(diffusers, PIPELINES[claim.id])(unet=unet, scheduler=ADAPTER.build(claim, case))
    pipeline.set_progress_bar_config(disable=True)
    torch.manual_seed(case.seed)
    pipeline(batch_size=SHAPE[0], num_inference_steps=case.steps, output_type="np", **case.options)
    return unet.calls


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("steps", [20, 30])
def test_loop_is_the_pipelines_own(name, steps):
    """From one seed the adapter's loop and the library's pipeline tell the network the same times about the same states."""
    from trueto.candidates.diffusers.claims import CLAIMS

    claim = next(claim for claim in CLAIMS if claim.id == name)
    options = {"eta": 0.5} if "ddim" in name else {}
    case = Case("drawn", steps, grid="uniform", schedule="linear", network="smooth", shape=SHAPE, options=options)
    mine, theirs = by_adapter(claim, case), by_pipeline(claim, case)
    assert len(theirs) >= steps
    assert theirs == mine
