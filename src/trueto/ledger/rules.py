"""The rules of a ledger: for which X an entry holds, as one line that is read and never executed.

A rule speaks of the case's own fields (`steps`, `grid`, `schedule`, `parameterization`, `network`, `guidance`) and of the
original's options, as in `grid == 'uniform' and 1000 % steps`. An option that a case does not give has the original's default.
`composed` are the names of the settings that no original has, as in `'strength' in composed`.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import operator
from collections.abc import Callable, Mapping
from typing import Any

from trueto.errors import LedgerError
from trueto.model import Case
from trueto.references import Reference

__all__ = ["FIELDS", "Rule", "defaults_of"]

FIELDS = ("steps", "grid", "schedule", "parameterization", "network", "guidance", "seed", "composed")
OPERATORS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda one, many: one in many,
    ast.NotIn: lambda one, many: one not in many,
}
SHAPES = (ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.BinOp, ast.Compare, ast.Name, ast.Load, ast.Constant,
          ast.Tuple, *OPERATORS)  # fmt: skip


def defaults_of(ref: Reference) -> dict[str, Any]:
    """The options of the original with their defaults, knobs left out; a frame says those that it reads itself (`DEFAULTS`)."""
    found = inspect.signature(ref.sample).parameters.values()
    own = {p.name: p.default for p in found if p.kind is p.KEYWORD_ONLY and p.name not in ref.knobs}
    return {**own, **getattr(ref.frame, "DEFAULTS", {})}


class Rule:
    """One rule, checked when it is made: LedgerError says what in it cannot be read. `more` are further names with their defaults."""

    def __init__(self, text: str, refs: list[Reference], where: str, more: Mapping[str, Any] | None = None) -> None:
        self.text = text
        try:
            self._tree = ast.parse(text, mode="eval")
        except SyntaxError as error:
            raise LedgerError(f"{where}: the rule `{text}` cannot be read: {error.msg}", "grid == 'uniform' and 1000 % steps") from error
        self._defaults: Mapping[str, Any] = {**(more or {}), **{name: value for ref in refs for name, value in defaults_of(ref).items()}}
        for node in ast.walk(self._tree):
            if not isinstance(node, SHAPES):
                raise LedgerError(
                    f"{where}: the rule `{text}` has {type(node).__name__}; it may compare and count, no more", "docs/laws.md"
                )
            if isinstance(node, ast.Name) and node.id not in (*FIELDS, *self._defaults):
                known = ", ".join((*FIELDS, *self._defaults))
                raise LedgerError(f"{where}: the rule `{text}` speaks of '{node.id}'; known: {known}", "docs/laws.md")

    @property
    def counts(self) -> frozenset[int]:
        """The step counts that the rule names: whole numbers with which it compares `steps` itself."""
        compared = [[node.left, *node.comparators] for node in ast.walk(self._tree) if isinstance(node, ast.Compare)]
        about = [sides for sides in compared if any(isinstance(side, ast.Name) and side.id == "steps" for side in sides)]
        return frozenset(side.value for sides in about for side in sides if isinstance(side, ast.Constant) and type(side.value) is int)

    def holds(self, case: Case) -> bool:
        """Whether the rule is true of a case."""
        fields = {name: getattr(case, name) for name in FIELDS}
        names = {**self._defaults, **fields, **case.options, **case.composed, "composed": tuple(case.composed)}
        try:
            return bool(self._of(self._tree.body, names))
        except (ZeroDivisionError, TypeError) as error:
            raise LedgerError(
                f"the rule `{self.text}` says nothing of case {case.id}: {error}", "steps > 1 and 999 % (steps - 1)"
            ) from error

    def _of(self, node: ast.AST, names: Mapping[str, Any]) -> Any:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return names[node.id]
        if isinstance(node, ast.Tuple):
            return tuple(self._of(element, names) for element in node.elts)
        if isinstance(node, ast.BoolOp):
            decided = all if isinstance(node.op, ast.And) else any
            return decided(self._of(value, names) for value in node.values)
        if isinstance(node, ast.UnaryOp):
            return not self._of(node.operand, names)
        if isinstance(node, ast.BinOp):
            return OPERATORS[type(node.op)](self._of(node.left, names), self._of(node.right, names))
        assert isinstance(node, ast.Compare)
        values = [self._of(value, names) for value in (node.left, *node.comparators)]
        return all(OPERATORS[type(op)](one, other) for op, (one, other) in zip(node.ops, itertools.pairwise(values), strict=True))
