"""Original, library and amplified difference side by side, on a claim's page."""

from __future__ import annotations

import re
from typing import Any

from trueto.reports.markup import EMPTY, Html, el, raw
from trueto.reports.page import card
from trueto.reports.view import ClaimView, severity
from trueto.reports.words import number, verdict_of

__all__ = ["caption", "pictures_card", "pictures_of"]

BASE64 = re.compile(r"iVBORw0KGgo[A-Za-z0-9+/]*={0,2}")  # which every PNG begins with
STYLE = raw(  # here, because few pages have pictures
    "<style>img{image-rendering:pixelated;width:100%;border:1px solid var(--line);border-radius:4px;display:block}"
    ".triple{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:.8rem;max-width:34rem}"
    ".strip{display:grid;gap:.5rem;max-width:46rem}</style>"
)
PARTS = ("original", "candidate", "difference")
NAMES = {
    "latents": "What becomes of the noise, from the first step (left) to the last",
    "image": "The finished picture",
    "picture": "The picture as it was read from its file",
}


def pictures_of(cell: dict[str, Any]) -> list[dict[str, Any]]:
    """The pictures in a cell's evidence that are what they should be; a run record may come from anywhere."""
    found = cell["evidence"].get("pictures")
    entries = [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
    return [entry for entry in entries if all(isinstance(entry.get(part), str) and BASE64.fullmatch(entry[part]) for part in PARTS)]


def caption(entry: dict[str, Any]) -> str:
    """What a picture is; of a strip which of the original's steps it shows, where it is not all."""
    name, steps, taken = str(entry.get("name", "")), entry.get("steps"), entry.get("of")
    said = NAMES.get(name, name)
    if not isinstance(steps, list) or not isinstance(taken, int) or not steps or not isinstance(steps[-1], int):
        return said
    shown = "" if len(steps) == steps[-1] else f"; {len(steps)} of {steps[-1]} steps, in even distances"
    more = taken - steps[-1]
    return said + shown + (f"; the original takes {more} more, which the library has not" if more > 0 else "")


def _figures(library: str, cell: dict[str, Any], entry: dict[str, Any]) -> Html:
    name, amplified = str(entry.get("name", "")), entry.get("amplified")
    far = f"difference, {number(amplified)} times as strong" if isinstance(amplified, int | float) else "no difference"
    figures = [
        el(
            "figure",
            el("img", src=f"data:image/png;base64,{entry[part]}", alt=f"{name} of input {cell['case']}: {words}"),
            el("figcaption", words),
        )
        for part, words in zip(PARTS, ("the original", library, far), strict=True)
    ]
    return el("div", el("p", f"{caption(entry)}:", class_="soft"), el("div", *figures, class_="strip" if name == "latents" else "triple"))


def pictures_card(library: str, claim: ClaimView) -> Html:
    """What can be looked at, every input, the worst first; nothing where no output is a picture."""
    cells = sorted(filter(pictures_of, claim.cells), key=severity, reverse=True)
    if not cells:
        return EMPTY
    parts = [
        el(
            "details",
            el("summary", f"input {cell['case']}: {verdict_of(cell)}"),
            *(_figures(library, cell, entry) for entry in pictures_of(cell)),
            open=index == 0,
        )
        for index, cell in enumerate(cells)
    ]
    said = (
        "The networks are toys, so the pictures show nothing; that they are alike is what counts. In the third, grey means no difference."
    )
    return card("To look at", STYLE, el("p", said, class_="soft"), *parts, anchor="pictures")
