"""Pipelines of diffusers: the cause of each declared difference, and that a fault is seen in the part that it is in."""

import numpy as np
import pytest
from driving_networks import judged

from trueto.candidates import ledger_path
from trueto.model import Verdict
from trueto.running.ledger import load_ledger

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from trueto.candidates.diffusers import ADAPTER  # noqa: E402 - after the check that its library is there
from trueto.candidates.diffusers.networks import stable_diffusion  # noqa: E402

CLAIM, SHORT = "stable_diffusion/txt2img", "plms-4-long"
LEDGER = load_ledger(ledger_path("diffusers"), "diffusers")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """As in a worker."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_the_fraction_of_a_grey_level_is_rounded():
    """What lies 0.6 of a level above a whole one becomes the next one, where the original cuts that off; below a half both are the same."""
    levels = np.arange(255)[:, None, None, None]
    for fraction, wanted in ((0.6, 1), (0.4, 0)):
        picture = np.broadcast_to((levels + fraction) / 255, (255, 2, 2, 3))
        files = diffusers.image_processor.VaeImageProcessor.numpy_to_pil(picture)
        assert {wanted} == {int(np.asarray(file)[0, 0, 0]) - level for level, file in enumerate(files)}
        assert {0} == set((np.trunc(255 * picture[:, 0, 0, 0]) - np.arange(255)).tolist())


def skipped_layer(pipe):
    """The text encoder without its last layer."""
    del pipe.text_encoder.encoder.layers[-1]


def one_time_lower(pipe):
    """Times that count from 0."""
    pipe.scheduler.register_to_config(steps_offset=0)


def other_scale(pipe):
    """Latents divided by another number before they are decoded."""
    pipe.vae.register_to_config(scaling_factor=0.182)


def cut(pipe):
    """The fraction of a grey level cut off, as in the original."""
    own = pipe.image_processor.numpy_to_pil
    pipe.image_processor.numpy_to_pil = lambda images: own(np.floor(255 * images) / 255)


def longer(pipe):
    """A tokenizer that ends a prompt one token too early."""
    pipe.tokenizer.model_max_length = 76


@pytest.mark.parametrize(
    ("spoil", "first"),
    [
        (skipped_layer, "embeddings"),
        (one_time_lower, "latents"),
        (other_scale, "image"),
        (cut, "png"),
        (longer, "tokens"),
    ],
)
def test_a_fault_is_seen_in_the_part_that_it_is_in(monkeypatch, spoil, first):
    """Each part of the pipeline spoiled a little is a bad verdict that names it, with the ledger as it is."""
    whole = stable_diffusion._pipeline

    def spoiled(*args):
        pipe = whole(*args)
        spoil(pipe)
        return pipe

    monkeypatch.setattr(stable_diffusion, "_pipeline", spoiled)
    found = judged(ADAPTER, CLAIM, SHORT, LEDGER)
    assert (True, True) == (found.verdict.bad, f"{first}" in found.reason), found.reason


def test_the_pipeline_is_the_script():
    """Nothing spoiled, it is the script but for the declared rounding; with an empty ledger that rounding is named."""
    assert Verdict.DECLARED is judged(ADAPTER, CLAIM, SHORT, LEDGER).verdict
    found = judged(ADAPTER, CLAIM, SHORT)
    assert (Verdict.DRIFTED, True) == (found.verdict, found.reason.startswith("png is the first that differs")), found.reason


def test_more_steps_than_asked_for_are_declared():
    """Where 7 does not divide 1000 the original takes 8 steps: without the ledger outputs are missing, with it they are those of 7."""
    assert Verdict.DECLARED is judged(ADAPTER, CLAIM, "ddim-7", LEDGER).verdict
    found = judged(ADAPTER, CLAIM, "ddim-7")
    assert (Verdict.BROKEN, "does not give latents#8, which the original does") == (found.verdict, found.reason)
