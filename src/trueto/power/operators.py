"""The fault operators: each looks at one node of a syntax tree and says by which nodes it could wrongly be replaced.

An operator is a function `node -> [(what it does, replacement)]`; its docstring begins with an example. A new one is one more function
in this file, marked with `@operator`. Replacements are new nodes: the tree that is looked at is never changed.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from typing import Any

__all__ = ["OPERATORS", "Change", "Operator"]

Change = tuple[str, ast.AST]
Operator = Callable[[ast.AST], list[Change]]

OPERATORS: dict[str, Operator] = {}

ONE_PERCENT = 1.01  # of a constant: far above any rounding, far below what a reader of a picture would see at once
SWAPPED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Pow: ast.Mult,
    ast.Mod: ast.FloorDiv,
}
NEIGHBOUR: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
DTYPES = {"float64": "float32", "double": "float", "float32": "float16", "float": "half", "int64": "int16", "long": "short"}
SIGNED = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)


def operator(function: Operator) -> Operator:
    """Make a function known as an operator by its own name."""
    OPERATORS[function.__name__] = function
    return function


def _with(node: Any, **fields: Any) -> Any:
    """A copy of a node in which some fields are others."""
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _numeric(node: ast.AST) -> bool:
    """A binary operation on what are not plainly texts or types (as in `int | None`)."""
    return isinstance(node, ast.BinOp) and not isinstance(node.op, ast.BitOr) and not (_is_text(node.left) or _is_text(node.right))


def _whole(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int


@operator
def arithmetic(node: ast.AST) -> list[Change]:
    """`a + b` becomes `a - b`: another arithmetic operation."""
    if not isinstance(node, ast.BinOp) or not _numeric(node) or type(node.op) not in SWAPPED:
        return []
    other = SWAPPED[type(node.op)]
    return [(f"{type(node.op).__name__} becomes {other.__name__}", _with(node, op=other()))]


@operator
def sign(node: ast.AST) -> list[Change]:
    """`x = a * b` becomes `x = -(a * b)`, and `-a` becomes `a`: the other sign."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
        return [("a minus is dropped", node.operand)]
    if isinstance(node, ast.Assign | ast.AugAssign | ast.Return):
        value = node.value
        if isinstance(value, ast.BinOp) and _numeric(value) and isinstance(value.op, SIGNED):
            return [("the sign of the value is flipped", _with(node, value=ast.UnaryOp(ast.USub(), value)))]
    return []


@operator
def off_by_one(node: ast.AST) -> list[Change]:
    """`a[i]` becomes `a[i + 1]`, `a[:n]` becomes `a[:n - 1]`: one place too far or too short."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and isinstance(node.slice, ast.Name | ast.Attribute | ast.BinOp):
        return [("the index is one higher", _with(node, slice=ast.BinOp(node.slice, ast.Add(), ast.Constant(1))))]
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and isinstance(node.slice, ast.Slice):
        ends = [name for name in ("lower", "upper") if getattr(node.slice, name) is not None]
        return [
            (
                f"the {name} end of a slice is one lower",
                _with(node, slice=_with(node.slice, **{name: _less_one(getattr(node.slice, name))})),
            )
            for name in ends
        ]
    return []


def _less_one(node: ast.expr) -> ast.expr:
    return ast.BinOp(node, ast.Sub(), ast.Constant(1))


@operator
def constant(node: ast.AST) -> list[Change]:
    """`0.5` becomes `0.505` and `2` becomes `3`: another number."""
    if isinstance(node, ast.Constant) and type(node.value) is float:
        value = node.value * ONE_PERCENT if node.value else ONE_PERCENT - 1
        return [("a number is one percent larger", ast.Constant(value))]
    return [("a whole number is one larger", ast.Constant(node.value + 1))] if isinstance(node, ast.Constant) and _whole(node) else []  # type: ignore[operator]


@operator
def comparison(node: ast.AST) -> list[Change]:
    """`a < b` becomes `a <= b`, `a and b` becomes `a or b`, `if a:` becomes `if not a:`: another decision."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        other = NEIGHBOUR[type(node.ops[0])]
        return [(f"{type(node.ops[0]).__name__} becomes {other.__name__}", _with(node, ops=[other()]))]
    if isinstance(node, ast.BoolOp):
        other_way = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        return [("and becomes or" if isinstance(node.op, ast.And) else "or becomes and", _with(node, op=other_way))]
    if isinstance(node, ast.If | ast.IfExp) and isinstance(node.test, ast.Name | ast.Attribute):
        return [("the condition is turned round", _with(node, test=ast.UnaryOp(ast.Not(), node.test)))]
    return []


@operator
def dropped_term(node: ast.AST) -> list[Change]:
    """`a + b` becomes `a` and `a * b` becomes `a`: a term or a factor is forgotten."""
    if not isinstance(node, ast.BinOp) or not _numeric(node) or not isinstance(node.op, SIGNED):
        return []
    found: list[Change] = [("the right side is dropped", node.left)]
    if isinstance(node.op, ast.Add | ast.Mult):
        found.append(("the left side is dropped", node.right))
    return found


@operator
def swapped_argument(node: ast.AST) -> list[Change]:
    """`f(a, b)` becomes `f(b, a)`: two neighbouring arguments are exchanged."""
    if not isinstance(node, ast.Call) or any(isinstance(arg, ast.Starred) for arg in node.args):
        return []
    found: list[Change] = []
    for index in range(len(node.args) - 1):
        first, second = node.args[index : index + 2]
        if not _is_text(first) and not _is_text(second) and ast.dump(first) != ast.dump(second):
            args = [*node.args[:index], second, first, *node.args[index + 2 :]]
            found.append((f"arguments {index + 1} and {index + 2} are exchanged", _with(node, args=args)))
    return found


@operator
def dtype(node: ast.AST) -> list[Change]:
    """`torch.float64` becomes `torch.float32`, `.float()` becomes `.half()`: less precision."""
    if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Load) or node.attr not in DTYPES:
        return []
    return [(f"{node.attr} becomes {DTYPES[node.attr]}", _with(node, attr=DTYPES[node.attr]))]


@operator
def default(node: ast.AST) -> list[Change]:
    """`def f(a=1.0)` becomes `def f(a=1.01)`: another default of an argument."""
    if not isinstance(node, ast.arguments):
        return []
    found: list[Change] = []
    for kind in ("defaults", "kw_defaults"):
        values = getattr(node, kind)
        for index, value in enumerate(values):
            if (other := _other_value(value)) is not None:
                found.append((f"default {index + 1} is another", _with(node, **{kind: [*values[:index], other, *values[index + 1 :]]})))
    return found


def _other_value(node: ast.AST | None) -> ast.Constant | None:
    if not isinstance(node, ast.Constant):
        return None
    if isinstance(node.value, bool):
        return ast.Constant(not node.value)
    if isinstance(node.value, int):
        return ast.Constant(node.value + 1)
    return ast.Constant(node.value * ONE_PERCENT or ONE_PERCENT - 1) if isinstance(node.value, float) else None


@operator
def final_step(node: ast.AST) -> list[Change]:
    """`len(a) - 1` becomes `len(a) - 2`, `a[-1]` becomes `a[-2]`: the end is taken one earlier."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and _whole(node.right):
        left = node.left
        if isinstance(left, ast.Call) and isinstance(left.func, ast.Name) and left.func.id == "len":
            return [("the end is one earlier", _with(node, right=ast.Constant(node.right.value + 1)))]  # type: ignore[attr-defined]
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and ast.dump(node.slice) == LAST:
        return [("the last but one is taken", _with(node, slice=ast.UnaryOp(ast.USub(), ast.Constant(2))))]
    return []


LAST = ast.dump(ast.UnaryOp(ast.USub(), ast.Constant(1)))


@operator
def state(node: ast.AST) -> list[Change]:
    """`self.count += 1` becomes nothing: what the next step would remember is not kept."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
    kept = [target.value if isinstance(target, ast.Subscript) else target for target in targets]
    if any(isinstance(t, ast.Attribute) and isinstance(t.value, ast.Name) and t.value.id == "self" for t in kept):
        return [("what it keeps is not kept", ast.Pass())]
    return []
