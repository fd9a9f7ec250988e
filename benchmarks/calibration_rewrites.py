"""Harmless rewrites and seeded faults: what a spec may be turned into, and what it must not be."""

from __future__ import annotations

import ast
import copy
import inspect
import textwrap
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from trueto.references import Reference

__all__ = ["FAULTS", "HARMLESS", "Rewrite", "rewritten", "sites"]


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One way of changing one node of a spec's formula; `change` returns the new node, or None where it does not apply."""

    name: str
    change: Callable[[ast.AST], ast.AST | None]
    everywhere: bool = False


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def _is_call(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name


def _operator(node: ast.AST, *kinds: type[ast.operator]) -> ast.BinOp | None:
    """A sum, product or quotient of numbers; lists are joined by the same signs, and are no arithmetic."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, kinds):
        return None
    return None if any(isinstance(part, ast.List) for part in ast.walk(node)) else node


def _expm1_as_exp(node: ast.AST) -> ast.AST | None:
    """Expm1(a) as exp(a) - 1, in the form that libraries write."""
    if not _is_call(node, "expm1"):
        return None
    call = copy.deepcopy(node)
    call.func.attr = "exp"
    return ast.BinOp(call, ast.Sub(), ast.Constant(1))


def _log_difference(node: ast.AST) -> ast.AST | None:
    """Log a - log b as log(a / b)."""
    found = _operator(node, ast.Sub)
    if found is None or not (_is_call(found.left, "log") and _is_call(found.right, "log")):
        return None
    quotient = ast.BinOp(found.left.args[0], ast.Div(), found.right.args[0])
    return ast.Call(found.left.func, [quotient], [])


def _swap(node: ast.AST) -> ast.AST | None:
    """A sum or a product the other way round: a + (b + c) becomes (c + b) + a."""
    found = _operator(node, ast.Add, ast.Mult)
    return None if found is None else ast.BinOp(found.right, found.op, found.left)


def _reassociate(node: ast.AST) -> ast.AST | None:
    """(a + b) + c as a + (b + c), and the same for products and a quotient of a product."""
    outer = _operator(node, ast.Add, ast.Mult)
    if outer is None:
        return None
    inner = _operator(outer.left, type(outer.op))
    if inner is not None:
        return ast.BinOp(inner.left, outer.op, ast.BinOp(inner.right, outer.op, outer.right))
    inner = _operator(outer.left, ast.Div) if isinstance(outer.op, ast.Mult) else None
    return None if inner is None else ast.BinOp(ast.BinOp(inner.left, ast.Mult(), outer.right), ast.Div(), inner.right)


def _distribute(node: ast.AST) -> ast.AST | None:
    """A * (b - c) as a b - a c."""
    outer = _operator(node, ast.Mult)
    inner = None if outer is None else _operator(outer.right, ast.Add, ast.Sub)
    if outer is None or inner is None:
        return None
    return ast.BinOp(ast.BinOp(outer.left, ast.Mult(), inner.left), inner.op, ast.BinOp(outer.left, ast.Mult(), inner.right))


def _reciprocal(node: ast.AST) -> ast.AST | None:
    """A / b as a * (1 / b)."""
    found = _operator(node, ast.Div)
    return None if found is None else ast.BinOp(found.left, ast.Mult(), ast.BinOp(ast.Constant(1), ast.Div(), found.right))


def _wide(node: ast.AST) -> ast.AST | None:
    """A sum or difference computed in float64 and rounded back (also what a fused multiply-add does)."""
    found = _operator(node, ast.Add, ast.Sub)
    return (
        None if found is None else _call("_in_float64", found.left, found.right, ast.Constant(-1 if isinstance(found.op, ast.Sub) else 1))
    )


def _minus(node: ast.AST) -> ast.AST | None:
    found = _operator(node, ast.Add, ast.Sub)
    return None if found is None else ast.BinOp(found.left, ast.Sub() if isinstance(found.op, ast.Add) else ast.Add(), found.right)


def _scaled(factor: float) -> Callable[[ast.AST], ast.AST | None]:
    def change(node: ast.AST) -> ast.AST | None:
        if _operator(node, ast.Mult, ast.Div) is None:
            return None
        return ast.BinOp(ast.Constant(factor), ast.Mult(), node)

    return change


def _dropped(node: ast.AST) -> ast.AST | None:
    """The second term of a sum left out."""
    found = _operator(node, ast.Add, ast.Sub)
    return None if found is None else found.left


def _shifted(by: int) -> Callable[[ast.AST], ast.AST | None]:
    """sigmas[i + 1] as sigmas[i], and sigmas[i] as sigmas[i - 1]."""

    def change(node: ast.AST) -> ast.AST | None:
        if not isinstance(node, ast.Subscript) or isinstance(node.slice, ast.Slice):
            return None
        name = node.value.id if isinstance(node.value, ast.Name) else getattr(node.value, "attr", "")
        if name not in ("sigmas", "lambdas", "before", "after", "slopes", "answers"):
            return None
        index = ast.BinOp(node.slice, ast.Add() if by > 0 else ast.Sub(), ast.Constant(abs(by)))
        return ast.Subscript(node.value, _call("_within", node.value, index), node.ctx)

    return change


def _integer(node: ast.AST) -> ast.AST | None:
    """A constant of a formula off by one: the order, the divisor."""
    if not isinstance(node, ast.Constant) or type(node.value) is not int or node.value < 2:
        return None
    return ast.Constant(node.value + 1)


HARMLESS = (
    Rewrite("sums and products the other way round", _swap, everywhere=True),
    Rewrite("re-associated", _reassociate, everywhere=True),
    Rewrite("distributed", _distribute, everywhere=True),
    Rewrite("a / b as a (1 / b)", _reciprocal, everywhere=True),
    Rewrite("sums in float64, rounded back", _wide, everywhere=True),
    Rewrite("log a - log b as log(a / b)", _log_difference, everywhere=True),
    Rewrite("expm1 as exp - 1", _expm1_as_exp, everywhere=True),
)
FAULTS = (
    Rewrite("sign", _minus),
    Rewrite("constant x 1.001", _scaled(1.001)),
    Rewrite("constant x 1.01", _scaled(1.01)),
    Rewrite("dropped term", _dropped),
    Rewrite("one step late", _shifted(-1)),
    Rewrite("one step early", _shifted(1)),
    Rewrite("integer constant off by one", _integer),
)


class _Apply(ast.NodeTransformer):
    """Apply a rewrite at one site (by number), or at every one (None); counts the sites."""

    def __init__(self, rewrite: Rewrite, site: int | None) -> None:
        self.rewrite, self.site, self.seen = rewrite, site, 0

    def visit(self, node: ast.AST) -> Any:
        """Children first; the loop's own index arithmetic is left alone."""
        if isinstance(node, ast.Subscript):
            new = self.rewrite.change(node)
            return self._choose(node, new)
        if isinstance(node, (ast.arguments, ast.For)):
            return self._body_only(node)
        node = self.generic_visit(node)
        return self._choose(node, self.rewrite.change(node))

    def _body_only(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.For):
            node.body = [self.visit(statement) for statement in node.body]
        return node

    def _choose(self, node: ast.AST, new: ast.AST | None) -> ast.AST:
        if new is None:
            return node
        self.seen += 1
        return new if self.site is None or self.site == self.seen - 1 else node


def _tree(function: Callable[..., Any]) -> ast.Module:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    tree.body[0].decorator_list = []
    return tree


def _in_float64(left: Any, right: Any, sign: int) -> Any:
    """Left + sign * right, rounded once: in float64, back to the dtype of the operands."""
    import numpy as np

    if not (hasattr(left, "dtype") or hasattr(right, "dtype")):
        return left + sign * right
    dtype = np.result_type(left, right)
    return np.asarray(np.add(left, np.multiply(sign, right, dtype=np.float64), dtype=np.float64)).astype(dtype)[()]


def _within(values: Any, index: int) -> int:
    return max(0, min(len(values) - 1, index))


def _functions(reference: Reference) -> list[Callable[..., Any]]:
    """The sampler and the formulas that it calls, of the spec and of its codebase."""
    found, queue = [], [reference.sample]
    while queue:
        function = queue.pop()
        found.append(function)
        for name in _names(function.__code__):
            called = function.__globals__.get(name)
            if isinstance(called, types.FunctionType) and called not in found + queue and "trueto_references" in called.__module__:
                queue.append(called)
    return [function for function in found if function.__name__ not in ("walks", "mark")]


def _names(code: types.CodeType) -> set[str]:
    inner = [_names(const) for const in code.co_consts if isinstance(const, types.CodeType)]
    return set(code.co_names).union(*inner)


def sites(reference: Reference, rewrite: Rewrite) -> list[tuple[Callable[..., Any], int]]:
    """Where in the spec a rewrite applies: function and number of the place in it."""
    found = []
    for function in _functions(reference):
        apply = _Apply(rewrite, -1)
        apply.visit(_tree(function))
        found += [(function, number) for number in range(apply.seen)]
    return found


def rewritten(reference: Reference, rewrite: Rewrite) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The spec's sampler rewritten: everywhere at once, or place by place."""
    places = sites(reference, rewrite)
    if rewrite.everywhere and places:
        yield rewrite.name, _compiled(reference, rewrite, {function: None for function, _ in places})
    elif not rewrite.everywhere:
        for function, number in places:
            yield f"{rewrite.name}: {function.__name__}, place {number}", _compiled(reference, rewrite, {function: number})


def _compiled(reference: Reference, rewrite: Rewrite, chosen: dict[Callable[..., Any], int | None]) -> Callable[..., Any]:
    space: dict[str, Any] = {"_within": _within, "_in_float64": _in_float64}
    for function in reversed(_functions(reference)):
        space = {**function.__globals__, **space}
    for function in _functions(reference):
        tree = _tree(function)
        if function in chosen:
            tree = _Apply(rewrite, chosen[function]).visit(tree)
        exec(compile(ast.fix_missing_locations(tree), f"<{rewrite.name}>", "exec"), space)  # noqa: S102 - our own spec, rewritten by us
    sample = space[reference.sample.__name__]
    sample.__dict__.update(reference.sample.__dict__)
    return sample
