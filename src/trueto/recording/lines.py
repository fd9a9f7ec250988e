"""The line of the original's function on a card, held against the source while it is at hand."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

from trueto.errors import DataError
from trueto.references import reference

__all__ = ["check_lines", "defined_at"]


def defined_at(text: str, name: str) -> list[int]:
    """The lines at which a source defines a function or class, given as `name` or `Class.method`."""
    scopes: list[ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef] = [ast.parse(text)]
    for part in name.split("."):
        below = [node for scope in scopes for node in scope.body]
        scopes = [n for n in below if isinstance(n, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and n.name == part]
    return [scope.lineno for scope in scopes if not isinstance(scope, ast.Module)]


def check_lines(names: Sequence[str], checkout: Path) -> None:
    """DataError where a card names a line at which the pinned checkout does not define the first function that the card names."""
    for name in names:
        card = reference(name).card
        if not card.line:
            continue
        file, _, said = card.function.partition(":")
        function = said.split()[0].strip(",")
        lines = defined_at((checkout / file.strip()).read_text(encoding="utf-8"), function)
        if card.line not in lines:
            raise DataError(
                f"the card of {name} says that {function} is at {file}:{card.line}; the original has it at "
                f"{' and '.join(f'line {line}' for line in lines) or 'no line'}",
                f"line={lines[0] if lines else 0} in references/{name}.py",
            )
