"""Original, candidate and their difference as small pictures, for those who would rather look than read."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np

from trueto.likeness import from_levels
from trueto.outputs import Outputs
from trueto.running.likewise import is_picture

__all__ = ["pictures"]

Array = np.ndarray[Any, np.dtype[Any]]

LATENTS = "latents"
WIDEST = 1024  # pixels of a strip: latents of every step where so many fit, and of some in even distances where not
FEWEST = 10
SPREAD = 3.0  # standard deviations of a latent between black and white
LARGEST = 256  # pixels of a side
BATCH = 4  # pictures of a batch that are shown


def pictures(got: Outputs, wanted: Outputs) -> list[dict[str, Any]]:
    """What can be looked at among named outputs: `image` and `picture`, and `latents` (B, C, h, w) after each step as a strip.

    An image goes from -1 to 1, or is of 8 bits in whole numbers. It is (B, 3, H, W) or (3, H, W), and the first four of a batch stand
    below each other; of two sizes, both stand at the top left of a grey one with room for either. Each has its `name`, `original`,
    `candidate` and `difference` as PNG in base64, and by what the difference was multiplied (`amplified`) until its largest value is black
    or white; grey is none.
    A strip has the `steps` that are shown, of how many that the original takes (`of`).
    """
    found: list[dict[str, Any]] = []
    latents = [name for name in wanted.arrays if name.partition("#")[0] == LATENTS and name in got.arrays]
    if latents:
        fit = max(FEWEST, WIDEST // (wanted.arrays[latents[0]].shape[-1] + 1))
        chosen = [latents[round(place)] for place in np.linspace(0, len(latents) - 1, min(fit, len(latents)))]
        strip = _side_by_side(LATENTS, *(_strip(outputs, chosen) for outputs in (wanted, got)))
        taken = sum(name.partition("#")[0] == LATENTS for name in wanted.arrays)
        found.append(strip and {**strip, "steps": [int(name.partition("#")[2] or 1) for name in chosen], "of": taken})
    names = [name for name in wanted.arrays if is_picture(name) and name in got.arrays]
    found += [_side_by_side(name, *(_batch(outputs.arrays[name]) for outputs in (wanted, got))) for name in names]
    return [entry for entry in found if entry]


def _batch(values: Array) -> list[Array]:
    """Pictures of a batch, each (H, W, 3) from -1 to 1; none where a side has more than 256 pixels."""
    values = values[None] if values.ndim == 3 else values
    fits = values.ndim == 4 and values.shape[1] >= 3 and max(values.shape[2:]) <= LARGEST
    return [np.moveaxis(from_levels(picture[:3]), 0, -1) for picture in values[:BATCH]] if fits else []


def _lined(tiles: list[Array], axis: int) -> Array:
    """Pictures of one size in a column or a row, with a grey line between two."""
    line = np.zeros((1, tiles[0].shape[1], 3) if axis == 0 else (tiles[0].shape[0], 1, 3))
    return np.concatenate([part for tile in tiles for part in (tile, line)][:-1], axis=axis)


def _strip(outputs: Outputs, names: list[str]) -> list[Array]:
    """For each picture of a batch its latents side by side, three of their channels as red, green and blue."""
    by_step = [_batch(outputs.arrays[name]) for name in names]
    alike = len({tile.shape for tiles in by_step for tile in tiles}) == 1 and len({len(tiles) for tiles in by_step}) == 1
    return [_lined([tile / SPREAD for tile in tiles], axis=1) for tiles in zip(*by_step, strict=True)] if alike else []


def _side_by_side(name: str, originals: list[Array], candidates: list[Array]) -> dict[str, Any]:
    """The pictures of a batch below each other: of the original, of the candidate, and their differences."""
    if not originals or len(originals) != len(candidates):
        return {}
    room = tuple(max(picture.shape[side] for picture in (*originals, *candidates)) for side in (0, 1))
    original, candidate = (_lined([_in_room(picture, room) for picture in pictures], axis=0) for pictures in (originals, candidates))
    apart = candidate - original
    largest = float(np.abs(apart).max())
    amplified = 1 / largest if largest else None
    shown = {"original": original, "candidate": candidate, "difference": apart * (amplified or 0.0)}
    return {"name": name, "amplified": amplified, **{what: _png(values) for what, values in shown.items()}}


def _in_room(picture: Array, room: tuple[int, ...]) -> Array:
    """A picture (h, w, 3) at the top left of a grey one (H, W, 3)."""
    framed = np.zeros((*room, 3))
    framed[: picture.shape[0], : picture.shape[1]] = picture
    return framed


def _png(values: Array) -> str:
    """A picture (H, W, 3) from -1 to 1 as PNG in base64."""
    from PIL import Image

    levels = np.rint(np.clip(127.5 * (values + 1), 0, 255)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()
