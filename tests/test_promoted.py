"""The float64 twin by names: what it promotes, what it notices, what it leaves behind, and when an Interposer takes over."""

import ast
import gc
from pathlib import Path

import pytest

from trueto.fixtures import tape

torch = pytest.importorskip("torch")

from trueto.interpose import Interposer, NoiseSource  # noqa: E402 - they import torch
from trueto.workers.promoted import entry_points, get_ready, low_now, twin_of  # noqa: E402

SHAPE = (1, 2, 2, 2)


@pytest.fixture(autouse=True)
def as_in_a_worker(monkeypatch):
    """Nothing that other tests left behind is looked at, and new tensors are float64."""
    monkeypatch.setattr("trueto.workers.promoted._kept", set())
    gc.collect()
    gc.freeze()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
    gc.unfreeze()


def told_a_dtype(nodes):
    """Public functions of a stub that have a parameter for a dtype."""
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    return {node.name for node in functions if any("dtype" in found.arg for found in node.args.args + node.args.kwonlyargs)}


def test_every_function_of_torch_that_takes_a_dtype_is_an_entry_point():
    """Torch's own stubs list who can be told a dtype; none of them is left out."""
    stubs = Path(torch.__file__).parent / "_C"
    functions = told_a_dtype(ast.parse((stubs / "_VariableFunctions.pyi").read_text()).body)
    classes = [node for node in ast.parse((stubs / "__init__.pyi").read_text()).body if isinstance(node, ast.ClassDef)]
    methods = told_a_dtype(next(node for node in classes if node.name == "TensorBase").body)
    assert len(functions) > 50
    assert len(methods) > 15
    assert not [name for name in functions if hasattr(torch, name) and getattr(torch, name) not in entry_points()]
    assert not [name for name in methods if getattr(torch.Tensor, name) not in entry_points()]


@pytest.mark.parametrize(
    "made",
    [
        "torch.zeros(2, dtype=torch.float32)",
        "torch.ones(2).float()",
        "torch.ones(2).to(torch.float32)",
        "torch.ones(2).to('cpu', torch.float32)",
        "torch.tensor([1.0, 2.0], dtype=torch.float32)",
        "torch.ones(2).sum(dtype=torch.float32)",
        "torch.nn.functional.softmax(torch.ones(2), 0, dtype=torch.float32)",
        "torch.ones(2).new_zeros(2, dtype=torch.float32)",
        "torch.arange(3, dtype=torch.float32) / 2",
    ],
)
def test_float32_asked_for_is_float64_as_under_an_interposer(made):
    """Whoever names float32 in a twin gets float64 and the same values, by names as under the mode that sees every operation."""
    with twin_of(None, ()) as seen:
        named = eval(made, {"torch": torch})  # noqa: S307 - the parameters above
    with Interposer(None, torch.float64):
        sighted = eval(made, {"torch": torch})  # noqa: S307
    assert (torch.float64, "") == (named.dtype, seen.below)
    assert sighted.numpy().tobytes() == named.numpy().tobytes()


@pytest.mark.parametrize(
    ("made", "name"),
    [
        ("torch.ones(2).half().double()", "half"),
        ("torch.ones(2).to(torch.bfloat16).double()", "to"),
        ("torch.from_numpy(numpy.ones(2, numpy.float32)) + torch.ones(2)", "from_numpy"),
        ("torch.ones(2).type('torch.FloatTensor').double()", "type"),
        ("torch.tensor([1j], dtype=torch.complex64).real.double()", "tensor"),
        ("torch.frombuffer(bytearray(8), dtype=torch.float16).double()", "frombuffer"),
    ],
)
def test_what_comes_below_float64_is_named(made, name):
    """A tensor that is read in or cast below float64 makes the twin invalid, though what it ends in is float64."""
    import numpy as np

    with twin_of(None, ()) as seen:
        made = eval(made, {"torch": torch, "numpy": np})  # noqa: S307 - the parameters above
    assert torch.float64 == made.dtype
    assert name == seen.below


def test_tensor_below_float64_that_is_alive_calls_the_interposer():
    """What a library kept in float32 was made before any name could be replaced: every operation is looked at then."""
    kept = torch.full((2,), 1 / 3, dtype=torch.float32)
    with twin_of(None, ()) as seen:
        made = torch.ones(2) * (kept * 3)
    assert torch.float64 == made.dtype
    assert isinstance(seen, Interposer)
    assert "mul" == seen.below


def test_draws_are_promoted_and_replayed():
    """A draw in float32 is served from the tape in float64, in place too."""
    source = NoiseSource(tape(0, SHAPE))
    with twin_of(source, ()) as seen:
        drawn = torch.randn(SHAPE, dtype=torch.float32)
        source.step = 1
        filled = torch.zeros(SHAPE, dtype=torch.float32).normal_()
    recorded = tape(0, SHAPE)
    assert (torch.float64, torch.float64, "") == (drawn.dtype, filled.dtype, seen.below)
    assert recorded.draw(0, 0).astype("float64").tobytes() == drawn.numpy().tobytes()
    assert recorded.draw(1, 0).astype("float64").tobytes() == filled.numpy().tobytes()


def test_names_are_as_before():
    """After a twin, also one that raises, torch's names stand for what they stood for, and no new ones are there."""
    homes = [torch, torch.Tensor, torch.nn.functional, torch.linalg]
    before = [dict(vars(home)) for home in homes]
    with twin_of(None, ()):
        replaced = torch.zeros is not before[0]["zeros"]
    with pytest.raises(ZeroDivisionError), twin_of(None, ()):
        torch.zeros(1 // 0)
    assert replaced
    assert before == [dict(vars(home)) for home in homes]


def test_what_is_low_at_a_later_look_is_remembered_when_it_is_frozen():
    """A library may bring float32 with what one claim imports late: its later twins are looked at operation by operation."""
    kept = torch.zeros(2, dtype=torch.float32)
    get_ready(())
    gc.freeze()
    assert kept.dtype == torch.float32
    with twin_of(None, ()) as seen:
        assert isinstance(seen, Interposer)


def test_what_is_frozen_with_nothing_low_is_not_looked_at_again():
    """Float64 alone needs no Interposer, and what is frozen costs no later run anything."""
    kept = torch.zeros(2)
    get_ready(())
    gc.freeze()
    assert kept.dtype == torch.float64
    with twin_of(None, ()) as seen:
        assert not isinstance(seen, Interposer)


def test_what_nobody_keeps_is_not_kept():
    """While a library is imported the collector rests: a tensor in a cycle that is garbage already says nothing of later runs."""
    gc.disable()
    try:
        cycle = [torch.nn.Parameter(torch.zeros(2, dtype=torch.float32))]
        cycle.append(cycle)
        assert low_now()
        del cycle
        assert low_now()
        get_ready(())
    finally:
        gc.enable()
    with twin_of(None, ()) as seen:
        assert not isinstance(seen, Interposer)
