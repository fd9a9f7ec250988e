"""Why transformers' image processor for CLIP differs from the original, and that nothing else does."""

import numpy as np
import pytest
from driving_networks import judged
from PIL import Image, ImageOps

from trueto.candidates import ledger_path
from trueto.fixtures.pictures import KINDS, picture_file

transformers = pytest.importorskip("transformers")
pytest.importorskip("torch")

from transformers.image_utils import load_image  # noqa: E402 - after the check that its library is there

from trueto.candidates.transformers import ADAPTER  # noqa: E402
from trueto.candidates.transformers.adapter import PILLOW  # noqa: E402
from trueto.ledger import load_ledger  # noqa: E402
from trueto.model import Verdict  # noqa: E402
from trueto.references import load_golden, reference  # noqa: E402

NAME, UPRIGHT = "openai_clip/picture", "openai_clip/picture@load_image"
LEDGER = load_ledger(ledger_path("transformers"), "transformers")
SIDE = 6


def prepared(picture, side=SIDE):
    """What the image processor has of a picture before it is made floating: 8 bits, (3, side, side)."""
    process = getattr(transformers, PILLOW)(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    return process(picture, do_rescale=False, do_normalize=False, return_tensors="np").pixel_values[0]


def recorded(case):
    """The same of the original."""
    return load_golden(NAME).outputs(case, "float32").arrays["picture"]


def written(folder, kind, width, height):
    """The picture of a case, opened."""
    return Image.open(picture_file(folder, kind, (width, height)))


def in_the_middle(picture):
    """Resized by Pillow as it is, bicubic, to 7 x 6 of 25 x 20, its first six columns, and then converted: (3, 6, 6)."""
    cut = picture.resize((7, 6), Image.Resampling.BICUBIC).crop((0, 0, SIDE, SIDE))
    return np.moveaxis(np.asarray(cut.convert("RGB")), 2, 0)


def same(found, wanted):
    """Every number of both."""
    return np.asarray(found, np.int64).tobytes() == np.asarray(wanted, np.int64).tobytes()


@pytest.mark.parametrize(("width", "height", "cut", "rounded"), [(9, 6, (0, 1), (0, 2)), (6, 13, (3, 0), (4, 0)), (7, 6, (0, 0), (0, 0))])
def test_half_a_pixel_is_cut_off(tmp_path, width, height, cut, rounded):
    """Of a picture that needs no resizing both cut a square out; one and a half pixels are 1 here and 2 in the original."""
    stored = np.moveaxis(np.asarray(written(tmp_path, "rgb", width, height)), 2, 0)
    for found, (top, left) in ((prepared(Image.fromarray(np.moveaxis(stored, 0, 2))), cut), (recorded(f"rgb-{width}x{height}"), rounded)):
        assert same(found, stored[:, top : top + SIDE, left : left + SIDE])


def test_every_fourth_picture_is_cut_elsewhere():
    """The figure of docs/findings/clip-image-processor.md: of a hundred widths of a picture 224 pixels high, in steps of one."""

    def begins(width):
        columns = np.broadcast_to((np.arange(width) % 256).astype(np.uint8)[None, :, None], (224, width, 3))
        return int(prepared(Image.fromarray(np.ascontiguousarray(columns)), 224)[0, 0, 0])

    others = [width for width in range(301, 401) if begins(width) != round((width - 224) / 2)]
    assert [width for width in range(301, 401) if (width - 224) % 4 == 3] == others
    assert 25 == len(others)


@pytest.mark.parametrize("kind", ["rgba", "palette", "grey16", "cmyk"])
def test_files_are_converted_before_they_are_resized(tmp_path, kind):
    """The original's is Pillow's picture resized as it is; the processor's is that of one laid on white and converted first."""
    picture = written(tmp_path, kind, 25, 20)
    assert same(recorded(f"{kind}-25x20"), in_the_middle(picture))
    white = Image.new("RGBA", picture.size, "white")
    laid = Image.alpha_composite(white, picture) if kind == "rgba" else picture
    assert same(prepared(picture), in_the_middle(laid.convert("RGB")))
    assert same(prepared(load_image(str(tmp_path / picture.filename))), in_the_middle(picture.convert("RGB")))
    assert not same(prepared(picture), recorded(f"{kind}-25x20"))


def test_a_table_of_colours_is_resized_by_the_nearest_pixel(tmp_path):
    """In the original, as Pillow has no other way to resize the numbers of a table."""
    picture = written(tmp_path, "palette", 25, 20)
    nearest = picture.resize((7, 6), Image.Resampling.NEAREST).crop((0, 0, SIDE, SIDE)).convert("RGB")
    assert same(recorded("palette-25x20"), np.moveaxis(np.asarray(nearest), 2, 0))


def test_what_is_transparent_becomes_white():
    """A black picture nobody sees is black to the original, which drops transparency, and white here; load_image leaves it black."""
    unseen = Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0))
    assert {0} == set(np.asarray(unseen.convert("RGB")).reshape(-1).tolist())
    assert {255} == set(prepared(unseen).reshape(-1).tolist())
    assert {0} == set(prepared(load_image(unseen)).reshape(-1).tolist())


def test_load_image_turns_a_picture_as_its_file_says(tmp_path):
    """As the original reads it it lies on its side; opened by Pillow it does here, too."""
    picture = written(tmp_path, "turned", 32, 16)
    assert same(recorded("turned-32x16"), prepared(picture))
    assert same(prepared(load_image(picture.filename)), prepared(ImageOps.exif_transpose(picture)))
    assert not same(prepared(load_image(picture.filename)), recorded("turned-32x16"))


OTHERS = ("rgba-25x20", "palette-25x20", "grey16-25x20", "cmyk-25x20")
CUT = ("rgb-9x6", "rgb-6x13")


@pytest.mark.parametrize("claim", [NAME, UPRIGHT])
@pytest.mark.parametrize("case", [case.id for case in reference(NAME).cases if not case.id.endswith(("-to-0", "truncated-64x32"))])
def test_each_file_is_the_original_or_what_is_declared(claim, case):
    """Every number of every file, in 8 bits and normalised: the original's to the bit, or with the ledger those of the variant."""
    other = case in (*OTHERS, *CUT, *(["turned-32x16"] if claim == UPRIGHT else []))
    wanted = (Verdict.DRIFTED, Verdict.DECLARED) if other else (Verdict.IDENTICAL, Verdict.IDENTICAL)
    assert wanted == (judged(ADAPTER, claim, case).verdict, judged(ADAPTER, claim, case, LEDGER).verdict)


@pytest.mark.parametrize(
    ("case", "error"), [("truncated-64x32", OSError), ("rgb-24x12-to-0", ValueError)], ids=["cut off in the middle", "of no size"]
)
def test_both_refuse(case, error):
    """A file that ends in the middle, and a square without a pixel."""
    refused = load_golden(NAME).refusal(case)
    assert refused is not None
    assert error.__name__ == refused.type
    for claim in (NAME, UPRIGHT):
        if error is ValueError:
            assert Verdict.FAITHFUL is judged(ADAPTER, claim, case).verdict
        else:
            with pytest.raises(error):
                judged(ADAPTER, claim, case)


@pytest.mark.parametrize(
    ("part", "value", "first"),
    [
        ("resample", Image.Resampling.BILINEAR, "picture"),
        ("image_mean", [0.5] * 3, "pixel_values"),
        ("image_std", [0.5] * 3, "pixel_values"),
    ],
)
def test_another_setting_is_seen_where_it_is(monkeypatch, part, value, first):
    """Another way to resize is seen in 8 bits, another normalisation after that."""
    monkeypatch.setattr(getattr(transformers, PILLOW), part, value)
    found = judged(ADAPTER, NAME, "rgb-64x32", LEDGER)
    assert (Verdict.DRIFTED, True) == (found.verdict, found.reason.startswith(f"{first} is the first that differs"))


def test_a_picture_in_8_bits_is_shown_and_measured_in_grey_levels():
    """The difference of a table's colours: at most as many levels as both pictures are apart, and the three pictures are there."""
    found = judged(ADAPTER, NAME, "palette-25x20")
    varied = load_golden(NAME).outputs("palette-25x20", "float32", "converted=on_white").arrays["picture"]
    assert int(np.abs(varied - recorded("palette-25x20")).max()) == found.grey_levels
    assert ["picture"] == [entry["name"] for entry in found.evidence["pictures"]]


def test_diffusers_prepares_pictures_with_it(tmp_path):
    """What its pipelines import for the safety checker, image variations and IP-Adapter is this class, and its load_image does the same."""
    diffusers = pytest.importorskip("diffusers")
    from diffusers.pipelines.stable_diffusion import pipeline_stable_diffusion, pipeline_stable_diffusion_image_variation

    for pipeline in (pipeline_stable_diffusion, pipeline_stable_diffusion_image_variation):
        assert getattr(transformers, PILLOW) is pipeline.CLIPImageProcessor
    for kind in sorted(set(KINDS) - {"truncated", "empty"}):
        file = str(picture_file(tmp_path, kind, (25, 20)))
        assert diffusers.utils.load_image(file).tobytes() == load_image(file).tobytes()
