"""The count of false alarms: none in a small sample of diffusers, and a rewrite that is a fault is counted as one."""

import importlib.util
import json
import random
import re
import sys
from pathlib import Path

import pytest

from trueto.ledger import Ledger
from trueto.power import Fault
from trueto.running.alarms import judged_rewrites, summary
from trueto.running.client import Worker
from trueto.running.profiles import profile
from trueto.running.seeded import Checks
from trueto.workers.protocol import claim_from_json

HERE = Path(__file__).parent
BENCHMARK = HERE.parent / "benchmarks" / "false_alarms.py"


@pytest.fixture(scope="module")
def benchmark():
    """benchmarks/false_alarms.py as a module."""
    found = importlib.util.spec_from_file_location("false_alarms", BENCHMARK)
    module = importlib.util.module_from_spec(found)
    sys.modules["false_alarms"] = module
    found.loader.exec_module(module)
    return module


@pytest.fixture
def checks():
    """The checks of the ported Euler's one claim, ready for rewrites."""
    worker = Worker(str(HERE / "ported" / "port.py"), profile("default"))
    claim = claim_from_json(worker.describe()["claims"][0])
    found = Checks(worker, "port", "1.0", claim, Ledger("", "port", ()), 0, 0, rewrites=True)
    found.open()
    yield found
    worker.close()


def test_harmless_rewrites_of_a_port_raise_no_alarm(checks):
    """Cells whose bits changed are judged like the port itself, and none gets worse."""
    found = summary(list(judged_rewrites(checks, 30, random.Random(0))))
    assert 30 <= found["cells"]
    assert (0, []) == (found["alarms"], found["list"])
    assert {"nudged start", "mixed"} <= set(found["by_kind"])


def test_a_rewrite_that_is_a_fault_is_an_alarm(checks):
    """The count can fail: with a seeded fault in the place of a rewrite, verdicts get worse, and its other float64 result is told apart."""
    line = (HERE / "ported" / "ported_euler.py").read_text()
    start = line.index("x + slope")
    fault = Fault("ported_euler", "euler_step", "t", -1, 1, 99, "", start, start + 9, "x - slope")
    checks.possible = [fault]
    cells = [cell for cell in judged_rewrites(checks, 200, random.Random(0)) if cell.kind == "t"]
    assert cells
    assert all(cell.worse for cell in cells)
    assert {"states", "told"} & {cell.computes for cell in cells}


@pytest.mark.slow
def test_the_benchmark_finds_none_in_a_sample_of_diffusers(benchmark, tmp_path):
    """Its one command writes the counts and the section; a second run goes on from there, and replaces the section."""
    output, results = tmp_path / "found.json", tmp_path / "RESULTS.md"
    asked = ["--claim", "k_diffusion/euler", "--cells", "60", "--profile", "threads-2", "--output", str(output), "--results", str(results)]
    first, found = benchmark.main(asked), benchmark.main(asked)
    assert first == found, "what the file has is not judged again, and counted once"
    assert 0 == found["alarms"], found["list"]
    assert 60 <= found["cells"] == json.loads(output.read_text())["cells"]
    assert re.search(r"\| profile threads-2 \| \d+ \| 0 \|", results.read_text()), "a profile that changes no bit is said to have no cells"
    assert 1 == results.read_text().count("# False alarms")
    assert f"**0 false alarms in {found['cells']:,} cells**" in results.read_text()
