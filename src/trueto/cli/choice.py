"""What commands take in common: a choice of few words that suggests the nearest one, and a cell with or without its candidate."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import click

__all__ = ["CELL_OF", "Choice", "cell_of"]

CELL_OF = click.argument("words", metavar="[CANDIDATE] CELL", nargs=-1, required=True)


class Choice(click.Choice[str]):
    """As click's own, whose message lists the words and leaves it to the reader to find his."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The word itself, or an error that ends with the nearest one."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            near = difflib.get_close_matches(str(value), [str(choice) for choice in self.choices], n=1, cutoff=0.4)
            if not near:
                raise
            self.fail(f"{error.message.rstrip('.')}; did you mean '{near[0]}'?", param, ctx)


def cell_of(words: Sequence[str], example: str) -> tuple[str, str]:
    """Candidate and cell of a command; with one word the candidate of `[tool.trueto]`. UsageError for what is neither, with an example."""
    from trueto.candidates import chosen
    from trueto.errors import UsageError

    *named, cell = words
    if len(named) > 1:
        raise UsageError(f"expected a candidate and a cell, saw {len(words)} words: {' '.join(words)}", example)
    if not named and ":" not in cell:
        raise UsageError(f"'{cell}' is no cell, expected as {example.rpartition(' ')[2]}", example)
    return chosen(named[0] if named else None), cell
