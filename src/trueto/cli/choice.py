"""A choice of few words that suggests the nearest one for a wrong one."""

from __future__ import annotations

import difflib
from typing import Any

import click

__all__ = ["Choice"]


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
