"""Pipelines of diffusers: the cause of each declared difference, and that a fault is seen in the part that it is in."""

import numpy as np
import pytest
from driving_networks import judged
from PIL import Image, UnidentifiedImageError

from trueto.candidates import ledger_path
from trueto.fixtures.pictures import picture_file
from trueto.ledger import load_ledger
from trueto.model import Verdict
from trueto.references import load_golden, reference
from trueto.running.likewise import held_by_float32

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from diffusers.utils.torch_utils import randn_tensor  # noqa: E402 - after the check that its library is there

from trueto.candidates.diffusers import ADAPTER  # noqa: E402
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


def test_sides_are_cut_down_to_multiples_of_eight():
    """A picture of 104 x 72 keeps all its pixels; cut down to multiples of 32 it would be 96 x 64."""
    picture = Image.fromarray(np.arange(72 * 104 * 3, dtype=np.uint8).reshape(72, 104, 3))
    read = diffusers.VaeImageProcessor(vae_scale_factor=8).preprocess(picture)
    assert picture.tobytes() == np.rint((read[0].permute(1, 2, 0).numpy() + 1) * 127.5).astype(np.uint8).tobytes()
    again = diffusers.VaeImageProcessor(vae_scale_factor=32).preprocess(picture)
    assert (1, 3, 64, 96) == tuple(again.shape)


def test_a_picture_is_turned_as_its_file_says(tmp_path):
    """`load_image` gives 32 x 64 of 64 x 32 stored pixels, the same ones turned by a quarter."""
    file = picture_file(tmp_path, "turned", (64, 32))
    read = diffusers.utils.load_image(str(file))
    assert ((32, 64), (64, 32)) == (read.size, Image.open(file).size)
    assert np.rot90(np.asarray(Image.open(file)), -1).tobytes() == read.tobytes()


@pytest.mark.parametrize("case", ["rgb-104x72", "turned-104x40", "cmyk-50x41", "grey16-64x32"])
def test_picture_files_are_read_as_declared(case):
    """Files of all kinds: without the ledger those of another size are broken, with it each is the original's or the declared variant's."""
    declared = judged(ADAPTER, "stable_diffusion/picture", case, LEDGER)
    assert not declared.verdict.bad, declared.reason
    other = case.startswith(("rgb-104", "turned", "cmyk"))
    assert other is judged(ADAPTER, "stable_diffusion/picture", case).verdict.bad
    assert other is (declared.verdict is Verdict.DECLARED)


@pytest.mark.parametrize(("case", "error"), [("truncated-64x32", OSError), ("empty-64x32", UnidentifiedImageError)])
def test_damaged_files_are_refused_by_both(case, error):
    """Where the original raises, so does diffusers."""
    refused = load_golden("stable_diffusion/picture").refusal(case)
    assert refused is not None
    assert error.__name__ == refused.type
    with pytest.raises(error):
        judged(ADAPTER, "stable_diffusion/picture", case, LEDGER)


def test_a_picture_of_which_nothing_is_left_is_refused_by_the_original_alone():
    """24 x 20 has no multiple of 32 below it, and has one of 8: the original raises, diffusers returns what it keeps of it."""
    refused = load_golden("stable_diffusion/picture").refusal("rgb-24x20")
    assert refused is not None
    assert "ValueError" == refused.type
    found = judged(ADAPTER, "stable_diffusion/picture", "rgb-24x20", LEDGER)
    assert (Verdict.BEYOND, "returns where the original raises ValueError") == (found.verdict, found.reason)
    kept = diffusers.VaeImageProcessor(vae_scale_factor=8).preprocess(Image.new("RGB", (24, 20)))
    assert (1, 3, 16, 24) == tuple(kept.shape)


@pytest.mark.parametrize(("off", "verdict"), [(0.0, Verdict.FAITHFUL), (1e-6, Verdict.DRIFTED)])
def test_a_picture_read_by_another_formula_is_the_same_within_float32(monkeypatch, off, verdict):
    """Pictures are read in float32 in either precision: a product with 1/255 is rounding, a millionth is not, and the twin has no say."""

    def read(images):
        images = images if isinstance(images, list) else [images]
        return np.stack([np.array(image).astype(np.float32) * np.float32((1 + off) / 255) for image in images])

    monkeypatch.setattr(diffusers.image_processor.VaeImageProcessor, "pil_to_numpy", staticmethod(read))
    found = judged(ADAPTER, "stable_diffusion/picture", "grey16-64x32")
    assert verdict is found.verdict, found.reason
    assert not found.evidence["twin"]["valid"]
    assert "picture holds float32 numbers" in found.evidence["twin"]["why"]


@pytest.mark.parametrize(
    ("values", "held"),
    [
        (np.linspace(0, 1, 99).astype(np.float32).astype(np.float64), True),
        (np.linspace(0, 1, 99), False),
        (np.append(np.float64(np.float32(0.1)) + np.zeros(1 << 16), 0.1), False),
        (np.arange(99.0), False),
        (np.array([0.5]), False),
        (np.array([0.1, np.nan]), False),
        (np.array([1e300, 0.5]), False),
        (np.linspace(0, 1, 99, dtype=np.float32), False),
    ],
)
def test_numbers_of_float32_are_known(values, held):
    """All of several, a few of them fractions: whole numbers, a single one, what is no number and float32 itself say nothing."""
    assert held is held_by_float32(values)


def test_a_prompt_that_is_no_text_is_refused_by_both():
    """A lone surrogate, as a byte of a command line that is no UTF-8 becomes one, ends both before any token is made."""
    refused = load_golden(CLAIM).refusal("plms-2-surrogate")
    assert refused is not None
    assert "TypeError" == refused.type
    found = judged(ADAPTER, CLAIM, "plms-2-surrogate")
    assert Verdict.FAITHFUL is found.verdict
    assert "raises TypeError" in found.reason


def test_twelve_thousand_words_are_cut_as_in_the_script():
    """The tokens that fit are the first 77 for both; what follows is the same picture, but for the declared rounding."""
    case = next(case for case in reference(CLAIM).cases if case.id == "ddim-2-words")
    assert 12_000 == len(case.options["prompt"].split())
    assert (1, 77) == load_golden(CLAIM).outputs(case.id, "float64").arrays["tokens"].shape
    assert Verdict.DECLARED is judged(ADAPTER, CLAIM, case.id, LEDGER).verdict


def test_image_to_image_is_the_script():
    """Image to image from the file to the PNG, as declared; the noise of another level is seen where it is added."""
    claim, case = "stable_diffusion/image_to_image", "strength0.8-5-unguided"
    assert Verdict.DECLARED is judged(ADAPTER, claim, case, LEDGER).verdict
    found = judged(ADAPTER, claim, case)
    assert (Verdict.DRIFTED, True) == (found.verdict, found.reason.startswith("noised is the first that differs")), found.reason


MASKED = "stable_diffusion/masked_sampling"


def put_in_before(pipe, seed):
    """The pipeline made to put the kept part in before each step, with noise drawn anew from a stream of its own, and nowhere else.

    PNDM's first step takes two calls; before the second nothing is put in.
    """
    draw, known, prepare = torch.Generator().manual_seed(seed), {}, (pipe.prepare_latents, pipe.prepare_mask_latents)
    step, times = pipe.scheduler.step, []

    def drawn():
        return randn_tensor(known["latents"].shape, generator=draw, dtype=known["latents"].dtype)

    def latents(*args, **named):
        found = prepare[0](*args, **named)
        known["latents"] = found[-1]
        drawn(), drawn()  # of the encoder and of the start
        return found

    def masks(*args, **named):
        mask, rest = prepare[1](*args, **named)
        known["kept"] = 1 - mask[: len(known["latents"])]
        return torch.ones_like(mask), rest

    def scaled(doubled, t):
        times.append(t)
        if len(times) == 2 and isinstance(pipe.scheduler, diffusers.PNDMScheduler):
            drawn()  # of the step's second look
            known["mixed"] = doubled[: len(known["latents"])]
            return doubled
        noisy = pipe.scheduler.add_noise(known["latents"], drawn(), t[None])
        drawn()  # of the step, times 0
        known["mixed"] = noisy * known["kept"] + (1 - known["kept"]) * doubled[: len(noisy)]
        return known["mixed"].repeat(len(doubled) // len(noisy), 1, 1, 1)

    pipe.prepare_latents, pipe.prepare_mask_latents, pipe.scheduler.scale_model_input = latents, masks, scaled
    pipe.scheduler.step = lambda said, t, _, **named: step(said, t, known["mixed"], **named)


@pytest.mark.parametrize("case", ["ddim-10", "ddim-5-batch", "ddim-8-unguided", "plms-5"])
def test_the_kept_part_is_put_in_after_each_step(monkeypatch, case):
    """Put in before each call with noise drawn anew, latents and picture are the original's; as it is they are as declared."""
    assert Verdict.DECLARED is judged(ADAPTER, MASKED, case, LEDGER).verdict
    found = judged(ADAPTER, MASKED, case)
    assert (Verdict.DRIFTED, True) == (found.verdict, found.reason.startswith("latents is the first that differs")), found.reason
    home = diffusers.StableDiffusionInpaintPipeline
    whole = home.__call__

    def otherwise(pipe, *args, **named):
        put_in_before(pipe, reference(MASKED).case(case).seed)
        return whole(pipe, *args, **named)

    monkeypatch.setattr(home, "__call__", otherwise)
    found = judged(ADAPTER, MASKED, case)
    assert (Verdict.DRIFTED, True) == (found.verdict, found.reason.startswith("png is the first that differs")), found.reason


@pytest.mark.parametrize("case", ["plms-5-negative", "ddim-4-negative-long"])
def test_a_negative_prompt_stands_where_the_empty_one_stood(monkeypatch, case):
    """With a negative prompt the pipeline is the script but for rounding; with the empty one in its place the tokens differ."""
    assert Verdict.DECLARED is judged(ADAPTER, CLAIM, case, LEDGER).verdict
    whole = diffusers.StableDiffusionPipeline.__call__

    def without(self, *args, **named):
        return whole(self, *args, **{**named, "negative_prompt": None})

    monkeypatch.setattr(diffusers.StableDiffusionPipeline, "__call__", without)
    found = judged(ADAPTER, CLAIM, case)
    assert (Verdict.DRIFTED, True) == (found.verdict, found.reason.startswith("tokens is the first that differs")), found.reason


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
