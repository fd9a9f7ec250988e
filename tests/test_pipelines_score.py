"""The adapter's loops for ScoreSdeVeScheduler and RePaintScheduler make the network calls of diffusers' own pipelines, bit for bit."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest

from trueto.fixtures import network, schedule, start_noise
from trueto.fixtures.pictures import keep_mask, known_picture
from trueto.references import reference

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SHAPE = (2, 3, 3, 3)


class Unet(torch.nn.Module):
    """The closed-form network in the place of a U-Net; keeps what it is called with."""

    dtype = torch.float32
    device = torch.device("cpu")

    def __init__(self, case):
        super().__init__()
        self.net = network(case.network, schedule(case.schedule), case.parameterization)
        self.config = SimpleNamespace(sample_size=SHAPE[-1])
        self.calls = []

    def forward(self, x, t):
        """As the pipelines call it."""
        return SimpleNamespace(sample=self.answer(x, t))

    def answer(self, x, t):
        """The prediction for x (B, C, H, W), as `Run.network` gives it."""
        times = np.broadcast_to(np.asarray(t, np.float64).reshape(-1), (len(x),))
        self.calls.append((x.numpy().tobytes(), times.tobytes()))
        return torch.from_numpy(self.net(x.double().numpy(), times)).to(x.dtype)


def case_of(name, case_id):
    """A recorded case on a square picture of three channels, which the pipelines ask for."""
    from dataclasses import replace

    return replace(reference(name).case(case_id), shape=SHAPE)


def claimed(claim_id):
    """A claim of the diffusers adapter."""
    from trueto.candidates.diffusers.claims import CLAIMS

    logging.getLogger("diffusers").setLevel(logging.ERROR)
    return next(claim for claim in CLAIMS if claim.id == claim_id)


def by_adapter(claim, case):
    """Calls and final picture of the adapter's loop, which draws from the global generator."""
    from trueto.candidates.diffusers.adapter import ADAPTER
    from trueto.interpose import NoiseSource
    from trueto.torch_run import Run

    unet = Unet(case)
    run = Run(case, unet.net, schedule(case.schedule), torch.float32, start_noise(case.seed, SHAPE), NoiseSource(None), seeded=True)
    run.network = lambda x, t: (run.probe.record(x.numpy(), float(t.reshape(-1)[0]), run.step), unet.answer(x, t))[1]
    torch.manual_seed(case.seed)
    with torch.no_grad():
        ADAPTER.sample(claim, run, {})
    return unet.calls, run.observation.sample


def scheduler_of(claim, case):
    """The claimed scheduler in its configuration."""
    from trueto.candidates.diffusers.adapter import ADAPTER

    torch.manual_seed(case.seed)
    return getattr(diffusers, claim.implementation).from_config(ADAPTER.settings(claim, case))


def same(first, second):
    """Both made the same calls and ended with the same picture."""
    (calls, picture), (other_calls, other) = first, second
    assert len(calls) > 1
    assert len(calls) == len(other_calls)
    assert all(one == two for one, two in zip(calls, other_calls, strict=True))
    assert picture.tobytes() == other.tobytes()


@pytest.mark.parametrize("case_id", ["ve-20", "ffhq-12", "uncorrected-12", "corrected-twice-10"])
def test_ve_loop_is_the_pipelines(case_id):
    """ScoreSdeVePipeline makes the calls of the adapter's loop, and returns its sample cut to [0, 1]."""
    claim, case = claimed("score_sde/ve_reverse_diffusion"), case_of("score_sde/ve_reverse_diffusion", case_id)
    unet = Unet(case)
    pipeline = diffusers.ScoreSdeVePipeline(unet=unet, scheduler=scheduler_of(claim, case))
    pipeline.set_progress_bar_config(disable=True)
    out = pipeline(batch_size=SHAPE[0], num_inference_steps=case.steps, output_type="np").images.transpose(0, 3, 1, 2)
    calls, sample = by_adapter(claim, case)
    same((calls, sample.clip(0, 1)), (unet.calls, out))


@pytest.mark.parametrize("claim_id", ["repaint/repaint", "repaint/repaint@ddpm"])
@pytest.mark.parametrize("case_id", ["plain-20", "jump-12", "jump-20"])
def test_repaint_loop_is_the_pipelines(claim_id, case_id):
    """RePaintPipeline makes the calls of the adapter's loop, and returns its sample moved to [0, 1]."""
    claim, case = claimed(claim_id), case_of("repaint/repaint", case_id)
    unet = Unet(case)
    pipeline = diffusers.RePaintPipeline(unet=unet, scheduler=scheduler_of(claim, case))
    pipeline.set_progress_bar_config(disable=True)
    picture, mask = (torch.from_numpy(make(SHAPE)).float() for make in (known_picture, keep_mask))
    jumps = {"jump_length": case.options.get("jump_length", 10), "jump_n_sample": case.options.get("jump_n_sample", 1)}
    out = pipeline(
        image=picture, mask_image=mask, num_inference_steps=case.steps, eta=claim.settings["base"]["eta"], output_type="np", **jumps
    )
    calls, sample = by_adapter(claim, case)
    same((calls, (torch.from_numpy(sample) / 2 + 0.5).clamp(0, 1).numpy()), (unet.calls, out.images.transpose(0, 3, 1, 2)))
