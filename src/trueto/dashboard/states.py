"""The pages for what is not there: nothing judged yet, an address without a page, a record that is damaged, no run in MLflow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trueto.errors import TruetoError
from trueto.reports.history import HISTORY
from trueto.reports.markup import EMPTY, Html, el, join
from trueto.reports.page import card, document

__all__ = ["damaged_page", "empty_page", "missing_page", "unpublished_page"]

TOP = "trueto · still true to the original?"
FOOT = "Served by trueto beside MLflow."


def _histories(names: Sequence[str], up: str) -> Html:
    """What is recorded of releases."""
    if not names:
        return EMPTY
    items = [el("li", el("a", f"{name} over its releases", href=f"{up}{HISTORY}/{name}.html")) for name in names]
    return card("What releases computed", el("p", "When a library moved away from its originals, and back:"), el("ul", *items))


def _state(title: str, header: Sequence[Html], body: Sequence[Html]) -> str:
    return document(title, join([el("small", TOP), el("h1", title), *header]), body, FOOT)


def empty_page(site: Path, histories: Sequence[str]) -> str:
    """The first thing a new user sees: what would be here, and what to type for it."""
    lead = (
        "The authors of a method publish code: the original. Libraries write it anew. Here you will see, original by original, where "
        "a library computes something else, since which sampling step, and by how much."
    )
    run = "runs/run.jsonl"
    output = "" if site.name == "reports" else f" --output {site}"
    typed = f"trueto gate diffusers --quick --record {run}\ntrueto report {run}{output}\ntrueto publish {run}"
    what = (
        "The first command compares the installed library with the originals, in less than a minute. The second makes these pages, the "
        "third sends the same figures to MLflow. Then load this page again."
    )
    body = [card("What to type", el("pre", typed, class_="wrap"), el("p", what)), _histories(histories, "./")]
    return _state("Nothing has been judged yet", [el("p", lead, class_="lead soft")], body)


def missing_page(path: str, histories: Sequence[str], up: str) -> str:
    """An address without a page: older links, other candidates, or a page that the last report no longer has."""
    said = "The last report has no such page. A claim that was renamed or left out is gone with its page."
    home = el("p", el("a", "← all claims", href=up))
    body = [el("section", el("p", el("code", path)), el("p", said), home), _histories(histories, up)]
    return _state("There is no such page", [], body)


def damaged_page(error: TruetoError, up: str) -> str:
    """A record that cannot be read: which, why, and what brings it back. Nothing of it is shown as if it were whole."""
    body = [
        el("section", el("p", error.message), class_="alert", role="alert"),
        card("What to type", el("pre", error.hint, class_="wrap")) if error.hint else EMPTY,
        el("p", el("a", "← all claims", href=up)),
    ]
    return _state("A record cannot be read", [], body)


def unpublished_page(claim: str, hint: str) -> str:
    """A claim that MLflow holds no run of."""
    said = "Runs come into MLflow when a record is published; sending it twice changes nothing."
    body = [
        el("section", el("p", el("code", claim)), el("p", said)),
        card("What to type", el("pre", hint, class_="wrap")),
        el("p", el("a", "← all claims", href="./")),
    ]
    return _state("MLflow has no run of this yet", [], body)
