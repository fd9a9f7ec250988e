"""Putting a faulty function in the place of the installed one, in this process only; no file is touched."""

from __future__ import annotations
import __future__

import ast
import inspect
import sys
import types
from typing import Any

from trueto.errors import DataError
from trueto.power.fault import Fault, faulty_tree

__all__ = ["Overlay", "source_of"]


def source_of(module: types.ModuleType) -> str:
    """The installed source of a module."""
    try:
        return inspect.getsource(module)
    except (OSError, TypeError) as error:
        raise DataError(f"{module.__name__} has no source to make faults of: {error}", "trueto doctor") from error


class Overlay:
    """One fault, ready to be put in place and taken away again: names in modules and classes that stand for something else.

    Only the top-level statement that holds the fault is compiled and executed, in the namespace of its module. Of a class, what was
    executed anew is only taken where the fault is, so that the class itself, and everything that was made of it, stays the same.
    """

    def __init__(self, fault: Fault, prefixes: tuple[str, ...]) -> None:
        module = sys.modules.get(fault.module)
        if module is None:
            raise DataError(f"module {fault.module} is not imported", "trueto power CANDIDATE")
        source = source_of(module)
        self._old: list[tuple[Any, str, Any]] = []
        self._new: list[tuple[Any, str, Any]] = []
        homes = [found for name, found in list(sys.modules.items()) if name.startswith(prefixes)]
        for before, after in _changed(ast.parse(source), faulty_tree(fault, source)):
            self._plan(module, homes, before, _executed(module, after))
        if not self._new:
            raise DataError(f"{fault.id} changes nothing that can be put in place", "docs/power.md")

    def _plan(self, module: types.ModuleType, homes: list[Any], before: ast.stmt, made: dict[str, Any]) -> None:
        """What has to be set for one changed statement."""
        for name, value in made.items():
            known = vars(module).get(name)
            if isinstance(before, ast.ClassDef) and isinstance(known, type) and isinstance(value, type):
                self._plan_class(known, value, before)
            else:
                places = [(home, key) for home in homes for key, held in vars(home).items() if held is known and known is not None]
                for home, key in places or [(module, name)]:
                    self._set(home, key, value)

    def _plan_class(self, known: type, made: type, before: ast.ClassDef) -> None:
        for name in _names(before):
            if name in vars(made):
                _belongs_to(vars(made)[name], known)
                self._set(known, name, vars(made)[name])

    def _set(self, home: Any, name: str, value: Any) -> None:
        self._old.append((home, name, vars(home).get(name)))
        self._new.append((home, name, value))

    def put(self) -> None:
        """Put the fault in place."""
        for home, name, value in self._new:
            setattr(home, name, value)

    def take(self) -> None:
        """Take it away."""
        for home, name, value in self._old:
            setattr(home, name, value)


def _changed(right: ast.Module, faulty: ast.Module) -> list[tuple[ast.stmt, ast.stmt]]:
    """Top-level statements that differ; of classes only the members that do."""
    if len(right.body) != len(faulty.body):
        raise DataError("a fault that adds or removes whole definitions cannot be put in place", "docs/power.md")
    found: list[tuple[ast.stmt, ast.stmt]] = []
    for before, after in zip(right.body, faulty.body, strict=True):
        if ast.dump(before) == ast.dump(after):
            continue
        if isinstance(before, ast.ClassDef) and isinstance(after, ast.ClassDef):
            members = [new for old, new in zip(before.body, after.body, strict=False) if ast.dump(old) != ast.dump(new)]
            shown = ast.ClassDef(before.name, before.bases, before.keywords, members, before.decorator_list)
            found.append((ast.copy_location(shown, before), after))
        else:
            found.append((before, after))
    return found


def _executed(module: types.ModuleType, statement: ast.stmt) -> dict[str, Any]:
    """What a statement defines when it is executed in its module's namespace."""
    tree = ast.fix_missing_locations(ast.Module([statement], []))
    made: dict[str, Any] = {}
    postponed = vars(module).get("annotations") is __future__.annotations  # the module's own `from __future__ import annotations`
    flags = __future__.annotations.compiler_flag if postponed else 0
    exec(compile(tree, str(module.__file__), "exec", flags, dont_inherit=True), vars(module), made)  # noqa: S102 - this is what a seeded fault is
    return made


def _names(node: ast.ClassDef) -> list[str]:
    """The names that the members of a class define."""
    found: list[str] = []
    for member in node.body:
        if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.append(member.name)
        elif isinstance(member, ast.Assign | ast.AnnAssign):
            targets = member.targets if isinstance(member, ast.Assign) else [member.target]
            found += [target.id for target in targets if isinstance(target, ast.Name)]
    return found


def _belongs_to(value: Any, owner: type) -> None:
    """Let `super()` in a method that was made in another class mean the class that it is put into."""
    functions = [value, *(getattr(value, name, None) for name in ("fget", "fset", "__func__"))]
    while functions:
        function = functions.pop()
        if function is None:
            continue
        functions.append(getattr(function, "__wrapped__", None))
        code = getattr(function, "__code__", None)
        if code is not None and "__class__" in code.co_freevars:
            function.__closure__[code.co_freevars.index("__class__")].cell_contents = owner
