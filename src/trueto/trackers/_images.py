"""Pictures of a record as files that MLflow shows as images with a step; the same record always gives the same files. Knows no tracker."""

from __future__ import annotations

import base64
import io
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trueto.trackers._plan import Cells, badness, name

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["write_images"]

PARTS = ("original", "candidate", "difference")
MOST = 6  # inputs, worst first
PIXELS = 1 << 20
SIDE = 128  # of what is smaller, pixels are drawn as squares


def write_images(folder: Path, cells: Cells, stamp: int) -> bool:
    """Write the pictures of the worst cells below `folder`/images, named as `MlflowClient.log_image` does; whether there are any.

    A strip of latents is step 0, and each latent an image with its own step. What is no PNG of at most a million pixels is left out: a
    record may come from anywhere.
    """
    written = False
    for cell in [cell for cell in sorted(cells, key=badness, reverse=True) if cell["evidence"].get("pictures")][:MOST]:
        for key, step, image in _images(cell):
            place = folder / "images"
            place.mkdir(exist_ok=True)
            number = uuid.uuid5(uuid.NAMESPACE_OID, f"{key} {step}")
            stem = f"{key.replace('/', '~')}+step+{step}+timestamp+{stamp}+{number}"
            image.save(place / f"{stem}.png")
            image.save(place / f"{stem}+compressed.webp", lossless=True)
            written = True
    return written


def _images(cell: dict[str, Any]) -> Iterator[tuple[str, int, Image]]:
    """Key, step and picture."""
    found = cell["evidence"]["pictures"]
    for entry in found if isinstance(found, list) else ():
        for part in PARTS if isinstance(entry, dict) else ():
            image = _opened(entry.get(part))
            if image is not None:
                key = re.sub(r"[^\w\-. /]", "_", name(cell["case"], entry.get("name", "picture"), part), flags=re.ASCII)
                yield from ((key, step, _large(piece)) for step, piece in _pieces(image, entry.get("steps")))


def _opened(text: Any) -> Image | None:
    """A small PNG in base64; None for anything else."""
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=["PNG"])
        if image.width * image.height > PIXELS:
            return None
        return image.convert("RGB")
    except (TypeError, ValueError, OSError, SyntaxError, Image.DecompressionBombError):
        return None


def _pieces(image: Image, steps: Any) -> Iterator[tuple[int, Image]]:
    """A picture as step 0, where MLflow begins to show; then the latents of a strip with their steps, a line of one pixel between two."""
    yield 0, image
    known = isinstance(steps, list) and steps and all(isinstance(step, int) for step in steps)
    if not known or (image.width + 1) % len(steps):
        return
    width = (image.width + 1) // len(steps) - 1
    for number, step in enumerate(steps):
        left = number * (width + 1)
        yield step, image.crop((left, 0, left + width, image.height))


def _large(image: Image) -> Image:
    """The picture with each pixel as a square, where it is too small to be looked at."""
    times = max(1, -(-SIDE // max(image.size)))
    return image.resize((image.width * times, image.height * times), 0)
