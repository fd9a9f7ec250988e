"""Harmless rewrites: each is seen to change the last bits of a small function and no more; what cancels digits is left alone."""

import ast
import inspect
import math

import numpy as np
import pytest
import torch

from trueto.distances import measure, same_bits
from trueto.power import EVERYWHERE, MIXED, REWRITES, UNBOUND, Fault, rewrites_in
from trueto.power.fault import faulty_tree
from trueto.workers.arithmetic import kept, widened

# A function for which each rewrite computes something else in float32 than is written.
EXAMPLES = {
    "sums_regrouped": "a + b + c",
    "products_regrouped": "a * b / c",
    "reciprocal": "a / b",
    "distributed": "a * (b + c)",
    "fused": "a * b + c",
    "widened": "(a + b) * c",
    "roots_and_squares": "(a * b).sqrt() ** 2 * c",
    "exponentials": "torch.exp(-a - b)",
    "logarithms": "torch.log(a) - torch.log(10 * c)",
    "tables": "a * torch.linspace(0.1, 0.7, 96) + torch.cumprod(1 - 0.01 * a, dim=0)",
}
NUMBERS = [torch.from_numpy(np.random.default_rng(seed).uniform(0.5, 1.5, 96)).float() for seed in range(3)]


def function(formula, name=None, site=EVERYWHERE):
    """`f(a, b, c)` of a formula, as it stands or rewritten."""
    source = f"def f(a, b, c):\n    return {formula}"
    tree = ast.parse(source) if name is None else faulty_tree(Fault("m", "", name, site), source)
    made = {"torch": torch, "math": math}
    exec(compile(tree, "f", "exec"), made)  # noqa: S102 - the function under test
    return made["f"]


def test_every_rewrite_has_an_example():
    """No rewrite is without an example here."""
    assert set(EXAMPLES) == set(REWRITES)


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name not in ("roots_and_squares", "tables")])
def test_a_rewrite_changes_bits_and_nothing_else(name):
    """The rewritten function gives other bits of the same numbers, to a few units in the last place."""
    right, other = (made(*NUMBERS).numpy() for made in (function(EXAMPLES[name]), function(EXAMPLES[name], name)))
    assert right.dtype == other.dtype
    assert not same_bits(right, other)
    assert measure(other, right)[1] < 12 * np.finfo(np.float32).eps * abs(right).max()


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_rewrite_never_changes_more_than_rounding(name):
    """In whatever mixture with others, the numbers stay the same to a few units in the last place."""
    right = function(EXAMPLES[name])(*NUMBERS).numpy()
    for site in range(UNBOUND - 4, UNBOUND):
        other = function(EXAMPLES[name], MIXED, site)(*NUMBERS).numpy()
        assert measure(other, right)[1] < 40 * np.finfo(np.float32).eps * abs(right).max()


def test_what_cancels_digits_is_left_alone():
    """A difference from a quotient near one stays as it is, where rounding of the quotient is many times its own; unbound, it does not."""
    formula = "c * (1 - a / b)"
    near = [NUMBERS[0], NUMBERS[0] * (1 + 2**-12), NUMBERS[1]]
    right = function(formula)(*near).numpy()
    assert same_bits(right, function(formula, "reciprocal")(*near).numpy())
    assert not same_bits(right, function(formula, "reciprocal", UNBOUND)(*near).numpy())


def test_whole_numbers_and_texts_are_left_alone():
    """What is not rounded has no rounding error to hide behind; texts, lists and shapes are no arithmetic."""
    assert 50.0 == function("a / b + c", "reciprocal")(98, 2, 1.0)
    assert 1000.0 == kept(3, lambda a, b: a / b, lambda a, b: a * (1 / b) * 2, 49000, 49)
    for values in (("a", "b", "c"), ([1], [2], [3]), ((1,), (2,), (3,))):
        assert function("a + b + c")(*values) == function("a + b + c", "sums_regrouped")(*values)


def test_a_table_whose_length_is_named_stays():
    """linspace(a, b, num=n) is computed as it is written: a call of another form than the rewrite knows never raises."""
    for formula in ("torch.linspace(0.1, 0.7, steps=9)", "torch.linspace(0.1, end=0.7, steps=9)"):
        assert same_bits(function(formula)(1, 2, 3).numpy(), function(formula, "tables")(1, 2, 3).numpy())


def test_a_zero_is_never_divided_by():
    """Where the written form is finite and the rewritten one is not, the written one stays."""
    assert 0.0 == function("a * b / c", "products_regrouped")(0.0, 0.5, 1e-320)


def test_rewrites_of_a_source_are_listed():
    """Only kinds that fit somewhere are listed, each within its bound and without, and mixtures of them."""
    found = rewrites_in("m", "def f(a):\n    return a / 3\n", frozenset({2}))
    assert {"reciprocal", MIXED} == {fault.operator for fault in found}
    assert [] == rewrites_in("m", "def f(a):\n    return a\n", frozenset({2}))


def test_what_only_a_message_holds_is_no_rewrite():
    """A message stays as it is, so that nothing is left to put in place."""
    source = "def f(a):\n    if a < 0:\n        raise ValueError(str(a) + str(a) + str(a))\n    return a / 3\n"
    assert {"reciprocal", MIXED} == {fault.operator for fault in rewrites_in("m", source, frozenset({4}))}


def test_every_rewrite_that_is_listed_changes_its_source():
    """Of sources of torch, where each kind has a place somewhere."""
    for module in (torch.functional, torch.nn.functional, torch.nn.init):
        source = inspect.getsource(module)
        right = ast.dump(ast.parse(source))
        listed = [fault for fault in rewrites_in(module.__name__, source, frozenset(range(1, 10_000))) if fault.site == EVERYWHERE]
        assert listed
        assert all(ast.dump(faulty_tree(fault, source)) != right for fault in listed)


def test_a_wider_formula_keeps_the_gradient():
    """Where a gradient is asked for nothing is computed in numbers that carry none; elsewhere the wider formula is taken."""
    learning, still = torch.full((3,), 0.1, requires_grad=True), torch.full((3,), 0.1)
    (made := widened(4, lambda a: (a - 0.3) / 7, learning)).sum().backward()
    assert (True, torch.float32) == (made.requires_grad, made.dtype)
    assert learning.grad is not None
    exactly = (still.double() - 0.3) / 7
    assert bool((widened(4, lambda a: (a - 0.3) / 7, still) == exactly.float()).all())
