"""Tiling of the autoencoder: a large picture decoded in parts that overlap. It does change Y, and this says how."""

import numpy as np

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="Autoencoder, a picture in tiles",
    plain="""
At the end, latents become a picture, and for a large picture that takes more memory than anything before. Tiling cuts the latents into
overlapping squares, decodes one after the other, and lets each fade into the next where they overlap.

The decoder looks far beyond a square: normalisation and attention see the whole picture. So a tiled picture is another picture, with seams
or shifts of colour where its parts disagree. Libraries say so, and it has to be declared.""",
    authors="library authors",
    year=2022,
    paper="none: parts of a picture are not independent",
    equations="of two overlapping tiles a and b, w pixels wide: a (1 - x / w) + b x / w at pixel x",
    function="the library's own switch: tiling of the autoencoder",
    promise=Promises(
        {
            "tile": "each one is what the autoencoder makes of it alone",
            "image": "that of the whole picture; of tiles it is not",
            "output": "the same as with the switch off, within the rounding of the plain run, in float32 and in float64",
            "proof": "the decoder was given a part of the latents",
        }
    ),
    code_and_paper="no difference known",
)
CASES = (
    Case("autoencoder", 1, quick=True, options={"latents": [12, 12]}, layers=("invariance",)),
    Case("autoencoder-wide", 1, seed=1, options={"latents": [10, 17]}, layers=("invariance",)),
)
# blended: outputs are put together from tiles of `TILE` latents, of which each begins `STRIDE` after the one before.
KNOBS = {"outputs": ("whole", "blended")}
VARIED = ("outputs",)
TILE, STRIDE = 8, 6
PIXELS = 2  # a latent's, of the toy autoencoder


def fade(before: np.ndarray, tile: np.ndarray, width: int, axis: int) -> None:
    """Blend the first rows or columns of a tile with the last ones of that before it, in place."""
    before, tile = np.moveaxis(before, axis, 0), np.moveaxis(tile, axis, 0)
    width = min(len(before), len(tile), width)
    for place in range(width):
        tile[place] = before[place - width] * (1 - place / width) + tile[place] * (place / width)


def blended(tiles: list[np.ndarray], columns: int, unit: int) -> np.ndarray:
    """The tiles, given row by row, as one: each fades in from the tile above, then from the one at its left, as both are by then."""
    rows = [[tile.copy() for tile in tiles[start : start + columns]] for start in range(0, len(tiles), columns)]
    overlap, kept = (TILE - STRIDE) * unit, STRIDE * unit
    for i, row in enumerate(rows):
        for j, tile in enumerate(row):
            if i:
                fade(rows[i - 1][j], tile, overlap, 2)
            if j:
                fade(row[j - 1], tile, overlap, 3)
    return np.concatenate([np.concatenate([tile[:, :, :kept, :kept] for tile in row], axis=3) for row in rows], axis=2)


def vary(arrays, knobs, case):
    """The outputs put together from the tiles."""
    if knobs.get("outputs") == "blended":
        columns = len(range(0, case.options["latents"][1], STRIDE))
        for name, unit in (("moments", 1), ("image", PIXELS)):
            tiles = [value for key, value in arrays.items() if key.partition("#")[0] == f"tile of {name}"]
            arrays[name] = blended(tiles, columns, unit)
    return arrays
