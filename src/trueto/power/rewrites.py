"""Harmless rewrites: a formula of the installed source with its operations in another order, or in a wider precision.

A rewrite looks at one node of a syntax tree, as a fault operator does, and puts a call of trueto.workers.arithmetic in its place, which
computes both forms and takes the new one only where it is within the rounding errors of both; docs/power.md says why that is harmless.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable

from trueto.power.operators import Operator

__all__ = ["FUNCTION", "FUNCTIONS", "PLAIN", "REWRITES", "Parts", "again", "binary", "call_of", "called"]

Rewrite = Callable[[ast.AST], ast.expr | None]

ARITHMETIC = "trueto.workers.arithmetic"
FUNCTIONS = ("exp", "expm1", "log", "sqrt")
FUNCTION = 2  # roundings of an elementary function: it is within one unit in the last place
MOST_OPERATIONS = 8  # of an expression that is computed as a whole in a wider precision
TABLES = {"linspace": 6, "cumprod": 1}  # two sums and a product, twice; of a running product, for each factor
PLAIN = (ast.Add, ast.Sub, ast.Mult, ast.Div)

REWRITES: dict[str, Operator] = {}


def rewrite(function: Rewrite) -> Rewrite:
    """Make a function known as a rewrite by its own name, in the form of a fault operator."""
    name = function.__name__

    def changes(node: ast.AST) -> list[tuple[str, ast.AST]]:
        made = function(node)
        return [] if made is None else [((function.__doc__ or name).partition(":")[0], made)]

    changes.__doc__ = function.__doc__
    REWRITES[name] = changes
    return function


class Parts:
    """The operands of a formula: each becomes a parameter, so that it is computed once, in the order of the source."""

    def __init__(self) -> None:
        self.values: list[ast.expr] = []

    def __call__(self, node: ast.expr) -> ast.expr:
        """The parameter that stands for one more operand."""
        self.values.append(node)
        return ast.Name(f"p{len(self.values) - 1}", ast.Load())

    def function(self, body: ast.expr) -> ast.Lambda:
        """The formula as a function of its operands."""
        names = [ast.arg(f"p{number}") for number in range(len(self.values))]
        return ast.Lambda(ast.arguments([], names, None, [], [], None, []), body)


def called(name: str, roundings: int, functions: list[ast.expr], values: list[ast.expr]) -> ast.Call:
    """`arithmetic.name(roundings, functions..., operands...)`."""
    home = ast.Call(
        ast.Name("__import__", ast.Load()),
        [ast.Constant(ARITHMETIC)],
        [ast.keyword("fromlist", ast.List([ast.Constant(name)], ast.Load()))],
    )
    return ast.Call(ast.Attribute(home, name, ast.Load()), [ast.Constant(roundings), *functions, *values], [])


def _kept(roundings: int, parts: Parts, before: ast.expr, after: ast.expr) -> ast.Call:
    return called("kept", roundings, [parts.function(before), parts.function(after)], parts.values)


def binary(node: ast.AST, *kinds: type[ast.operator]) -> ast.BinOp | None:
    """An operation on what are not plainly texts or lists."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, kinds):
        return None
    texts = (ast.JoinedStr, ast.List, ast.ListComp, ast.Tuple)
    sides = (node.left, node.right)
    plain = not any(isinstance(side, texts) or (isinstance(side, ast.Constant) and isinstance(side.value, str)) for side in sides)
    return node if plain else None


def _nested(node: ast.AST, *kinds: type[ast.operator]) -> tuple[ast.BinOp, ast.BinOp, bool] | None:
    """An operation of which one side, the left first, is another one of the same kinds: (outer, inner, inner is on the left)."""
    outer = binary(node, *kinds)
    for inner, is_left in () if outer is None else ((outer.left, True), (outer.right, False)):
        if (found := binary(inner, *kinds)) is not None and outer is not None:
            return outer, found, is_left
    return None


def _other(first: ast.operator, second: ast.operator, plain: type[ast.operator], inverse: type[ast.operator]) -> ast.operator:
    """The plain operation where both are alike, else its inverse."""
    return plain() if type(first) is type(second) else inverse()


def _regrouped(node: ast.AST, plain: type[ast.operator], inverse: type[ast.operator]) -> ast.expr | None:
    found = _nested(node, plain, inverse)
    if found is None:
        return None
    outer, inner, is_left = found
    parts = Parts()
    a, b, c = (
        (parts(inner.left), parts(inner.right), parts(outer.right))
        if is_left
        else (parts(outer.left), parts(inner.left), parts(inner.right))
    )
    grouped = _other(inner.op, outer.op, plain, inverse)
    if is_left:
        before, after = ast.BinOp(ast.BinOp(a, inner.op, b), outer.op, c), ast.BinOp(a, inner.op, ast.BinOp(b, grouped, c))
    else:
        before, after = ast.BinOp(a, outer.op, ast.BinOp(b, inner.op, c)), ast.BinOp(ast.BinOp(a, outer.op, b), grouped, c)
    return _kept(4, parts, before, after)


@rewrite
def sums_regrouped(node: ast.AST) -> ast.expr | None:
    """Sums in another order: `(a + b) - c` becomes `a + (b - c)`."""
    return _regrouped(node, ast.Add, ast.Sub)


@rewrite
def products_regrouped(node: ast.AST) -> ast.expr | None:
    """Products and quotients in another order: `a * b / c` becomes `a * (b / c)`."""
    return _regrouped(node, ast.Mult, ast.Div)


@rewrite
def reciprocal(node: ast.AST) -> ast.expr | None:
    """A quotient by the reciprocal: `a / b` becomes `a * (1 / b)`."""
    found = binary(node, ast.Div)
    if found is None:
        return None
    parts = Parts()
    a, b = parts(found.left), parts(found.right)
    return _kept(3, parts, ast.BinOp(a, ast.Div(), b), ast.BinOp(a, ast.Mult(), ast.BinOp(ast.Constant(1), ast.Div(), b)))


@rewrite
def distributed(node: ast.AST) -> ast.expr | None:
    """A product of a sum term by term: `a * (b - c)` becomes `a * b - a * c`."""
    outer = binary(node, ast.Mult)
    inner = None if outer is None else binary(outer.right, ast.Add, ast.Sub)
    if outer is None or inner is None:
        return None
    parts = Parts()
    a, b, c = parts(outer.left), parts(inner.left), parts(inner.right)
    after = ast.BinOp(ast.BinOp(a, ast.Mult(), b), inner.op, ast.BinOp(a, ast.Mult(), c))
    return _kept(5, parts, ast.BinOp(a, ast.Mult(), ast.BinOp(b, inner.op, c)), after)


@rewrite
def fused(node: ast.AST) -> ast.expr | None:
    """A fused multiply-add: `a * b + c` with one rounding."""
    outer = binary(node, ast.Add, ast.Sub)
    if outer is None:
        return None
    parts = Parts()
    sides: list[ast.expr] = []
    for side in (outer.left, outer.right):
        product = binary(side, ast.Mult) if not any(isinstance(done, ast.BinOp) for done in sides) else None
        sides.append(parts(side) if product is None else ast.BinOp(parts(product.left), ast.Mult(), parts(product.right)))
    if not any(isinstance(side, ast.BinOp) for side in sides):
        return None
    return called("widened", 3, [parts.function(ast.BinOp(sides[0], outer.op, sides[1]))], parts.values)


@rewrite
def widened(node: ast.AST) -> ast.expr | None:
    """A whole expression in a wider precision: `(a - b) / c` in float64, rounded back once."""
    parts, count = Parts(), itertools.count()

    def inside(part: ast.expr) -> ast.expr:
        found = binary(part, *PLAIN)
        if found is None:
            return parts(part)
        next(count)
        return ast.BinOp(inside(found.left), found.op, inside(found.right))

    if binary(node, *PLAIN) is None:
        return None
    body, operations = inside(node), next(count)  # type: ignore[arg-type]
    return None if not 1 < operations <= MOST_OPERATIONS else called("widened", operations + 1, [parts.function(body)], parts.values)


def call_of(node: ast.AST, *names: str) -> tuple[ast.expr, ast.expr] | None:
    """`f(a)` of a module's function or `a.f()`, for f among the names: (the function, a); of a method the function is the attribute."""
    if not isinstance(node, ast.Call) or node.keywords or not isinstance(node.func, ast.Attribute) or node.func.attr not in names:
        return None
    if len(node.args) == 1:
        return node.func, node.args[0]
    return (node.func, node.func.value) if not node.args else None


def again(function: ast.expr, of: ast.expr, name: str = "", *, method: bool) -> ast.expr:
    """The same function, or one of another name from the same place, of something else."""
    assert isinstance(function, ast.Attribute)
    chosen = name or function.attr
    return (
        ast.Call(ast.Attribute(of, chosen, ast.Load()), [], [])
        if method
        else ast.Call(ast.Attribute(function.value, chosen, ast.Load()), [of], [])
    )


@rewrite
def roots_and_squares(node: ast.AST) -> ast.expr | None:
    """Powers written otherwise: `a ** 2` becomes `a * a`, `sqrt(a)` becomes `a ** 0.5`."""
    parts = Parts()
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and isinstance(node.right, ast.Constant) and node.right.value == 2:
        a = parts(node.left)
        return _kept(3, parts, ast.BinOp(a, ast.Pow(), ast.Constant(2)), ast.BinOp(a, ast.Mult(), a))
    if (found := call_of(node, "sqrt")) is not None:
        a = parts(found[1])
        before = again(found[0], a, method=not node.args)  # type: ignore[attr-defined]
        return _kept(2 * FUNCTION, parts, before, ast.BinOp(a, ast.Pow(), ast.Constant(0.5)))
    return None


@rewrite
def exponentials(node: ast.AST) -> ast.expr | None:
    """An exponential of a difference as a quotient: `exp(a - b)` becomes `exp(a) / exp(b)`, `expm1(a)` becomes `exp(a) - 1`."""
    parts = Parts()
    if (found := call_of(node, "expm1")) is not None:
        a, method = parts(found[1]), not node.args  # type: ignore[attr-defined]
        after = ast.BinOp(again(found[0], a, "exp", method=method), ast.Sub(), ast.Constant(1))
        return _kept(2 * FUNCTION + 1, parts, again(found[0], a, method=method), after)
    found = call_of(node, "exp")
    inner = None if found is None else binary(found[1], ast.Sub)
    if found is None or inner is None:
        return None
    a, b, method = parts(inner.left), parts(inner.right), not node.args  # type: ignore[attr-defined]
    after = ast.BinOp(again(found[0], a, method=method), ast.Div(), again(found[0], b, method=method))
    return _kept(3 * FUNCTION + 2, parts, again(found[0], ast.BinOp(a, ast.Sub(), b), method=method), after)


@rewrite
def logarithms(node: ast.AST) -> ast.expr | None:
    """A difference of logarithms as that of a quotient: `log(a) - log(b)` becomes `log(a / b)`."""
    outer = binary(node, ast.Sub)
    first, second = (None, None) if outer is None else (call_of(outer.left, "log"), call_of(outer.right, "log"))
    if outer is None or first is None or second is None:
        return None
    parts = Parts()
    a, b = parts(first[1]), parts(second[1])
    methods = [not side.args for side in (outer.left, outer.right)]  # type: ignore[attr-defined]
    before = ast.BinOp(again(first[0], a, method=methods[0]), ast.Sub(), again(second[0], b, method=methods[1]))
    return _kept(3 * FUNCTION + 2, parts, before, again(first[0], ast.BinOp(a, ast.Div(), b), method=methods[0]))


@rewrite
def tables(node: ast.AST) -> ast.expr | None:
    """A table as one expression in a wider precision: `linspace(a, b, n)` as `a + (b - a) / (n - 1) * arange(n)`, `cumprod` in one go."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in ("linspace", "cumprod"):
        return None
    whole = ast.Lambda(ast.arguments([], [], None, [], [], None, []), node)
    values = [value for value in node.args if not isinstance(value, ast.Starred)][:3]
    return called(f"as_one_{node.func.attr}", TABLES[node.func.attr], [whole], values) if len(values) == len(node.args[:3]) else None
