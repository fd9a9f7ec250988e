"""`trueto show`: the card of one original algorithm, for somebody who has never read a paper."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from trueto.references import Reference

__all__ = ["command"]


@click.command("show")
@click.argument("name", metavar="REFERENCE")
@click.option("--spec/--no-spec", default=True, help="print the spec too")
def command(name: str, *, spec: bool) -> int:
    """Show the card of REFERENCE, as k_diffusion/dpmpp_2m: what it is for, who wrote it, what it promises exactly."""
    import inspect

    from trueto.references import reference

    ref = reference(name)
    card, base = ref.card, ref.codebase
    lines = [f"{card.title}  ({ref.id})", ""]
    for paragraph in card.plain.strip().split("\n\n"):
        lines += [*textwrap.wrap(" ".join(paragraph.split()), 100), ""]
    lines += _table(
        {
            "written by": f"{card.authors} ({card.year})",
            "paper": f"{card.paper}; {card.equations}",
            **({"original": "{function} in {link}".format(**ref.origin)} if base.files else {"switch": card.function}),
            **({"licence": base.licence} if base.files else {}),
            "default of": card.default_of,
        }
    )
    lines += ["", "what the original promises exactly"]
    lines += _table(card.promise.rows())
    lines += ["", *_table({"code and paper": card.code_and_paper})]
    lines += [] if not ref.knobs else ["", "knobs: the known ways in which implementations differ (the original's value first)"]
    lines += [f"  {knob} = {' | '.join(values)}" for knob, values in ref.knobs.items()]
    lines += ["", f"cases: {', '.join(case.id for case in ref.cases)}"]
    lines += _recorded(ref) if base.files else ["nothing is recorded: the library is held against itself with the switch off"]
    lines += ["", *_claimed(ref)]
    if card.no_counterpart:
        lines += [f"{library} does not claim it: {why}" for library, why in card.no_counterpart.items()]
    if spec and not ref.of_outputs:
        lines += ["", f"the spec, references/{ref.id}.py:{ref.line}", "", inspect.getsource(ref.sample).rstrip()]
    click.echo("\n".join(lines))
    return 0


def _recorded(ref: Reference) -> list[str]:
    """Where its goldens come from, and the commands for them."""
    from trueto.errors import TruetoError
    from trueto.references import load_golden

    try:
        golden = load_golden(ref.id)
        lines = [f"goldens: recorded from {golden.header['source']} with torch {golden.header['torch']}; SHA-256 {golden.digest[:16]}…"]
    except TruetoError as error:
        lines = [f"goldens: {error.message}; try: {error.hint}"]
    verify = f"   check the spec: trueto verify {ref.id}" if ref.has_spec else ""
    return [*lines, f"record them again: {ref.codebase.recording}{verify}"]


def _claimed(ref: Reference) -> list[str]:
    """Which of the built-in candidates claim it, and with what of theirs."""
    from trueto.candidates import claimants

    found = [f"{library} ({', '.join(names)})" for library, names in claimants(ref.id).items()]
    said = f",\n{' ' * 12}".join(found) or "no library that trueto has an adapter for"
    return [f"claimed by: {said}"]


def _table(rows: dict[str, str]) -> list[str]:
    found = []
    whole = textwrap.TextWrapper(100, subsequent_indent=" " * 17, break_long_words=False, break_on_hyphens=False)  # addresses stay whole
    for label, text in rows.items():
        whole.initial_indent = f"  {label:15}"
        found += whole.wrap(" ".join(text.split()))
    return found
