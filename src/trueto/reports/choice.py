"""Profiles and seeds of a run to choose from above its matrix, where there are several; without its script the worst of all is shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from trueto.model import LAYERS, SAMPLER_LAYERS
from trueto.reports.markup import EMPTY, Html, data, el, spoken
from trueto.reports.view import ClaimView, Overview
from trueto.reports.words import LEGEND, said_of_cell

__all__ = ["SCRIPT", "choice", "choices", "groups"]

SCRIPT = "index.js"
Group = tuple[list[ClaimView], list[str]]


def groups(view: Overview) -> list[Group]:
    """Samplers, then what is no sampler: their parts have nothing in common. Of each the claims, and the layers that they have."""
    samplers = [claim for claim in view.claims if set(claim.layers).intersection(SAMPLER_LAYERS)]
    others = [claim for claim in view.claims if claim not in samplers]
    found = ((samplers, SAMPLER_LAYERS), (others, LAYERS[len(SAMPLER_LAYERS) :]))
    return [(claims, [str(x) for x in known if any(c.worst_in(str(x)) for c in claims)]) for claims, known in found if claims]


def choices(view: Overview) -> tuple[list[str], list[str]]:
    """The profiles and the seeds of a run, as far as there is something to choose."""
    cells = view.record.cells
    profiles = list(dict.fromkeys(spoken(cell["profile"]) for cell in cells))
    seeds = [spoken(seed) for seed in sorted({cell["seed"] for cell in cells}, key=lambda seed: (str(type(seed)), seed))]
    return (profiles if len(profiles) > 1 else []), (seeds if len(seeds) > 1 else [])


def _select(name: str, words: str, values: Iterable[str]) -> Html:
    options = [el("option", f"all {words}", value=""), *(el("option", value, value=value) for value in values)]
    return el("label", f"{name} ", el("select", *options, name=name))


def _rows(claims: Sequence[ClaimView], layers: Sequence[str]) -> Iterable[tuple[str, list[list[tuple[str, str, str, str]]]]]:
    """By the address of a claim's page the worst cell of each layer, profile and seed, worst first."""
    for claim in claims:
        found = []
        for layer in layers:
            worst: dict[tuple[str, str], tuple[str, str, str, str]] = {}
            for cell in claim.of_layer(layer):
                key = spoken(cell["profile"]), spoken(cell["seed"])
                worst.setdefault(key, (*key, str(cell["verdict"]), spoken(f"{said_of_cell(cell)} (input {cell['case']})")))
            found.append(list(worst.values()))
        yield f"claims/{claim.slug}.html", found


def choice(view: Overview) -> Html:
    """The lists to choose from, and what their script needs; nothing where a run has one profile and one seed."""
    profiles, seeds = choices(view)
    if not profiles and not seeds:
        return EMPTY
    told = {
        "signs": {str(verdict): (sign.tone, sign.icon, sign.word) for verdict, sign in LEGEND.items()},
        "claims": [row for claims, layers in groups(view) for row in _rows(claims, layers)],
    }
    lists = [_select("profile", "profiles", profiles) if profiles else EMPTY, _select("seed", "seeds", seeds) if seeds else EMPTY]
    form = el("form", *lists, el("output", "", aria_live="polite"), id="filter", class_="filter", hidden=True, aria_label="what to show")
    return Html(form + data(told, "data"))
