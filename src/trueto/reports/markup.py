"""HTML as values: text is escaped unless it was made here, so that no page can forget it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import escape
from typing import Any

__all__ = ["EMPTY", "Html", "data", "el", "icon", "join", "link", "raw", "spoken"]

VOID = frozenset({"meta", "input", "br", "img"})
UNSPEAKABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
WEB = re.compile(r"https?://[^\s\"'<>\\]+")


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


EMPTY = Html("")


def raw(text: str) -> Html:
    """Markup of our own making; never call it on anything that was read."""
    return Html(text)


def spoken(value: Any) -> str:
    """Text in which control characters, and those that turn the direction of reading, are a visible sign; not escaped."""
    return UNSPEAKABLE.sub("\ufffd", str(value))


def _text(value: Any) -> str:
    return value if isinstance(value, Html) else escape(spoken(value), quote=True)


def join(parts: Iterable[Any], between: str = "") -> Html:
    """Several pieces one after the other."""
    return Html(_text(between).join(_text(part) for part in parts))


def el(tag: str, *children: Any, **attributes: Any) -> Html:
    """One element: `el("a", "text", href=...)`.

    `class_` is class, `aria_label` is aria-label, True is a bare attribute, None and False are left out.
    """
    named = ((key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items() if value is not None and value is not False)
    head = "".join(f" {key}" if value is True else f' {key}="{_text(value)}"' for key, value in named)
    return Html(f"<{tag}{head}>") if tag in VOID else Html(f"<{tag}{head}>{join(c for c in children if c is not None)}</{tag}>")


def data(value: Any, name: str) -> Html:
    """Numbers and texts for a script, as an element that is neither shown nor run; every text in it was `spoken`."""
    told = json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return Html(f'<script type="application/json" id="{_text(name)}">{told}</script>')


def link(address: Any, text: Any = None) -> Html:
    """A link to the web if the address is one, else the text alone: an address comes from a ledger and may be anything."""
    shown = text if text is not None else str(address).removeprefix("https://")
    if not WEB.fullmatch(str(address)):
        return join([shown if text is None or not address else f"{text} ({address})"])
    return el("a", shown, href=address, rel="noopener noreferrer")


def icon(name: str, label: str = "") -> Html:
    """One of the signs of icons.svg; without a label it is decoration beside a word."""
    hidden = {} if label else {"aria_hidden": "true"}
    return el("svg", raw(f'<use href="#i-{name}"/>'), class_="i", role="img" if label else None, aria_label=label or None, **hidden)
