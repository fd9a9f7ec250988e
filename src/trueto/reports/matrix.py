"""reports/matrix.md: originals by layers, with signs and words, causes, ledger, and what is not claimed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from trueto.model import LAYERS
from trueto.reports.power import figures
from trueto.reports.view import ClaimView, Overview
from trueto.reports.words import DECLARED_MEANS, LAYER_WORDS, LEGEND, against, gate_says, plural, step_words, times, verdict_of

__all__ = ["escape", "headline", "matrix", "plain", "sentence", "table", "typed"]

SPECIAL = re.compile(r"([\\`*_\[\]|~])")
LINK = re.compile(r"https?://[\w./#%?=&:~+,;()\-]+")
COMMAND = re.compile(r"trueto [\w ./:=,@'\"*?+-]+")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029\ud800-\udfff]+")


def plain(text: Any, limit: int = 600) -> str:
    """Any text on one line, without characters that steer a terminal or a parser; not yet escaped for any markup."""
    flat = CONTROL.sub(" ", str(text)).strip()
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def escape(text: Any, limit: int = 600) -> str:
    """Any text as plain Markdown on one line: no markup, no HTML, no mention of anybody, no table cell broken."""
    flat = SPECIAL.sub(r"\\\1", plain(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    flat = re.sub(r"@(?=\w)|#(?=\d)", lambda m: m.group() + "\u200b", flat)  # neither a mention nor a link to an issue
    return flat.replace("://", "&#58;//").replace("www.", "www&#46;")


def typed(command: Any, limit: int = 600) -> str:
    """A command of trueto as code, so that it can be copied; escaped as any text where it has what no such command needs."""
    flat = plain(command, limit)
    return f"`{flat}`" if COMMAND.fullmatch(flat) and not re.search(r"(?<!\w)@|//|www\.", flat) else escape(flat, limit)


def _name(text: Any) -> str:
    """A name for reading: escaped, but with the underscores that cannot mark up anything inside a word."""
    return re.sub(r"(?<=\w)\\_(?=\w)", "_", escape(text))


def _link(value: Any) -> str:
    """An address as a link if it is one, else as text."""
    return f"<{value}>" if LINK.fullmatch(str(value)) else escape(value)


def headline(view: Overview) -> str:
    """The run in one sentence, plain text."""
    total = len(view.claims)
    same = sum(1 for c in view.claims if c.verdict.same or c.verdict.value == "beyond")
    declared = sum(1 for c in view.claims if c.verdict.declared)
    bad = sum(1 for c in view.claims if c.verdict.bad)
    unknown = sum(1 for c in view.claims if c.verdict.unknown)
    if not total:
        return f"Nothing was judged of {view.library}."
    if same == total:
        return (
            f"{view.library} computes what the {plural(total, 'original')} compute."
            if total > 1
            else f"{view.library} computes what the original computes."
        )
    parts = [f"{view.library} computes the same as the original in {same} of {plural(total, 'claim')} on every input tried"]
    parts += [f"differs in a known way, on some inputs, in {declared}"] if declared else []
    parts += [f"differs undeclared in {bad}"] if bad else []
    parts += [f"could not be judged in {unknown}"] if unknown else []
    return (parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]) + "."


def sentence(cell: dict[str, Any]) -> str:
    """What one cell says, in one plain sentence without a full stop."""
    verdict = verdict_of(cell)
    where = LAYER_WORDS.get(str(cell["layer"]), (str(cell["layer"]), ""))[0]
    if verdict.unknown or verdict.value == "broken":
        return f"{LEGEND[verdict].word}: {where}"
    parts = [where, step_words(cell), against(f"{times(cell['ratio'])} the original's own rounding", cell["layer"])]
    if verdict.declared:
        parts[2] = f"{times(cell['ratio'])} the rounding away from what is declared"
    return ", ".join(p for p in parts if p)


def table(claims: tuple[ClaimView, ...], power: Mapping[str, Mapping[str, Any]] | None = None) -> list[str]:
    """The matrix as Markdown lines; with a certificate, one more column says how many seeded faults each claim's checks see."""
    more = " seeded faults seen |" if power else ""
    layers = [layer for layer in LAYERS if any(claim.worst_in(layer) for claim in claims)]
    lines = ["| claim | " + " | ".join(layers) + f" | size of the difference |{more}", "|---" * (len(layers) + 2 + bool(power)) + "|"]
    for claim in claims:
        tiles: list[str] = []
        for layer in layers:
            cell = claim.worst_in(layer)
            tiles.append(f"{LEGEND[verdict_of(cell)].symbol} {verdict_of(cell)}" if cell else " ")
        lines.append(f"| {_name(claim.claim)} | " + " | ".join(tiles) + f" | {escape(claim.size)} |{_seen(claim, power)}")
    return lines


def _seen(claim: ClaimView, power: Mapping[str, Mapping[str, Any]] | None) -> str:
    """The cell of one claim in the column of seeded faults."""
    if not power:
        return ""
    entry = power.get(claim.claim)
    return f" {entry['seen']} of {entry['real']} |" if entry else " not measured |"


def _causes(view: Overview) -> list[str]:
    lines: list[str] = []
    for claim in view.claims:
        for layer in claim.layers:
            cell = claim.worst_in(layer)
            if cell is None or verdict_of(cell).same:
                continue
            cause = f" Cause: {escape(cell['cause'])}." if cell["cause"] else ""
            lines.append(
                f"- {LEGEND[verdict_of(cell)].symbol} **{_name(claim.claim)}**, {_name(cell['case'])} ({_name(cell['profile'])}): "
                f"{verdict_of(cell)}; {escape(sentence(cell))}.{cause} {escape(cell['reason'])}"
            )
    return lines


def _ledger(view: Overview) -> list[str]:
    lines: list[str] = []
    for claim in view.claims:
        for entry in claim.ledger:
            instead = f"equals the variant {escape(entry['variant'])}" if entry.get("variant") else "declares only a range of numbers"
            said = "; ".join(f"{key}: {_link(entry[key])}" for key in ("since", "test", "link") if entry.get(key))
            lines.append(f"- **{_name(claim.claim)}** {instead}. {escape(entry.get('reason', ''))} ({said})")
    return lines


def matrix(view: Overview) -> str:
    """The text of reports/matrix.md."""
    record = view.record
    gate = gate_says(verdict_of(c) for c in record.cells)
    lines = [f"# {escape(headline(view))}", ""]
    lines += [f"> **{view.incomplete()}**", ""] if view.incomplete() else []
    counts = ", ".join(f"{record.counts[v]} {v}" for v in LEGEND if record.counts.get(v))
    lines += [f"{plural(len(record.cells), 'cell')}: {counts or 'none'}. The gate: {gate if record.complete else 'incomplete'}.", ""]
    lines += [*table(view.claims, view.power), ""]
    lines += [f"- {said} (`{command}`)." for said, command in figures(view)] + [""] if figures(view) else []
    used = [v for v in LEGEND if record.counts.get(v)]
    lines += ["What the signs mean:", "", *(f"- {LEGEND[v].symbol} **{v}**: {LEGEND[v].means}" for v in used), ""]
    for title, body in (("What differs, and why", _causes(view)), ("What is declared", _ledger(view))):
        lines += [f"## {title}", "", *([DECLARED_MEANS, ""] if "declared" in title and body else []), *(body or ["Nothing."]), ""]
    lines += ["## What is not claimed", ""]
    lines += [f"- · **{_name(n.get('reference', '?'))}**: {escape(n.get('reason', ''))}" for n in record.no_claims] or [
        "Every original is claimed."
    ]
    lines += ["", "## Notes", "", *(f"- {escape(note)}" for note in record.notes)] if record.notes else []
    return "\n".join(lines).rstrip() + "\n"
