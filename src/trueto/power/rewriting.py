"""Making harmless rewrites in whole functions: one kind wherever it fits, or a mixture, with a bound on each formula as a whole."""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Iterable
from typing import Any

from trueto.power.rewrites import FUNCTION, FUNCTIONS, PLAIN, REWRITES, Parts, again, binary, call_of, called

__all__ = ["EVERYWHERE", "MIXED", "NUDGED", "UNBOUND", "everywhere"]

EVERYWHERE = -1  # the site of a rewrite that is made wherever it fits
UNBOUND = -2  # the same without looking at what it does to the rounding: some of these cancel digits
MIXED = "mixed"  # at every place another one of those that fit; its site is -3 and below, one for each mixture
NUDGED = "nudged start"  # no rewrite of the source: the start latents in their last bit


class _Everywhere(ast.NodeTransformer):
    """Makes a rewrite wherever it fits in the formulas of a function, with a `mixture` another one of all at each place.

    A formula is as much as is computed before a value is kept: sums, products, quotients, powers, and elementary functions of them. The
    bound is on the whole of it, so that digits which a rewrite loses are not multiplied within.
    """

    def __init__(self, name: str, mixture: int, *, bound: bool) -> None:
        self.changes, self.bound = [REWRITES[name]] if name != MIXED else list(REWRITES.values()), bound
        self.chance = random.Random(mixture)  # noqa: S311 - seeded, not secret
        self.made = 0

    def visit(self, node: ast.AST) -> Any:
        """The rewritten node; messages, annotations and indices stay."""
        if isinstance(node, ast.Raise | ast.Assert | ast.JoinedStr):
            return node
        if isinstance(node, ast.Subscript):
            node.value = self.visit(node.value)
            return node
        if not _is_formula(node):
            made = [found for change in self.changes for found in change(node)]
            return self._bounded(self.chance.choice(made)[1]) if made else self.generic_visit(node)
        parts, self.made = Parts(), 0
        before = _formula(node, parts)  # type: ignore[arg-type]
        after, roundings = self.inside(copy.deepcopy(before)), _roundings(before)
        made = self.made
        values = [self.visit(value) for value in parts.values]
        if not made:
            return ast.copy_location(_filled(before, values), node)
        bound = 2 * roundings + 2 * made if self.bound else -1  # no rewrite has more than two roundings beyond those of its original
        return ast.copy_location(called("kept", bound, [parts.function(before), parts.function(after)], values), node)

    def inside(self, node: ast.AST) -> Any:
        """A formula of parameters with its places rewritten, outermost first."""
        made = [found for change in self.changes for found in change(node)]
        if not made:
            for name, value in ast.iter_fields(node):
                if isinstance(value, ast.expr):
                    setattr(node, name, self.inside(value))
                elif isinstance(value, list):
                    setattr(node, name, [self.inside(part) if isinstance(part, ast.expr) else part for part in value])
            return node
        self.made += 1
        call = self.chance.choice(made)[1]
        assert isinstance(call, ast.Call)
        call.args = [value if isinstance(value, ast.Lambda | ast.Constant) else self.inside(value) for value in call.args]
        return self._bounded(call)

    def _bounded(self, call: Any) -> Any:
        if not self.bound:
            call.args[0] = ast.Constant(-1)
        return call


def _is_formula(node: ast.AST) -> bool:
    return binary(node, *PLAIN, ast.Pow) is not None or call_of(node, *FUNCTIONS) is not None


def _formula(node: ast.expr, parts: Parts) -> ast.expr:
    """A formula with parameters in the place of everything that is not arithmetic."""
    if (found := binary(node, *PLAIN, ast.Pow)) is not None:
        return ast.BinOp(_formula(found.left, parts), found.op, _formula(found.right, parts))
    if (call := call_of(node, *FUNCTIONS)) is not None:
        return again(call[0], _formula(call[1], parts), method=not node.args)  # type: ignore[attr-defined]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return ast.UnaryOp(ast.USub(), _formula(node.operand, parts))
    return node if isinstance(node, ast.Constant) else parts(node)


def _roundings(formula: ast.expr) -> int:
    """How often a formula rounds: once for an operation, twice for a function."""
    return sum(1 if isinstance(part, ast.BinOp) else FUNCTION * isinstance(part, ast.Call) for part in ast.walk(formula))


def _filled(node: ast.expr, values: list[ast.expr]) -> ast.expr:
    """A formula with its operands back in the place of parameters."""
    if isinstance(node, ast.Name) and node.id[0] == "p" and node.id[1:].isdigit():
        return values[int(node.id[1:])]
    for name, value in ast.iter_fields(node):
        if isinstance(value, ast.expr):
            setattr(node, name, _filled(value, values))
        elif isinstance(value, list):
            setattr(node, name, [_filled(part, values) if isinstance(part, ast.expr) else part for part in value])
    return node


def everywhere(name: str, bodies: Iterable[ast.FunctionDef | ast.AsyncFunctionDef], site: int) -> None:
    """Make a rewrite in whole functions, in place; with site UNBOUND also where it moves a value by more than rounding."""
    transformer = _Everywhere(name, site, bound=site != UNBOUND)
    for function in bodies:
        function.body = [transformer.visit(statement) for statement in function.body]
