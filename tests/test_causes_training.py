"""Why training with diffusers differs from the originals: each cause is taken away, and nothing is left; faults of training are seen."""

import math

import pytest
from driving_networks import judged

from trueto.model import Verdict

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from diffusers.training_utils import EMAModel  # noqa: E402 - after the check that it is there

from trueto.candidates.diffusers import ADAPTER  # noqa: E402
from trueto.candidates.diffusers.networks import dreambooth  # noqa: E402


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """As in a worker."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_dreambooth_differs_by_clipping_alone(monkeypatch):
    """Loss and gradients of the first step are the original's, weights after it are not; without clipping all are."""
    found = judged(ADAPTER, "dreambooth/training_step")
    assert (Verdict.DRIFTED, "after 0: time_embed.2.bias") == (found.verdict, found.evidence["names"][found.first_step]), found.reason
    monkeypatch.setattr(dreambooth, "MAX_GRAD_NORM", math.inf)
    assert judged(ADAPTER, "dreambooth/training_step").verdict.same


def test_the_average_is_one_update_late(monkeypatch):
    """With the decay of the update that is made, not of the one before, EMAModel is the original."""
    found = judged(ADAPTER, "dreambooth/ema", "long")
    assert (Verdict.DRIFTED, "weight after 1") == (found.verdict, found.evidence["names"][found.first_step]), found.reason
    late = EMAModel.get_decay
    monkeypatch.setattr(EMAModel, "get_decay", lambda self, update: late(self, update + 1))
    assert judged(ADAPTER, "dreambooth/ema", "long").verdict.same


@pytest.mark.parametrize(
    ("name", "value", "first"),
    [
        ("SCHEDULE", {**dreambooth.SCHEDULE, "beta_end": 0.0121}, "loss 0"),
        ("LATENTS", 0.18216, "loss 0"),
        ("ADAM", {**dreambooth.ADAM, "weight_decay": 0.0}, "after 0: time_embed.2.bias"),
        ("ADAM", {**dreambooth.ADAM, "betas": (0.9, 0.99)}, "after 1: time_embed.2.bias"),
    ],
)
def test_a_small_fault_of_training_is_seen(name, value, first, monkeypatch):
    """Another schedule, scale of latents, decay of weights or memory of AdamW is a drift, in the first value that it moves."""
    monkeypatch.setattr(dreambooth, "MAX_GRAD_NORM", math.inf)
    monkeypatch.setattr(dreambooth, name, value)
    found = judged(ADAPTER, "dreambooth/training_step")
    assert (Verdict.DRIFTED, first) == (found.verdict, found.evidence["names"][found.first_step]), found.reason
