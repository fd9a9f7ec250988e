"""reports/claims/<slug>.html: one claim, from what the original is, to what was found, to how to repeat it."""

from __future__ import annotations

from typing import Any

from trueto.judge import factor
from trueto.model import Verdict
from trueto.power.certificate import said_of
from trueto.reports.details import exact_card, layers_card
from trueto.reports.markup import EMPTY, Html, el, icon, join, link, raw
from trueto.reports.page import card, gateway, page, sentences, terms, tile
from trueto.reports.pictures import pictures_card
from trueto.reports.plot import Series, drift_plot, plotted, series_of
from trueto.reports.power import power_card
from trueto.reports.view import ClaimView, Overview, cell_name
from trueto.reports.words import COMPARED, DECLARED_MEANS, LAYER_WORDS, LEGEND, against, number, plural, step_words, times, verdict_of

__all__ = ["claim_page", "plot_label"]

SAID = {
    Verdict.IDENTICAL: "{} computes what the original computes, bit for bit.",
    Verdict.FAITHFUL: "{} computes what the original computes, within the original's own rounding.",
    Verdict.CONSISTENT: "{} computes what the original computes, and with settings that it does not have, what its parts make of them.",
    Verdict.BEYOND: "{} returns a result where the original stops; everywhere else it is the same.",
    Verdict.DECLARED: "{} differs from the original in a known way, and in no other.",
    Verdict.DECLARED_UNEXPLAINED: "{} differs from the original by no more than is declared. What it computes instead is not explained.",
    Verdict.DRIFTED: "{} differs from the original, and nobody has declared it.",
    Verdict.STALE: "What is declared of {} here is not what it does.",
    Verdict.BROKEN: "{} does not return a usable result where the original does.",
    Verdict.DISPUTED: "The recording of this original is in doubt.",
    Verdict.UNJUDGED: "{} could not be judged on every input.",
    Verdict.NO_CLAIM: "{} does not claim this original.",
}


# The same of a switch, which is held against the library itself with the switch off.
SWITCHED = {
    Verdict.IDENTICAL: "{} gives the same with the switch on as off, bit for bit.",
    Verdict.FAITHFUL: "{} gives the same with the switch on as off, within rounding.",
    Verdict.DRIFTED: "{} gives something else with the switch on, and nobody has declared it.",
    Verdict.BROKEN: "{} does not return a usable result with the switch on.",
}
AUTHORS = {"trueto": "trueto; the library's authors have not confirmed it"}
PROMISED = {"start": "starts with", "grid": "noise levels", "update": "each step", "final step": "last step", "noise": "random draws"}


def _verdict(view: Overview, claim: ClaimView) -> Html:
    """The answer in one sentence, then where, how far and how large."""
    cell, sign = claim.worst, LEGEND[claim.verdict]
    layer = LAYER_WORDS.get(str(cell["layer"]), (str(cell["layer"]), ""))[0]
    facts = [f"{'Furthest' if claim.verdict.same else 'Worst'} at: {layer}, input {cell['case']}", step_words(cell)]
    if isinstance(cell["ratio"], int | float):
        what = "from what is declared" if claim.verdict.declared else "from the plain run" if _switch(claim) else "from the original"
        whose = "its own rounding" if _switch(claim) else "the original's own rounding"
        far = f"{times(cell['ratio'])} {whose} away {what} (up to {factor():g} is the same)"
        facts.append(f"exactly {what.removeprefix('from ')}" if claim.verdict.declared and cell["ratio"] == 0 else far)
    lines = [
        el("p", ({**SAID, **SWITCHED} if _switch(claim) else SAID)[claim.verdict].format(view.library), class_="lead"),
        el("p", cell["reason"]) if cell["reason"] and not claim.verdict.same else EMPTY,
        el("p", ", ".join(f for f in facts if f) + ".", class_="soft"),
        el("p", f"Proof that it was at work: {cell['evidence']['effect']}.", class_="soft") if cell["evidence"].get("effect") else EMPTY,
        el("p", f"Largest change of the finished picture: {claim.size}.", class_="soft") if claim.pictures else EMPTY,
        el("p", f"Test of these checks, with faults made on purpose: {said_of(view.power[claim.claim])}.", class_="soft")
        if claim.claim in view.power
        else EMPTY,
    ]
    return el("section", icon(sign.icon, str(claim.verdict)), el("div", *lines), class_=f"verdict {sign.tone}")


def _switch(claim: ClaimView) -> bool:
    """Whether it is a switch of the library's own, which has no original."""
    return claim.original is not None and not claim.original.codebase.files


def _original(claim: ClaimView) -> Html:
    """The card: what the original is and promises, in plain words."""
    if claim.original is None:
        return card(
            "The original",
            el(
                "p",
                f"This installation has no card of {claim.name}, so this page cannot say what it is. The figures come from the run record.",
            ),
        )
    about = claim.original.card
    promises = terms([(PROMISED.get(part, part), said) for part, said in about.promise.rows().items()])
    facts = terms(
        [
            ("default of", about.default_of if about.default_of != "none" else ""),
            ("by", f"{about.authors} ({about.year})"),
            ("paper", about.paper),
            ("equations", about.equations),
            *_code(claim),
            ("code and paper", about.code_and_paper),
        ]
    )
    fold = el("details", el("summary", "What it promises exactly, who wrote it, and where"), promises, facts)
    return card(f"The {'switch' if _switch(claim) else 'original'}, in plain words", sentences(about.plain), fold, anchor="original")


def _code(claim: ClaimView) -> list[tuple[str, Html | str]]:
    """Where the original's code is; a switch has none, and is held against the library itself."""
    assert claim.original is not None
    about, base = claim.original.card, claim.original.codebase
    if not base.files:
        return [("switch", about.function), ("held against", "the same library with the switch off")]
    return [
        ("code", join([link(base.repository, base.title), ", ", link(claim.original.origin["link"], about.function)])),
        ("commit", link(f"{base.repository}/tree/{base.commit}", base.commit[:12])),
        ("licence", base.licence),
    ]


def _settings(settings: Any) -> Html:
    if not isinstance(settings, dict) or not settings:
        return EMPTY
    text = "\n".join(f"{key} = {value!r}" for key, value in settings.items())
    return el("details", el("summary", "How the library was configured"), el("pre", text, class_="wrap"))


def _claimed(view: Overview, claim: ClaimView) -> Html:
    """The library's own words, and where it says them."""
    evidence = next((c["evidence"] for c in claim.cells if c["evidence"].get("quote")), claim.worst["evidence"])
    quote, source = evidence.get("quote"), evidence.get("claim_source")
    said = el("blockquote", el("p", quote)) if quote else el("p", "The run record holds no quotation.")
    where = el("p", "Source: ", link(source), class_="soft") if source else EMPTY
    return card(
        f"What {view.record.header.get('candidate', 'the library')} claims",
        said,
        where,
        _settings(claim.worst["evidence"].get("settings")),
        anchor="claim",
    )


def _grid(claim: ClaimView, profile: str) -> Html:
    """Inputs by layers for one profile."""
    cells = {(str(c["case"]), str(c["layer"])): c for c in claim.cells if c["profile"] == profile}
    cases = sorted({case for case, _ in cells})
    head = el("tr", el("th", "input", scope="col"), *(el("th", LAYER_WORDS.get(x, (x, ""))[0], scope="col") for x in claim.layers))
    rows = [el("tr", el("th", case, scope="row"), *(el("td", tile(cells.get((case, x)))) for x in claim.layers)) for case in cases]
    return el(
        "div",
        el("table", el("caption", f"profile {profile}"), el("thead", head), el("tbody", join(rows, "\n")), class_="tiles"),
        class_="scroll",
    )


def plot_label(view: Overview, cell: dict[str, Any]) -> str:
    """What a plot shows, for those who cannot see it."""
    first = step_words(cell)
    verdict = verdict_of(cell)
    far = against(f"Distance of {view.library} from the original", cell["layer"])
    outcome = (
        f"It leaves the band of rounding {first}." if first and not verdict.declared else f"Worst: {times(cell['ratio'])} the rounding."
    )
    at = "output" if cell["evidence"].get("names") else "step"
    return f"{far} at each {at} of {cell_name(cell)}, on a logarithmic scale. {outcome}"


def _numbers(series: Series) -> Html:
    named = [f"{step}: {name}" for step, name in zip(series.steps, series.names, strict=False)]
    rows = "".join(
        f"<tr><td>{join([s])}<td>{number(d)}<td>{number(f)}<td>{number(r)}"
        for s, d, f, r in zip(named or series.steps, series.drift, series.floor, series.ratio, strict=True)
    )
    head = f"<tr><th>{'output' if series.names else 'step'}<th>distance<th>its own rounding<th>times"
    return el("details", el("summary", "The numbers"), el("div", el("table", raw(f"<thead>{head}<tbody>{rows}")), class_="scroll"))


def _key(words: str, *shapes: str) -> Html:
    """One sample of a line or a dot with what it stands for."""
    return el("li", raw(f'<svg viewBox="0 0 22 12" aria-hidden="true">{"".join(shapes)}</svg>'), words)


LINE = '<path class="drift" d="M0 6h22"/>'


def _keys(layer: str) -> Html:
    """What the lines and dots of a plot stand for."""
    return join(
        [
            _key("the library, within rounding", LINE, '<path class="in" d="M11 6h0"/>'),
            _key("the library, further away", LINE, '<path class="out" d="M11 6h0"/>'),
            _key(against("the original's own rounding", layer), '<path class="floor" d="M0 6h22"/>'),
            _key(f"counts as the same (up to {factor():g} times that)", '<path class="band" d="M0 0h22v12H0z"/>'),
        ]
    )


def _plots(view: Overview, claim: ClaimView) -> Html:
    """Up to six plots, chosen by radio buttons: no script is needed."""
    cells = plotted(claim)
    buttons, panels = list[Html](), list[Html]()
    for index, cell in enumerate(cells):
        series = series_of(cell)
        if series is None:
            continue
        sign = LEGEND[verdict_of(cell)]
        buttons.append(el("input", type="radio", name="plot", id=f"p{index}", checked=index == 0))
        several = f" ({cell['profile']})" if len(claim.profiles) > 1 else ""
        buttons.append(
            el(
                "label",
                el("span", icon(sign.icon), class_=sign.tone),
                f"{LAYER_WORDS.get(cell['layer'], (cell['layer'],))[0]}: {cell['case']}{several}",
                for_=f"p{index}",
            )
        )
        judged = COMPARED.get(str(cell["evidence"].get("compared_with")), COMPARED["original"])
        caption = el(
            "figcaption",
            f"Distance from {judged} at each {'output' if series.names else 'step'}, on a scale where each line is ten times or more the "
            f"one below. {against(sign.means, cell['layer'])}",
        )
        panels.append(el("div", el("figure", drift_plot(series, plot_label(view, cell)), caption), _numbers(series), class_="panel"))
    if not panels:
        return EMPTY
    choice = el(
        "fieldset",
        el("legend", "Choose an input:"),
        *buttons,
        el("div", *panels),
        el("ul", _keys(claim.layers[0]), class_="keys"),
        class_="plots",
    )
    return card("Output by output" if claim.of_outputs else "Step by step", choice, anchor="drift")


def _ledger(claim: ClaimView) -> Html:
    if not claim.ledger:
        return EMPTY
    entries = [
        terms(
            [
                (
                    "computes instead",
                    el("code", e["variant"]) if e.get("variant") else "not explained: only a range of numbers is declared",
                ),
                ("why", e.get("reason")),
                ("proof", el("code", e["test"]) if e.get("test") else ""),
                ("written by", AUTHORS.get(str(e.get("owner")), e.get("owner"))),
                ("since", e.get("since")),
                ("more", link(e["link"]) if e.get("link") else ""),
            ]
        )
        for e in claim.ledger
    ]
    return card(
        f"Declared: {plural(len(entries), 'difference')}", el("p", DECLARED_MEANS, class_="soft"), join(entries, "\n"), anchor="declared"
    )


def claim_page(view: Overview, claim: ClaimView) -> str:
    """The text of one claim's page."""
    back = el("a", "← all claims", href="../index.html")
    address, since = f"history.html#{claim.slug}", "Over the releases of the library"
    past = el("p", el("a", since, href=address)) if claim.claim in view.past else EMPTY
    header = join(
        [
            el("small", back),
            el("h1", f"{claim.title}: {view.library} {'on against off' if _switch(claim) else 'against the original'}"),
            el("p", el("code", claim.claim), class_="soft"),
            past,
            gateway(claim.claim),
        ]
    )
    command = f"trueto gate {view.record.header.get('candidate', '')} --claim '{claim.claim}'"
    body = [
        _verdict(view, claim),
        _original(claim),
        _claimed(view, claim),
        card(
            "Every input",
            *(_grid(claim, profile) for profile in claim.profiles),
            el("p", el("a", "What the signs mean", href="../index.html#legend")),
        ),
        pictures_card(view.library, claim),
        _plots(view, claim),
        layers_card(claim),
        _ledger(claim),
        exact_card(view.library, claim),
        power_card(view, claim),
        card(
            "Reproduce it",
            el("pre", command, class_="wrap"),
            el("p", "and the original's own card with ", el("code", f"trueto show {claim.name}"), "."),
            anchor="reproduce",
        ),
    ]
    return page(view, f"{claim.title} · {view.library}", header, body)
