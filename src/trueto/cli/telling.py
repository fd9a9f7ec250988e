"""One line of progress on standard error, rewritten in place; nothing where that is no terminal."""

from __future__ import annotations

import sys
import time
from typing import Self

import click

__all__ = ["Telling"]

WIDTH = 100


class Telling:
    """Call it with what is being done now; as a context it takes the line away at the end."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._began = time.monotonic()

    def __call__(self, what: str) -> None:
        """Show what is being done now."""
        if self._shown:
            text = f"{time.monotonic() - self._began:5.1f} s  {what}"
            click.echo(f"\r{text[:WIDTH]:{WIDTH}}", err=True, nl=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Take the line away, for what is printed next."""
        if self._shown:
            click.echo(f"\r{'':{WIDTH}}\r", err=True, nl=False)
