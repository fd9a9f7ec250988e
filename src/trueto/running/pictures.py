"""Original, candidate and their difference as small pictures, for those who would rather look than read."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np

from trueto.outputs import Outputs
from trueto.running.likewise import is_picture

__all__ = ["pictures"]

Array = np.ndarray[Any, np.dtype[Any]]

LATENTS = "latents"
SHOWN = 10  # latents of a strip
SPREAD = 3.0  # standard deviations of a latent between black and white
LARGEST = 256  # pixels of a side


def pictures(got: Outputs, wanted: Outputs) -> list[dict[str, Any]]:
    """What can be looked at among named outputs: `image` and `picture` from -1 to 1, and `latents` (B, C, h, w) after each step as a strip.

    An image is (B, 3, H, W) or (3, H, W), and the first of a batch is shown; of two sizes, both stand at the top left of a grey one
    with room for either. Each has its `name`, `original`, `candidate` and `difference`
    as PNG in base64, and by what the difference was multiplied (`amplified`) until its largest value is black or white; grey is none.
    A strip has the `steps` that are shown.
    """
    found: list[dict[str, Any]] = []
    latents = [name for name in wanted.arrays if name.partition("#")[0] == LATENTS and name in got.arrays]
    if latents:
        chosen = [latents[round(place)] for place in np.linspace(0, len(latents) - 1, min(SHOWN, len(latents)))]
        strip = _side_by_side(LATENTS, *(_strip(outputs, chosen) for outputs in (wanted, got)))
        found.append(strip and {**strip, "steps": [int(name.partition("#")[2] or 1) for name in chosen]})
    names = [name for name in wanted.arrays if is_picture(name) and name in got.arrays]
    found += [_side_by_side(name, *(_first(outputs.arrays[name]) for outputs in (wanted, got))) for name in names]
    return [entry for entry in found if entry]


def _first(values: Array) -> Array:
    """The first of a batch, or the only one, as (H, W, 3) from -1 to 1; empty where it is no picture of at most 256 pixels a side."""
    values = values[None] if values.ndim == 3 else values
    fits = values.ndim == 4 and len(values) > 0 and values.shape[1] >= 3 and max(values.shape[2:]) <= LARGEST
    return np.moveaxis(values[0, :3].astype(np.float64), 0, -1) if fits else np.zeros((0, 0, 3))


def _strip(outputs: Outputs, names: list[str]) -> Array:
    """Latents side by side with a grey line between two, three of their channels as red, green and blue."""
    tiles = [_first(outputs.arrays[name]) / SPREAD for name in names]
    parts = [part for tile in tiles for part in (tile, np.zeros((len(tile), 1, 3)))]
    return np.concatenate(parts[:-1], axis=1) if len({tile.shape for tile in tiles}) == 1 else np.zeros((0, 0, 3))


def _side_by_side(name: str, original: Array, candidate: Array) -> dict[str, Any]:
    if not original.size or not candidate.size:
        return {}
    if original.shape != candidate.shape:
        room = (max(original.shape[0], candidate.shape[0]), max(original.shape[1], candidate.shape[1]))
        original, candidate = _in_room(original, room), _in_room(candidate, room)
    apart = candidate - original
    largest = float(np.abs(apart).max())
    amplified = 1 / largest if largest else None
    shown = {"original": original, "candidate": candidate, "difference": apart * (amplified or 0.0)}
    return {"name": name, "amplified": amplified, **{what: _png(values) for what, values in shown.items()}}


def _in_room(picture: Array, room: tuple[int, int]) -> Array:
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
