"""What a claim was between two changes: one entry for all releases that compute the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trueto.history import Change, first_part, said
from trueto.model import SAMPLER_LAYERS, Verdict
from trueto.reports.markup import Html, el, icon, join
from trueto.reports.timeline import Line, where_of
from trueto.reports.words import LAYER_WORDS, LEGEND, size_words, verdict_of

__all__ = ["KIND_SIGNS", "KIND_WORDS", "spans"]

KIND_WORDS = {
    "away": "moved away from the original",
    "further": "moved further from the original",
    "other": "differs in another way, of the same size",
    "nearer": "moved nearer to the original",
    "back": "moved back to the original",
    "broke": "stopped working",
    "repaired": "works again",
}
KIND_SIGNS = {
    "away": Verdict.DRIFTED,
    "further": Verdict.DRIFTED,
    "other": Verdict.DECLARED,
    "nearer": Verdict.DECLARED,
    "back": Verdict.FAITHFUL,
    "broke": Verdict.BROKEN,
    "repaired": Verdict.FAITHFUL,
}


def _pictured(cell: Mapping[str, Any]) -> bool:
    """Whether a part is one of those that make a picture, so that its difference can be said in grey levels."""
    return cell["layer"] in SAMPLER_LAYERS


def _size(cell: Mapping[str, Any]) -> str:
    return "no usable picture" if cell["verdict"] == Verdict.BROKEN else size_words(cell["size"], cell["grey_levels"])


def _only(line: Line, several: Sequence[Change]) -> str:
    """Under which profiles and seeds a change is seen, where what changed was judged under others too."""
    layers, seen = {change.layer for change in several}, {where_of(change.now) for change in several}
    judged = {where for layer, where in line.parts if layer in layers}
    told: list[str] = []
    for place, name in enumerate(("profile", "seed")):
        values = sorted({where[place] for where in seen})
        if len(values) < len({where[place] for where in judged}):
            told.append(f"{name} {', '.join(values)}")
    return f" Seen with {' and '.join(told)} only." if told else ""


def _named(line: Line, version: str) -> Html:
    """A release, and its day where that is known."""
    return join([el("b", version), line.named[version].removeprefix(version)])


def _changed(line: Line, several: Sequence[Change]) -> tuple[Verdict, Html, str]:
    """Sign, sentence and figures of a change."""
    first = first_part(several)
    layers = dict.fromkeys(LAYER_WORDS.get(change.layer, (change.layer,))[0] for change in several)
    step = f", from step {first.worse['first_step']} on" if isinstance(first.worse["first_step"], int) and _pictured(first.worse) else ""
    sizes = " → ".join(map(_size, (first.was, first.now)))
    picture = f" The finished picture against the original: {sizes}." if _pictured(first.worse) else ""
    text = f" {KIND_WORDS[first.kind]} ({line.named[first.before]} was as before). {first.what}. "
    figures = f"Parts: {', '.join(layers)}{step}.{picture}{_only(line, several)}"
    return KIND_SIGNS[first.kind], join([_named(line, first.after), text]), figures


def _began(line: Line, place: int) -> tuple[Verdict, Html, str]:
    """The same of the first release that is recorded."""
    cell = line.worst(place)
    assert cell is not None
    layer, (profile, seed) = next(part for part, found in line.cells[place].items() if found is cell)
    where = f" Of {LAYER_WORDS.get(layer, (layer,))[0]}, profile {profile}, seed {seed}." if len({w for _, w in line.parts}) > 1 else ""
    begun = join([_named(line, line.versions[place]), f" is the first that is recorded: {said(cell)}. "])
    return verdict_of(cell), begun, (f"{_size(cell)}." if _pictured(cell) else "") + where


def spans(line: Line, groups: Mapping[str, Sequence[Change]], slug: str) -> tuple[Html, dict[str, str]]:
    """The list of all spans of a claim, and for each release the anchor of its span."""
    items: list[Html] = []
    anchors: dict[str, str] = {}
    begun = slug
    for place, version in enumerate(line.versions):
        if (not items or version in groups) and line.cells[place]:
            verdict, sentence, figures = _changed(line, groups[version]) if version in groups else _began(line, place)
            sign = LEGEND[verdict]
            items.append(
                el(
                    "li",
                    el("span", icon(sign.icon), class_=sign.tone),
                    el("span", sentence),
                    el("small", figures),
                    id=f"{slug}--{version}",
                    data_at=version,
                    class_="change-at" if version in groups else None,
                )
            )
            begun = f"{slug}--{version}"
        anchors[version] = begun
    return el("ul", *items, class_="changes"), anchors
