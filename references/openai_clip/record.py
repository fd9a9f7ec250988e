"""How to run OpenAI's CLIP: imports the original from a checkout and calls it, nothing more."""

import math
import sys
import tempfile
import unicodedata
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import regex
import torch
from PIL import Image, ImageOps

from trueto.recording.harness import (
    BEGIN,
    END,
    LENGTH,
    Task,
    as_users_do,
    import_file,
    needed,
    parts_of,
    picture_file,
    prompts,
    stand_in,
)

TORCHVISION = "torchvision", "0.28.0"
MARKS = (BEGIN, END)
MARK = f"({'|'.join(map(regex.escape, MARKS))})"


def load(source: Path):
    """The original's networks, its tokenizer and, where torchvision is installed, how it reads pictures, from a checkout."""
    if not (whole := parts_of(*TORCHVISION)):
        stand_in("torchvision", "torchvision.transforms")
    tokenizer = import_file("clip.simple_tokenizer", source / "clip" / "simple_tokenizer.py")
    model, clip = (import_file(f"clip.{name}", source / "clip" / f"{name}.py") for name in ("model", "clip"))
    return SimpleNamespace(CLIP=model.CLIP, tokenizer=tokenizer, clip=clip, reads_pictures=whole)


def samples_first(value: torch.Tensor) -> torch.Tensor:
    """Of what blocks return: from (words, samples, channels) to (samples, words, channels)."""
    return value.transpose(0, 1)


def blocks(name: str, count: int) -> dict[str, str]:
    """The residual blocks of a transformer."""
    return {f"{name}.resblocks.{i}": f"{name}.resblocks.{i}" for i in range(count)}


def drive(original, name: str, task: Task) -> None:
    """Give prompts to the tokenizer, a file to the transform, sentences to the network, or sentences and pictures."""
    if name in ("tokens", "picture"):
        (tokens if name == "tokens" else picture)(original, task)
        return
    sizes = task.toy("clip")
    net = task.fill(original.CLIP(**sizes), "clip")
    words = task.sentences(2, sizes["context_length"], sizes["vocab_size"])
    with torch.no_grad():
        if name == "text":
            task.tap(net, blocks("transformer", sizes["transformer_layers"]), samples_first)
            task.tap(net, {"ln_final": "ln_final"})
            task.give("features", net.encode_text(words))
            return
        task.tap(net, {f"visual.{part}": f"visual.{part}" for part in ("conv1", "ln_pre", "ln_post")})
        task.tap(net, blocks("visual.transformer", sizes["vision_layers"]), samples_first)
        pictures = task.given("pictures", (2, 3, sizes["image_resolution"], sizes["image_resolution"]))
        task.tap(net, {"visual": "features"})
        task.give("logits", net(pictures, words)[0])


def own_vocabulary(original, task: Task):
    """The original's tokenizer with a small vocabulary of our own, or with the user's."""
    with tempfile.TemporaryDirectory() as folder:
        made = original.tokenizer.SimpleTokenizer(str(task.merges(Path(folder))))
    if made.encoder != task.vocabulary():
        raise ValueError("the original numbers the pieces of this vocabulary otherwise")
    return made


class ByLetter(str):
    """A text whose small letters are made one by one."""

    __slots__ = ()

    def lower(self) -> str:
        """Each letter as it is small by itself."""
        return "".join(letter.lower() for letter in self)


def varied(original, tokenizer, knobs: Mapping[str, str], replaced: ExitStack) -> None:
    """The knobs of tokens.py, by what is replaced in the original."""
    parts = original.tokenizer
    if knobs.get("cleaning") == "nfc":
        replaced.enter_context(patch.object(parts, "basic_clean", lambda text: unicodedata.normalize("NFC", text)))
        replaced.enter_context(patch.object(parts, "whitespace_clean", lambda text: text))
    if knobs.get("small") == "by_letter":
        spaced = parts.whitespace_clean
        replaced.enter_context(patch.object(parts, "whitespace_clean", lambda text: ByLetter(spaced(text))))
    if knobs.get("cut") == "as_written":
        tokenizer.pat = regex.compile(tokenizer.pat.pattern)
    if knobs.get("marks") == "as_written":
        encode = tokenizer.encode
        tokenizer.cache |= {mark: " ".join(map(tokenizer.bpe, (mark[:2], mark[2:-2], mark[-2:]))) for mark in MARKS}

        def part_by_part(text: str) -> list[int]:
            return [n for part in regex.split(MARK, text) for n in ([tokenizer.encoder[part]] if part in MARKS else encode(part))]

        tokenizer.encode = part_by_part


def tokens(original, task: Task) -> None:
    """Prompts as numbers, cut to a length; what follows the end mark, where the original has zeros, is the end mark again."""
    with ExitStack() as replaced:
        tokenizer = own_vocabulary(original, task)
        replaced.enter_context(patch.object(original.clip, "_tokenizer", tokenizer))
        varied(original, tokenizer, task.knobs, replaced)
        found = original.clip.tokenize(list(prompts(task.case.options["prompts"], task.case.seed)), LENGTH, truncate=True)
    end = task.vocabulary()[END]
    after = (found == end).cumsum(dim=1) > 0
    task.give("tokens", torch.where(after & (found == 0), end, found))


def on_white(seen: Image.Image) -> Image.Image:
    """A picture with transparency before a white ground, any other as it is."""
    return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen) if seen.mode == "RGBA" else seen


def picture(original, task: Task) -> None:
    """A file as `_transform` makes numbers of it: when it has been resized, cropped and converted, and in the end.

    Variants cut half a pixel off where it is rounded, convert the picture before it is resized, or show it as its file says.
    """
    if not original.reads_pictures:
        raise needed(*TORCHVISION)
    options, knobs, convert = task.case.options, task.knobs, original.clip._convert_image_to_rgb  # noqa: SLF001 - it is what is recorded

    def converted(seen: Image.Image) -> Image.Image:
        made = convert(seen)
        task.give("picture", np.moveaxis(np.asarray(made), 2, 0))
        return made

    with tempfile.TemporaryDirectory() as folder, ExitStack() as replaced:
        seen = Image.open(picture_file(Path(folder), options["kind"], (options["width"], options["height"])))
        if knobs.get("crop") == "cut":
            functions = sys.modules["torchvision.transforms.functional"]
            replaced.enter_context(patch.object(functions, "round", math.floor, create=True))
        if knobs.get("orientation") == "upright" and options["kind"] == "turned":
            seen = ImageOps.exif_transpose(seen)
        if (before := knobs.get("converted")) is not None:
            seen = convert(on_white(seen) if before == "on_white" else seen)
        replaced.enter_context(patch.object(original.clip, "_convert_image_to_rgb", converted))
        task.give("pixel_values", as_users_do(original.clip._transform(options["side"]), seen))  # noqa: SLF001 - the same
