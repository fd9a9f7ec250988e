"""A picture file as CLIP's image encoder gets it: `_transform` of openai/CLIP's clip/clip.py."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="CLIP, reading a picture",
    plain="""
CLIP's image encoder takes squares of one size. So a picture is made smaller or larger until its shorter side fits, the middle of it is cut
out, and each of its three colours is shifted and scaled by numbers that come from the pictures that CLIP was trained on.

The encoder was trained on pictures that were prepared in this way. If a library prepares them in another, a pixel further to the left, say,
or with white where the authors keep the colour under what is transparent, then the safety checker, image variations, IP-Adapter and scores
of how well a picture fits its prompt see another picture.""",
    authors="Alec Radford, Jong Wook Kim, Chris Hallacy and others, OpenAI",
    year=2021,
    paper="Learning Transferable Visual Models From Natural Language Supervision, arXiv 2103.00020",
    equations="section 2.5 speaks of training, where the square is cut out anywhere; of use it says nothing",
    function="clip/clip.py: _transform",
    line=79,
    default_of="CLIP: the safety checker of Stable Diffusion v1, image variations, IP-Adapter, CLIP scores; with 224 pixels a side",
    promise=Promises(
        {
            "picture": (
                "in 8 bits: resized by Pillow, bicubic, until the shorter side is as long as asked for, the other one cut down to a whole "
                "number; the middle, where half a pixel is rounded to the even one; red, green and blue last of all, so that a table of "
                "colours is resized by the nearest pixel, and what is transparent has the colour that lies under it"
            ),
            "pixel_values": "the same divided by 255, minus CLIP's mean of each colour, divided by its standard deviation",
            "orientation": "what the file says of it is not looked at",
        }
    ),
)


def read(kind: str, width: int, height: int, side: int = 6, **more) -> Case:
    """A case: one file of a kind and a size in pixels, made a square of as many pixels a side."""
    options = {"kind": kind, "width": width, "height": height, "side": side}
    name = f"{kind}-{width}x{height}"
    return Case(name if side else f"{name}-to-{side}", 1, options=options, layers=("preprocess",), **more)


CASES = (
    read("rgb", 64, 32, quick=True),
    read("rgb", 32, 64),
    read("rgb", 33, 31),  # the longer side is cut down to the shorter
    read("rgb", 6, 6),
    read("rgb", 7, 6),  # half a pixel is left over on either side, and 0 is even
    read("rgb", 9, 6, quick=True),  # a pixel and a half: 2 is even
    read("rgb", 6, 13),  # three and a half: 4 is
    read("rgb", 5, 4),
    read("rgb", 1, 9),
    read("rgb", 24, 12, side=0),
    read("rgba", 25, 20),
    read("palette", 25, 20),
    read("grey", 25, 20),
    read("grey16", 25, 20),
    read("cmyk", 25, 20),
    read("turned", 32, 16),
    read("truncated", 64, 32),
)
KNOBS = {
    "crop": ("rounded", "cut"),  # cut: transformers
    "converted": ("after", "before", "on_white"),  # before resizing: load_image of diffusers and transformers; on white: CLIPImageProcessor
    "orientation": ("as_stored", "upright"),  # upright: load_image
}
