"""What every page of the site has in common: the frame, the tiles, lists of terms. Nothing from the network."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from trueto.reports.markup import EMPTY, Html, el, icon, join, raw
from trueto.reports.view import Overview
from trueto.reports.words import LEGEND, said_of_cell, verdict_of

__all__ = [
    "GATEWAY",
    "GENERATOR",
    "POLICY",
    "SCRIPTS",
    "card",
    "document",
    "gateway",
    "page",
    "script_policy",
    "sentences",
    "table",
    "terms",
    "tile",
]

GENERATOR = "trueto"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
SCRIPTS = ("history.js", "index.js")
SHAPES = {  # the classes of icons.svg, as style.css has them
    "f": 'fill="{ink}"',
    "g": 'stroke="{on}" stroke-width="2"',
    "o": 'stroke="{ink}" stroke-width="1.8"',
    "d": 'stroke-dasharray="3 2"',
    "s": 'stroke="{ink}" stroke-width="1.9"',
}
GATEWAY = r"<!--mlflow:([A-Za-z0-9/_.~%@-]*)-->"  # what `gateway` writes


@cache
def _own(name: str) -> Html:
    """A file of this folder, without the line breaks that only its authors need."""
    return raw(re.sub(r"\n\s*", "", (Path(__file__).parent / name).read_text(encoding="utf-8")))


def _colours(style: str) -> dict[str, str]:
    """The names of colours in a part of style.css."""
    return dict(re.findall(r"--(\w+):(#\w+)", style))


@cache
def signs_style() -> Html:
    """Rules that draw the signs on an empty element `s-NAME`: a browser is done with thousands of them ten times as soon as of `icon`."""
    light, _, dark = _own("style.css").partition("prefers-color-scheme:dark")
    shapes = dict(re.findall(r'<symbol id="i-(\w+)" viewBox="0 0 20 20">(.*?)</symbol>', _own("icons.svg")))
    tones = {sign.icon: sign.tone for sign in LEGEND.values()}

    def rules(colours: Mapping[str, str]) -> str:
        drawn = {name: quote(_picture(inside, colours[tones[name]], colours["on"])) for name, inside in shapes.items()}
        return "".join(f'.s-{name}::before{{background-image:url("data:image/svg+xml,{text}")}}' for name, text in drawn.items())

    return raw(f"{rules(_colours(light))}@media (prefers-color-scheme:dark){{{rules(_colours(dark.partition('*{')[0]))}}}")


def _picture(inside: str, ink: str, on: str) -> str:
    """A sign of icons.svg by itself."""
    drawn = re.sub(
        r'class="([a-z ]+)"', lambda found: " ".join(SHAPES[letter].format(ink=ink, on=on) for letter in found[1].split()), inside
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20" stroke-linecap="round" fill="none">{drawn}</svg>'


def gateway(claim: str = "") -> Html:
    """A place for a link to the runs of a claim in MLflow, or to MLflow; empty on disk, filled in by `trueto serve`."""
    return raw(f"<!--mlflow:{quote(claim, safe='/@', errors='replace')}-->")


@cache
def _script(name: str) -> Html:
    """A script of this folder; it holds no text that was read anywhere."""
    return raw((Path(__file__).parent / name).read_text(encoding="utf-8").strip())


def script_policy(*names: str) -> str:
    """The scripts that a page may hold, by their digests."""
    digests = (base64.b64encode(hashlib.sha256(_script(name).encode()).digest()).decode() for name in names)
    return " ".join(["script-src", *(f"'sha256-{digest}'" for digest in digests)])


def page(view: Overview, title: str, header: Html, body: Iterable[Html], script: str = "") -> str:
    """A whole document about one run, with a script of this folder or none; an incomplete run is said before anything else."""
    alert = el("section", el("p", view.incomplete()), class_="alert", role="alert") if view.incomplete() else EMPTY
    started = str(view.record.header.get("started", ""))[:16].replace("T", " ")
    foot = f"Made by trueto from the run record {view.record.header.get('id', '')}" + (f", begun {started} UTC." if started else ".")
    return document(title, header, [alert, *body], foot, "history.css" if script else "", script)


def document(title: str, header: Html, body: Iterable[Html], foot: str, style: str = "", script: str = "") -> str:
    """A whole document; `style` and `script` are files of this folder that only such pages need, and with a script goes `signs_style`."""
    policy = f"{POLICY}; {script_policy(script)}" if script else POLICY
    head = [
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name="generator", content=GENERATOR),
        el("meta", name="referrer", content="no-referrer"),
        el("title", title),
        el("style", _own("style.css"), _own(style) if style else EMPTY, signs_style() if script else EMPTY),
    ]
    content = [
        _own("icons.svg"),
        el("a", "Skip to the content", class_="skip", href="#content"),
        el("header", header),
        el("main", *body, id="content"),
        el("footer", el("p", foot)),
        el("script", _script(script)) if script else EMPTY,
    ]
    return "<!doctype html>\n" + el("html", el("head", *head), "\n", el("body", join(content, "\n")), lang="en") + "\n"


def card(title: str, *children: Any, anchor: str | None = None) -> Html:
    """One titled section."""
    return el("section", el("h2", title), *children, id=anchor, tabindex="-1" if anchor else None)


def tile(cell: dict[str, Any] | None, about: str = "", href: str | None = None) -> Html:
    """A verdict as shape, colour and word, with the figures on hovering; `about` names the link for those who listen."""
    if cell is None:
        return el("span", "–", class_="tile none", title="not part of this original")
    sign, label = LEGEND[verdict_of(cell)], said_of_cell(cell)
    inside = [icon(sign.icon), el("span", sign.word)]
    if href is None:
        return el("span", *inside, class_=f"tile {sign.tone}", title=label)
    return el("a", *inside, class_=f"tile {sign.tone}", href=href, aria_label=f"{about}: {label}", title=label)


def terms(pairs: Iterable[tuple[Any, Any]], **attributes: Any) -> Html:
    """A list of names and what they are; pairs without a value are left out."""
    rows = [join([el("dt", name), el("dd", value)]) for name, value in pairs if value not in (None, "", EMPTY)]
    return el("dl", *rows, **attributes) if rows else EMPTY


def table(columns: Iterable[Any], rows: Iterable[Iterable[Any]], caption: str = "", number_columns: Iterable[int] = ()) -> Html:
    """A plain table whose first column names the row; scrolls sideways by itself on a narrow screen."""
    numeric = set(number_columns)

    def classed(index: int) -> str | None:
        return "num" if index in numeric else None

    head = el("tr", *(el("th", name, scope="col", class_=classed(i)) for i, name in enumerate(columns)))
    lines = [el("tr", *(el("th", v, scope="row") if i == 0 else el("td", v, class_=classed(i)) for i, v in enumerate(row))) for row in rows]
    inside = el("table", el("caption", caption) if caption else None, el("thead", head), el("tbody", join(lines, "\n")))
    return el("div", inside, class_="scroll", tabindex="0", role="region", aria_label=caption or "table")


def sentences(text: str) -> Html:
    """Plain text with empty lines as paragraphs."""
    parts = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip()) if part.strip()]
    return join(el("p", part) for part in parts)
