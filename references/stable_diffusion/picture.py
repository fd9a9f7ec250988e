"""A picture file as numbers: `load_img` of CompVis' scripts/img2img.py."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="Stable Diffusion v1, reading a picture",
    plain="""
A picture file becomes numbers from -1 to 1, three for each pixel, after its sides were cut down to multiples that the networks can take.
Files come in many kinds: with transparency, with a table of colours, grey, with 16 bits, in the colours of print, or with a note that
says which side is up.

If a library read a file otherwise, its picture would begin from other pixels than in the authors' script, and nothing after that could be
the same.""",
    authors="Robin Rombach, Andreas Blattmann, Dominik Lorenz, Patrick Esser, Björn Ommer; CompVis, Stability AI, Runway",
    year=2022,
    paper="High-Resolution Image Synthesis with Latent Diffusion Models, arXiv 2112.10752",
    equations="none: the paper does not speak of files",
    function="scripts/img2img.py: load_img",
    line=48,
    default_of="Stable Diffusion v1-1 to v1-5, image to image",
    promise=Promises(
        {
            "picture": (
                "converted to red, green and blue, resized by Lanczos to multiples of 32 pixels below its size, 2 x / 255 - 1; "
                "what the file says of its orientation is not looked at"
            )
        }
    ),
)


def read(kind: str, width: int = 64, height: int = 32, **more) -> Case:
    """A case: one file of a kind and a size in pixels."""
    options = {"kind": kind, "width": width, "height": height}
    return Case(f"{kind}-{width}x{height}", 1, options=options, layers=("preprocess",), **more)


CASES = (
    read("rgb", quick=True),
    read("rgb", 104, 72),  # multiples of 8, not of 32
    read("rgb", 97, 67),
    read("rgb", 136, 33),
    read("rgb", 24, 20),  # nothing is left of it in multiples of 32
    read("rgba"),
    read("rgba", 50, 41),
    read("palette"),
    read("palette", 50, 41),
    read("grey", 45, 33),
    read("grey16"),
    read("grey16", 45, 33),
    read("cmyk", 50, 41),
    read("turned", 64, 32),
    read("turned", 104, 40),
    read("truncated"),
    read("empty"),
)
KNOBS = {
    "multiple": ("32", "8"),  # 8: diffusers
    "orientation": ("as_stored", "upright"),  # upright: diffusers
}
TOGETHER = ({"multiple": "8", "orientation": "upright"},)
