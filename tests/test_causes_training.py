"""Why training with diffusers differs from the originals: each cause is taken away, and nothing is left; faults of training are seen."""

import math

import numpy as np
import pytest
from driving_networks import judged

from trueto.candidates import ledger_path
from trueto.fixtures import schedule
from trueto.ledger import load_ledger
from trueto.model import Verdict
from trueto.references import reference
from trueto.running.plan import covers

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from diffusers.schedulers.scheduling_ddpm import rescale_zero_terminal_snr  # noqa: E402 - after the check that it is there
from diffusers.training_utils import EMAModel  # noqa: E402

from trueto.candidates.diffusers import ADAPTER  # noqa: E402
from trueto.candidates.diffusers.networks import dreambooth, min_snr  # noqa: E402

LEDGER = load_ledger(ledger_path("diffusers"), "diffusers")
WARMUP = "k_diffusion/ema_warmup"


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


@pytest.mark.parametrize("case", ["million", "shorter", "simple", "late"])
def test_warm_up_is_that_of_k_diffusion(case):
    """With use_ema_warmup averages are k-diffusion's, from the first update on."""
    assert judged(ADAPTER, WARMUP, case).verdict.same


def test_a_lower_bound_holds_from_the_second_update_on(monkeypatch):
    """The first update copies the weights; where it keeps to the lower bound of the decay, every average is the original's."""
    assert Verdict.DECLARED is judged(ADAPTER, WARMUP, "bounded", LEDGER).verdict
    found = judged(ADAPTER, WARMUP, "bounded")
    assert (Verdict.DRIFTED, "weight after 1") == (found.verdict, found.evidence["names"][found.first_step]), found.reason
    decay = EMAModel.get_decay
    monkeypatch.setattr(EMAModel, "get_decay", lambda self, update: max(decay(self, update), self.min_decay))
    assert judged(ADAPTER, WARMUP, "bounded").verdict.same


@pytest.mark.parametrize(("name", "other"), [("power", 0.67), ("inv_gamma", 1.001), ("update_after_step", 1)])
def test_a_small_fault_of_warm_up_is_seen(name, other, monkeypatch):
    """Another power, factor or start of the warm-up is a drift from the second update on, and a late start from its own."""
    whole = EMAModel.__init__
    monkeypatch.setattr(EMAModel, "__init__", lambda self, *args, **named: whole(self, *args, **{**named, name: other}))
    found = judged(ADAPTER, WARMUP, "million")
    assert (Verdict.DRIFTED, "weight after 2") == (found.verdict, found.evidence["names"][found.first_step]), found.reason


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


LOSSES = "min_snr/training_losses"
scheduled, losses = min_snr._scheduler, min_snr._losses  # as they are when nothing is taken away


class Unrounded(diffusers.DDPMScheduler):
    """A scheduler that works out noisy pictures and velocities in float64 and rounds them once."""

    def add_noise(self, picture, noise, times):
        """As the scheduler."""
        return super().add_noise(picture.double(), noise.double(), times).to(picture.dtype)

    def get_velocity(self, picture, noise, times):
        """As the scheduler."""
        return super().get_velocity(picture.double(), noise.double(), times).to(picture.dtype)


def unrounded(_, options):
    """That scheduler with its table of levels in float64."""
    alpha_bar = schedule(options["schedule"]).alphas_cumprod
    betas = torch.tensor(1 - alpha_bar / np.append(1.0, alpha_bar[:-1]))
    betas = rescale_zero_terminal_snr(betas) if options.get("zero_snr") else betas
    scheduler = scheduled(Unrounded, options)
    scheduler.alphas_cumprod = torch.cumprod(1 - betas, 0)
    return scheduler


@pytest.mark.parametrize("case", ["v-plain", "eps-plain", "eps-linear-min-snr-1", "v-linear-min-snr-1", "v-min-snr-5"])
def test_losses_differ_by_the_rounded_table_alone(case, monkeypatch):
    """With levels in float64, rounded once, noisy pictures, losses and gradient are the original's."""
    found = judged(ADAPTER, LOSSES, case)
    assert (Verdict.DRIFTED, "noisy", True) == (found.verdict, found.evidence["names"][found.first_step], found.ratio < 30), found.reason
    assert Verdict.DECLARED is judged(ADAPTER, LOSSES, case, LEDGER).verdict
    monkeypatch.setattr(min_snr, "_scheduler", unrounded)
    assert judged(ADAPTER, LOSSES, case).verdict.same


def test_the_noisiest_time_has_no_weight(monkeypatch):
    """With velocity and zero terminal SNR that one picture has loss 0; with weight 1 it has the original's. With epsilon it has NaN."""
    case = "v-zero-snr-min-snr-5"
    assert Verdict.DECLARED is judged(ADAPTER, LOSSES, case, LEDGER).verdict
    monkeypatch.setattr(min_snr, "_scheduler", unrounded)
    found = judged(ADAPTER, LOSSES, case)
    assert (Verdict.DRIFTED, "losses", True) == (found.verdict, found.evidence["names"][found.first_step], found.ratio > 1e6), found.reason
    weighted = min_snr._losses

    def with_weight_one(scheduler, answer, target, times, gamma):
        plain = weighted(scheduler, answer, target, times, None)
        return torch.where(times == 999, plain, weighted(scheduler, answer, target, times, gamma))

    monkeypatch.setattr(min_snr, "_losses", with_weight_one)
    assert judged(ADAPTER, LOSSES, case).verdict.same
    monkeypatch.setattr(min_snr, "_losses", weighted)
    found = judged(ADAPTER, LOSSES, "eps-zero-snr-min-snr-5")
    assert (Verdict.BROKEN, "losses has NaN or infinite values") == (found.verdict, found.reason)


def test_weights_of_other_pictures_with_prior_preservation():
    """The DreamBooth example weights errors of own pictures with times of own and class pictures: two do not fit, one is averaged."""
    scheduler = diffusers.DDPMScheduler(**dreambooth.SCHEDULE)

    def weighted(own, times):  # train_dreambooth.py, once model_pred and target are those of own pictures
        target = torch.zeros(own, 4, 2, 2)
        return min_snr._losses(scheduler, target + 1, target, torch.tensor(times), 5.0)

    seen, alone = weighted(1, [500, 10]), weighted(1, [500])
    assert ((2,), 1.0, True) == (tuple(seen.shape), alone.item(), 0.52 < seen.mean().item() < 0.53)
    with pytest.raises(RuntimeError, match="must match the size"):
        weighted(2, [500, 10, 700, 20])


@pytest.mark.parametrize(
    ("name", "wrong", "first"),
    [
        ("BETAS", {**min_snr.BETAS, "linear": "scaled_linear"}, "noisy"),
        ("_target", lambda scheduler, picture, noise, times: scheduler.get_velocity(picture, noise, times).neg(), "losses"),
        ("_losses", lambda *args: losses(*args[:4], 5.01), "losses"),
        ("_losses", lambda *args: losses(*args) * 1.0001, "losses"),
    ],
)
def test_a_small_fault_of_a_loss_is_seen(name, wrong, first, monkeypatch):
    """Another schedule, the velocity's sign, another bound of the weight or a scale is not what the ledger declares."""
    monkeypatch.setattr(min_snr, name, wrong)
    case = "v-linear-min-snr-1" if name == "BETAS" else "v-min-snr-5"
    found = judged(ADAPTER, LOSSES, case, LEDGER)
    assert (Verdict.STALE, True) == (found.verdict, f"{first} is the first that differs" in found.reason), found.reason


def test_the_noisiest_time_is_not_claimed_of_noise():
    """Its SNR of 0 divides the weight: the example's loss is NaN, which the claim says and leaves out."""
    found = judged(ADAPTER, "min_snr/training_losses", "eps-zero-snr-min-snr-5")
    assert (Verdict.BROKEN, "not finite") == (found.verdict, found.cause), found.reason
    claim = next(claim for claim in ADAPTER.claims if claim.id == "min_snr/training_losses")
    left_out = {case.id for case in reference(claim.reference).cases if not covers(claim, case)}
    assert left_out == set(claim.settings["network"]["not claimed"])
