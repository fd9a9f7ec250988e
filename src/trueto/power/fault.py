"""One seeded fault as data, and all faults that the operators can make in the functions of a source file."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trueto.errors import DataError
from trueto.power.operators import OPERATORS
from trueto.power.rewrites import REWRITES
from trueto.power.rewriting import EVERYWHERE, MIXED, UNBOUND, everywhere

__all__ = ["Fault", "faults_in", "faulty_tree", "functions_in", "rewrites_in", "spliced"]

Function = ast.FunctionDef | ast.AsyncFunctionDef
MIXTURES = 20
# What only speaks to people: a fault there changes a message.
SPEAKS = frozenset({"deprecate", "warn", "warning", "info", "debug", "error", "print"})


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault in the source of `module`: either the `site`-th change of an `operator` in a function, or a `text` for a stretch of source.

    `function` is the qualified name (`Class.method`), `first` to `last` the lines that must be executed for the fault to matter (the
    function's own first line where a default is changed), `what` says what is changed, without the library's own code.
    """

    module: str
    function: str
    operator: str
    site: int = 0
    first: int = 0
    last: int = 0
    what: str = ""
    start: int = 0
    end: int = 0
    text: str | None = None

    @property
    def id(self) -> str:
        """A name that stays the same for the same source."""
        return f"{self.module}:{self.function}:{self.operator}:{self.site}"

    def to_json(self) -> dict[str, Any]:
        """As it travels to a worker."""
        made: dict[str, Any] = {name: getattr(self, name) for name in ("module", "function", "operator", "site", "first", "last", "what")}
        return made if self.text is None else {**made, "start": self.start, "end": self.end, "text": self.text}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fault:
        """The inverse; DataError where it is not a fault."""
        try:
            return cls(**data)
        except TypeError as error:
            raise DataError(f"not a fault: {error}", "docs/worker-protocol.md") from error


def functions_in(tree: ast.Module) -> dict[str, Function]:
    """The functions of a module and the methods of its classes, by qualified name; inner functions belong to their outer one."""
    found: dict[str, Function] = {}
    for node in tree.body:
        if isinstance(node, Function):
            found[node.name] = node
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{inner.name}": inner for inner in node.body if isinstance(inner, Function)}
    return found


def faults_in(module: str, source: str, executed: frozenset[int]) -> list[Fault]:
    """Every fault in the functions of a module of which a line is executed."""
    found: list[Fault] = []
    for name, node in functions_in(ast.parse(source)).items():
        body = range(node.body[0].lineno, (node.end_lineno or node.lineno) + 1)
        if executed.isdisjoint(body):
            continue
        for operator, function in OPERATORS.items():
            if operator == "state" and node.name == "__init__":
                continue  # what is never made cannot be used: each would be a crash
            for site, (what, place, lines) in enumerate(_changes(node, function)):
                del place
                found.append(Fault(module, name, operator, site, *lines, what))
    return found


def rewrites_in(module: str, source: str, executed: frozenset[int]) -> list[Fault]:
    """Every harmless rewrite of a module of which a line is executed: each kind everywhere, within its bound or not, and mixtures."""
    functions = [
        node
        for node in functions_in(ast.parse(source)).values()
        if not executed.isdisjoint(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    ]
    kinds = [name for name in REWRITES if any(_fits(name, function) for function in functions)]
    last = source.count("\n") + 1
    whole = [(name, site) for name in kinds for site in (EVERYWHERE, UNBOUND)]
    whole += [(MIXED, UNBOUND - 1 - number) for number in range(MIXTURES if kinds else 0)]
    return [Fault(module, "", name, site, 1, last, "everywhere") for name, site in whole]


def _fits(name: str, function: Function) -> bool:
    """Whether a rewrite has a place in a function: not where a message alone holds one, as those stay as they are."""
    if not any(REWRITES[name](node) for node in ast.walk(function)):
        return False
    other = copy.deepcopy(function)
    everywhere(name, [other], EVERYWHERE)
    return ast.dump(other) != ast.dump(function)


def _changes(function: Function, operator: Any) -> Iterator[tuple[str, tuple[ast.AST, ast.AST], tuple[int, int]]]:
    """(what, (node, replacement), lines) of every change of an operator in a function, in the order of the source."""
    for node, statement in _nodes(function):
        for what, replacement in operator(node):
            yield what, (node, replacement), _lines(node, statement, function)


def _lines(node: ast.AST, statement: ast.AST, function: Function) -> tuple[int, int]:
    """The lines that must run: those of the statement, of a compound one only its head; of a default, the whole function."""
    if isinstance(node, ast.arguments) or statement is function:
        return function.body[0].lineno, function.end_lineno or function.lineno
    head = statement
    if isinstance(statement, ast.If | ast.While):
        head = statement.test
    elif isinstance(statement, ast.For):
        return statement.lineno, statement.iter.end_lineno or statement.lineno
    elif isinstance(statement, ast.With | ast.Try | ast.FunctionDef | ast.ClassDef):
        return statement.lineno, statement.body[0].lineno
    return head.lineno, head.end_lineno or head.lineno  # type: ignore[attr-defined]


def _nodes(function: Function) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Every node that matters with the statement around it: no decorators, annotations, docstrings, messages."""
    yield function.args, function
    for statement in function.body:
        yield from _inside(statement, statement)


def _inside(node: ast.AST, statement: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    if isinstance(node, ast.Raise | ast.Assert | ast.Import | ast.ImportFrom) or _speaks(node):
        return
    yield node, statement
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _inside(child, child if isinstance(child, ast.stmt) else statement)


def _speaks(node: ast.AST) -> bool:
    """A statement that only tells somebody something, or a docstring."""
    if not isinstance(node, ast.Expr):
        return False
    if isinstance(node.value, ast.Constant):
        return True
    called = node.value.func if isinstance(node.value, ast.Call) else None
    name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
    return name in SPEAKS


class _Replace(ast.NodeTransformer):
    """Puts one node in the place of another, which is known by identity."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> Any:
        """The new node where the old one stands."""
        return ast.copy_location(self.new, node) if node is self.old else self.generic_visit(node)


def faulty_tree(fault: Fault, source: str) -> ast.Module:
    """The module's syntax tree with the fault in it; DataError where the source has no such place."""
    if fault.text is not None:
        return ast.parse(source[: fault.start] + fault.text + source[fault.end :])
    tree = ast.parse(source)
    if fault.site < 0:
        everywhere(fault.operator, functions_in(tree).values(), fault.site)
        return ast.fix_missing_locations(tree)
    function = functions_in(tree).get(fault.function)
    changes = [] if function is None else list(_changes(function, OPERATORS[fault.operator]))
    if fault.site >= len(changes):
        raise DataError(f"{fault.module} has no place {fault.id}: another version of the library?", "trueto power --fresh")
    _, (old, new), _ = changes[fault.site]
    if isinstance(old, ast.arguments):
        assert function is not None
        function.args = new  # type: ignore[assignment]
        return ast.fix_missing_locations(tree)
    return ast.fix_missing_locations(_Replace(old, new).visit(tree))


def spliced(module: str, source: str, start: int, end: int, text: str, name: str) -> Fault:
    """A fault that replaces a stretch of source by `text`, with the function and the lines that it concerns."""
    line = source.count("\n", 0, start) + 1
    last = source.count("\n", 0, end) + 1
    around = [(n, f) for n, f in functions_in(ast.parse(source)).items() if f.lineno <= line <= (f.end_lineno or f.lineno)]
    if not around:
        return Fault(module, "", name, 0, line, last, start=start, end=end, text=text)
    function, node = around[0]
    if line < node.body[0].lineno:  # in its arguments
        first, last = node.body[0].lineno, node.end_lineno or node.lineno
        return Fault(module, function, name, 0, first, last, start=start, end=end, text=text)
    holds = [s for s in ast.walk(node) if isinstance(s, ast.stmt) and s.lineno <= line and last <= (s.end_lineno or s.lineno)]
    inner = max(holds, key=lambda s: (s.lineno, -(s.end_lineno or s.lineno)))
    first, final = _lines(inner, inner, node)
    return Fault(module, function, name, 0, min(first, line), max(final, last), start=start, end=end, text=text)
