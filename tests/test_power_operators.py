"""The fault operators: each is seen to change a small function as it says, in this process and never in a file."""

import ast
import sys
import types
from operator import attrgetter, methodcaller

import pytest

from trueto.errors import DataError
from trueto.power import OPERATORS, Fault, Overlay, faults_in
from trueto.power.fault import faulty_tree, spliced

# A function, its argument, and what it returns with each fault of the operator, in the order of the source.
EXAMPLES = {
    "arithmetic": ("def f(a):\n    return a + 3", 5, [2]),
    "sign": ("def f(a):\n    b = a * 2\n    return -b", 5, [10, 10]),
    "off_by_one": ("def f(a):\n    i = 0\n    return [a[i], *a[:2]]", (7, 8, 9), [[8, 7, 8], [7, 7]]),
    "constant": ("def f(a):\n    return a + 2", 1, [4]),
    "comparison": ("def f(a):\n    return a < 5", 5, [True]),
    "dropped_term": ("def f(a):\n    return a + 3", 5, [5, 3]),
    "swapped_argument": ("def f(a):\n    return pow(a, 2)", 5, [32]),
    "dtype": ("def f(a):\n    return a.float64", types.SimpleNamespace(float64=1, float32=2), [2]),
    "default": ("def f(a, b=1):\n    return a + b", 5, [7]),
    "final_step": ("def f(a):\n    return len(a) - 1, a[-1]", (7, 8, 9), [(1, 9), (2, 8)]),
    "state": ("def f(self):\n    self.count += 1\n    return self.count", types.SimpleNamespace(count=4), [4]),
}


def called(source, argument, fault=None):
    """What `f(argument)` of a source returns, with a fault or without."""
    tree = ast.parse(source) if fault is None else faulty_tree(fault, source)
    made = {}
    exec(compile(tree, "f", "exec"), made)  # noqa: S102 - the function under test
    return made["f"](argument)


def test_every_operator_has_an_example():
    """No operator is without an example here."""
    assert set(EXAMPLES) == set(OPERATORS)


@pytest.mark.parametrize("operator", EXAMPLES)
def test_an_operator_changes_what_it_says(operator):
    """Each fault of an operator makes the function return what its description promises, and never what it did."""
    source, argument, expected = EXAMPLES[operator]
    lines = frozenset(range(1, 10))
    faults = [fault for fault in faults_in("m", source, lines) if fault.operator == operator]
    assert expected == [called(source, argument, fault) for fault in faults]
    assert called(source, argument) not in expected
    assert all(fault.what for fault in faults)


def test_only_executed_functions_are_seeded():
    """A function of which no line is executed gets no fault."""
    source = "def f(a):\n    return a + 1\n\n\ndef g(a):\n    return a + 2\n"
    assert {"f"} == {fault.function for fault in faults_in("m", source, frozenset({2}))}


def test_messages_annotations_and_docstrings_are_left_alone():
    """No fault is made where only people would notice it."""
    source = 'def f(a: int = None) -> "int | None":\n    "two"\n    print(1 + 1)\n    raise ValueError(1 + 1)\n'
    assert [] == faults_in("m", source, frozenset({2, 3, 4}))


def test_another_source_is_refused():
    """A fault at a place that the source does not have is an error that says so."""
    with pytest.raises(DataError, match="another version of the library"):
        faulty_tree(Fault("m", "f", "arithmetic", 99), "def f(a):\n    return a + 1\n")


LIBRARY = """
class Base:
    def name(self):
        return "base"

class Made(Base):
    size = 2
    def name(self, mark="."):
        return super().name() + mark
    @property
    def double(self):
        return self.size * 2

def one(a):
    return a + 1
"""


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A module with a file of its own, and another one that has imported from it."""
    path = tmp_path / "lib_seeded.py"
    path.write_text(LIBRARY)
    monkeypatch.syspath_prepend(tmp_path)
    module = __import__("lib_seeded")
    user = types.ModuleType("lib_user")
    user.one = module.one
    monkeypatch.setitem(sys.modules, "lib_user", user)
    yield module, user, path
    del sys.modules["lib_seeded"]


def place(original, mutated):
    """A fault that replaces the first `original` of the library by `mutated`."""
    start = LIBRARY.index(original)
    return spliced("lib_seeded", LIBRARY, start, start + len(original), mutated, "t")


def test_a_fault_is_put_in_place_and_taken_away(library):
    """A faulty function stands wherever the right one was imported to; taken away, everything is as before, and so is the file."""
    module, user, path = library
    before = path.read_bytes()
    overlay = Overlay(place("a + 1", "a - 1"), ("lib_",))
    assert (2, 2) == (module.one(1), user.one(1))
    overlay.put()
    assert (0, 0) == (module.one(1), user.one(1))
    overlay.take()
    assert (2, 2) == (module.one(1), user.one(1))
    assert before == path.read_bytes()


def test_methods_of_objects_that_exist_become_faulty(library):
    """A fault in a method, a property or a default reaches objects that were made before, and super() still works."""
    made = library[0].Made()
    for fault, read, expected in (
        (place("name() + mark", "name() + mark * 2"), methodcaller("name"), "base.."),
        (place('mark="."', 'mark="!"'), methodcaller("name"), "base!"),
        (place("self.size * 2", "self.size * 3"), attrgetter("double"), 6),
        (place("size = 2", "size = 5"), attrgetter("double"), 10),
    ):
        overlay = Overlay(fault, ("lib_",))
        overlay.put()
        assert expected == read(made)
        overlay.take()
    assert ("base.", 4) == (made.name(), made.double)


def test_a_text_fault_knows_the_lines_that_it_concerns():
    """Of a changed stretch of source the function and the lines of its statement are known; of a default, the whole function."""
    line = LIBRARY[: LIBRARY.index("a + 1")].count("\n") + 1
    inside, default = place("a + 1", "a"), place('mark="."', 'mark="!"')
    assert ("one", line, line) == (inside.function, inside.first, inside.last)
    assert ("Made.name", 9, 9) == (default.function, default.first, default.last)
