"""Pictures of original, candidate and difference: what they show, and that a record from anywhere cannot put anything else on a page."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from trueto.likeness import grey_levels
from trueto.outputs import Outputs
from trueto.reports.pictures import caption, pictures_of
from trueto.running.pictures import pictures


def seen(text: str) -> np.ndarray:
    """A picture in base64 as (H, W, 3) whole numbers."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))).astype(int)


def picture(seed: int = 0, size: tuple[int, int] = (4, 6)) -> np.ndarray:
    """Two pictures from -1 to 1."""
    return np.random.default_rng(seed).uniform(-1, 1, (2, 3, *size))


def test_a_picture_is_shown_as_it_is_and_its_difference_amplified():
    """Original and candidate are shown in 8 bits; the largest difference is white, none is grey."""
    original = picture()[:1]
    other = original.copy()
    other[0, 1, 2, 3] += 1e-3
    (entry,) = pictures(Outputs({"image": other}), Outputs({"image": original}))
    assert ("image", 1000) == (entry["name"], round(entry["amplified"]))
    wanted = np.rint(127.5 * (np.moveaxis(original[0], 0, -1) + 1)).astype(int)
    assert np.abs(seen(entry["original"]) - wanted).max() == 0
    difference = seen(entry["difference"])
    assert {128} == set(np.delete(difference.reshape(-1), 3 * (2 * 6 + 3) + 1).tolist())
    assert 255 == difference[2, 3, 1]


def test_a_picture_of_8_bits_is_shown_as_it_is():
    """Whole numbers from 0 to 255 are grey levels already, and the largest difference is white as that of any other."""
    original = np.random.default_rng(0).integers(0, 256, (3, 4, 6))
    other = original.copy()
    other[1, 2, 3] = original[1, 2, 3] ^ 128
    (entry,) = pictures(Outputs({"picture": other}), Outputs({"picture": original}))
    assert 128 == grey_levels(other, original)
    for part, wanted in (("original", original), ("candidate", other)):
        assert np.moveaxis(wanted, 0, -1).tobytes() == seen(entry[part]).tobytes()
    assert 996 == round(1000 * entry["amplified"])  # 127.5 / 128
    assert (255 if other[1, 2, 3] > original[1, 2, 3] else 0) == seen(entry["difference"])[2, 3, 1]


def test_pictures_of_a_batch_stand_below_each_other():
    """Each is shown as one that is given by itself (`image`, `image#2`), with a grey line between two; four of nine."""
    both, moved = picture(), picture(1)
    shown = pictures(Outputs({"image": moved[0], "image#2": moved[1]}), Outputs({"image": both[0], "image#2": both[1]}))
    (batch,) = pictures(Outputs({"image": moved}), Outputs({"image": both}))
    assert ["image", "image#2"] == [entry["name"] for entry in shown]
    for part in ("original", "candidate"):
        first, second = (seen(entry[part]) for entry in shown)
        line = np.full((1, 6, 3), 128)
        assert np.concatenate([first, line, second]).tobytes() == seen(batch[part]).tobytes()
    (many,) = pictures(*(Outputs({"image": np.zeros((9, 3, 4, 6))}) for _ in range(2)))
    assert (4 * 4 + 3, 6, 3) == seen(many["original"]).shape


def test_the_same_picture_has_no_difference():
    """Nothing to amplify: all grey, and nothing is divided by zero."""
    (entry,) = pictures(Outputs({"image": picture()}), Outputs({"image": picture()}))
    assert (None, {128}) == (entry["amplified"], set(seen(entry["difference"]).reshape(-1).tolist()))


def strip_of(steps, width, taken=None):
    """The strip of a run of that many steps, of latents that wide, where the original takes `taken`."""
    names = ["latents", *(f"latents#{number}" for number in range(2, (taken or steps) + 1))]
    arrays = {name: np.full((1, 4, 2, width), number / 10) for number, name in enumerate(names)}
    (entry,) = pictures(Outputs(dict(list(arrays.items())[:steps])), Outputs(arrays))
    return entry


def test_latents_are_a_strip_from_the_first_to_the_last():
    """Thirty latents side by side, a line between two."""
    entry = strip_of(30, 3)
    strip = seen(entry["original"])
    assert (2, 30 * 3 + 29, 3) == strip.shape
    assert [*range(1, 31)] == entry["steps"]
    assert (128, round(127.5 * (2.9 / 3 + 1))) == (strip[0, 0, 0], strip[0, -1, 0])
    assert "What becomes of the noise, from the first step (left) to the last" == caption(entry)


def test_a_strip_that_is_too_wide_shows_some_steps_and_says_so():
    """Ten of thirty wide latents, in even distances."""
    entry = strip_of(30, 200)
    assert (2, 10 * 200 + 9, 3) == seen(entry["original"]).shape
    assert [1, 4, 7, 11, 14, 17, 20, 24, 27, 30] == entry["steps"]
    assert caption(entry).endswith("; 10 of 30 steps, in even distances")


def test_steps_that_only_the_original_takes_are_said():
    """Seven of its eight have a counterpart."""
    entry = strip_of(7, 3, taken=8)
    assert ([*range(1, 8)], 8) == (entry["steps"], entry["of"])
    assert caption(entry).endswith("; the original takes 1 more, which the library has not")


@pytest.mark.parametrize("shape", [(1, 1, 4, 4), (1, 3, 4), (1, 3, 4, 300), (0, 3, 4, 4)])
def test_what_is_no_small_picture_is_not_shown(shape):
    """One channel, no height, too large, an empty batch."""
    assert [] == pictures(Outputs({"image": np.zeros(shape)}), Outputs({"image": np.zeros(shape)}))


def test_pictures_of_two_sizes_stand_in_a_room_for_either():
    """Where a library keeps another part of a picture: each at the top left, grey where it ends, and what lacks in the difference."""
    small, large = picture(size=(4, 6))[:1], picture(1, size=(5, 3))[:1]
    (entry,) = pictures(Outputs({"picture": large}), Outputs({"picture": small}))
    original, candidate, difference = (seen(entry[part]) for part in ("original", "candidate", "difference"))
    assert [(5, 6, 3)] * 3 == [shown.shape for shown in (original, candidate, difference)]
    assert ({128}, {128}) == (set(original[4:].flat), set(candidate[:, 3:].flat))
    assert np.abs(candidate[:, :3] - np.rint(127.5 * (np.moveaxis(large[0], 0, -1) + 1))).max() == 0
    least = 127.5 * (1 + (-original[:4, 3:] / 127.5 + 1) * entry["amplified"])  # what the candidate lacks, the other way round
    assert np.abs(difference[:4, 3:] - least).max() <= 1 + entry["amplified"]


@pytest.mark.parametrize("hostile", ['"><script>alert(1)</script>', "AAAA AAAA", "", None, 7])
def test_a_record_puts_nothing_but_base64_on_a_page(hostile):
    """A picture that is not base64 is left out, whatever else the record says."""
    whole = dict.fromkeys(("original", "candidate", "difference"), "iVBORw0KGgo=")
    assert 1 == len(pictures_of({"evidence": {"pictures": [whole]}}))
    assert [] == pictures_of({"evidence": {"pictures": [{**whole, "candidate": hostile}, hostile]}})
    assert [] == pictures_of({"evidence": {"pictures": hostile}})
