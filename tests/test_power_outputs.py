"""`trueto power` where named outputs are compared: a network and a switch of it, whose library is a module that faults are seeded into."""

import importlib
import json
import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from support import trueto
from toy_network import CANDIDATE, recorded

from trueto.candidates import load_candidate
from trueto.model import Case, Layer
from trueto.outputs import Outputs
from trueto.power.fault import spliced
from trueto.references import load_golden, reference
from trueto.running.client import Limits, Worker
from trueto.running.configurations import drawn_cases
from trueto.running.plan import covers
from trueto.running.profiles import profile
from trueto.workers import faulty
from trueto.workers.protocol import NETS
from trueto.workers.run import Room

torch = pytest.importorskip("torch")

HEAD, REST = CANDIDATE.split("\n\n\nclass Adapter:")
LIBRARY = (
    HEAD
    + """


def scaled(x):
    return x * 1.5


def halves(x, w, task):
    x = scaled(x)
    if int(task.feature) == 0:
        return x @ w.T
    task.took_effect("half multiplied")
    return x[:, :3] @ w[:, :3].T + x[:, 3:] @ w[:, 3:].T


def unused(x):
    return x + 1.0
"""
)
ADAPTER = f'''"""The adapter of a library that is imported."""

import importlib

from trueto.model import Claim


class Adapter:{REST}'''
ADAPTER = (
    ADAPTER.replace('modules = ("port",)', 'modules = ()\n    computing = ("portlib",)')
    .replace("def load(self):\n        pass", 'def load(self):\n        self.library = importlib.import_module("portlib")')
    .replace("return forward(", "return self.library.forward(")
)
_before, _after = ADAPTER.split("        if task.feature and way")
ADAPTER = _before + '        task.give("out", self.library.halves(x, w, task))\n\n\nADAPTER = Adapter()\n'


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Every fault of both claims, asked about."""
    return measured(tmp_path_factory.mktemp("power"), "toy/net@right", "features/halves@halves", faults=400)


def measured(folder, *claims, faults):
    """The certificate's entries of some claims of the toy library."""
    root, _ = recorded(folder)
    (folder / "portlib.py").write_text(LIBRARY)
    (folder / "port.py").write_text(ADAPTER)
    asked = [part for claim in claims for part in ("--claim", claim)]
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    sizes = ("--faults", str(faults), "--equivalence", "6", "--jobs", "1")
    done = trueto("power", str(folder / "port.py"), *asked, *sizes, cwd=folder, TRUETO_ROOT=str(root), PYTHONPATH=path)
    assert 0 == done.returncode, done.stdout + done.stderr
    return json.loads((folder / "reports/power.json").read_text())["claims"]


def outcomes(entry, function, operator):
    """How the faults of one kind in one function ended."""
    return {fault["outcome"] for fault in entry["faults"] if (fault["function"], fault["operator"]) == (function, operator)}


def test_faults_in_a_network_are_seen(certificate):
    """What moves an output is seen in layer module; a branch that the claim never takes is seeded with nothing that counts."""
    entry = certificate["toy/net@right"]
    assert {"module": entry["seen"]} == entry["by_layer"]
    assert entry["killed"] > 10
    assert {"killed"} == outcomes(entry, "forward", "sign") - {"equivalent", "crash"}
    assert {"forward"} == {fault["function"] for fault in entry["faults"]}


def test_faults_in_a_switch_are_seen(certificate):
    """What moves Y only with the feature on, and what makes the feature do nothing, is seen in layer invariance."""
    entry = certificate["features/halves@halves"]
    assert {"invariance": entry["seen"]} == entry["by_layer"]
    assert "killed" in outcomes(entry, "halves", "dropped_term")
    assert "unjudged" in {fault.get("verdict") for fault in entry["faults"] if fault["operator"] == "comparison"}
    assert 0 == entry["survived"], [fault for fault in entry["faults"] if fault["outcome"] == "survived"]


def test_faults_of_a_switch_are_drawn_where_it_alone_runs(tmp_path, certificate):
    """A few faults of a switch lie in the lines that run only while it is on, of which the certificate says how many there are."""
    entry = measured(tmp_path, "features/halves@halves", faults=5)["features/halves@halves"]
    own = {number for number, line in enumerate(LIBRARY.splitlines(), 1) if "took_effect" in line or "x[:, :3]" in line}
    assert {"halves"} == {fault["function"] for fault in entry["faults"]}
    assert {fault["line"] for fault in entry["faults"]} <= own
    assert 5 == len(entry["faults"]) < entry["own"] < entry["possible"]
    assert "own" not in certificate["toy/net@right"]


def test_what_moves_on_and_off_alike_is_no_fault_of_a_switch(certificate):
    """A switch promises that on is as off, not what either is: a fault in what both pass through changes nothing of that."""
    shared = [fault for fault in certificate["features/halves@halves"]["faults"] if fault["function"] == "scaled"]
    assert {"equivalent"} == {fault["outcome"] for fault in shared} - {"crash"}
    assert all("on against off as before, in float64, on" in fault["note"] for fault in shared if fault["outcome"] == "equivalent")


def test_what_changes_nothing_is_equivalent(certificate):
    """A fault in a way that the claim does not go is compared on other numbers and changes nothing."""
    never = [fault for fault in certificate["toy/net@right"]["faults"] if fault["outcome"] == "equivalent"]
    assert never
    assert all("float64 output on" in fault["note"] or "none of" in fault["note"] for fault in never)


@pytest.mark.slow
def test_every_function_of_diffusers_can_be_run_on_other_numbers():
    """Faults are compared on drawn cases, which have other names and seeds than those of the suites: each claim of outputs runs on one."""
    worker = Worker("diffusers", profile("default"))
    try:
        claims = [claim for claim in load_candidate("diffusers").claims if reference(claim.reference).of_outputs]
        assert len(claims) > 30
        for claim in claims:
            cases = [case for case in reference(claim.reference).cases if covers(claim, case)]
            for case in drawn_cases(claim, cases, len(cases), 0):
                done = worker.run(claim, case, NETS[Layer(case.layers[0])], Limits(), twin=False)
                told = (claim.id, case.id, done.raised, done.died, done.failed)
                assert done.outputs is not None or refused(claim.reference, cases, case), told
    finally:
        worker.close()


def refused(name, cases, drawn):
    """Whether the original refuses the case of which that one was drawn, whatever the numbers."""
    origin = cases[int(drawn.id.partition("-")[2]) % len(cases)]
    return bool(reference(name).codebase.files) and load_golden(name).refusal(origin.id) is not None


def test_draws_are_other_numbers():
    """X of a function that no suite uses are its cases with seeds that no case has, the same every time."""
    claim = next(claim for claim in load_candidate("diffusers").claims if claim.reference == "compvis/unet")
    cases = reference(claim.reference).cases
    drawn = drawn_cases(claim, cases, 500, 0)
    assert drawn == drawn_cases(claim, cases, 500, 0) != drawn_cases(claim, cases, 500, 1)
    assert 50 == len(drawn) == len({case.seed for case in drawn})
    assert not {case.seed for case in drawn} & {case.seed for case in cases}


def test_fewer_are_drawn_where_each_is_a_compilation():
    """Ten of a claim that has no quick case."""
    claim = next(claim for claim in load_candidate("diffusers").claims if claim.reference == "features/compiled_networks")
    cases = [case for case in reference(claim.reference).cases if case.id == "unet"]
    assert not any(case.quick for case in cases)
    assert 10 == len({case.seed for case in drawn_cases(claim, cases, 500, 0)})


PLAIN_NUMPY = """import numpy as np


def third(x, kind=np.float32):
    if x is not None:
        x = np.asarray(x)
    return np.asarray(x / 3, np.float64).astype(kind)
"""


@pytest.mark.parametrize("layer", ["module", "update"])
def test_a_default_of_numpy_stays_what_it_was(tmp_path, monkeypatch, layer):
    """What comes of a faulty function is held against the same without: its float32 by default is none that a twin lifts."""
    (tmp_path / f"numpy_{layer}.py").write_text(PLAIN_NUMPY)
    monkeypatch.syspath_prepend(tmp_path)
    library = importlib.import_module(f"numpy_{layer}")
    monkeypatch.setitem(sys.modules, library.__name__, library)
    adapter = SimpleNamespace(modules=(library.__name__,))
    monkeypatch.setattr(faulty, "_ended", lambda *_: Outputs({"out": library.third(0.7)}))
    request = {"op": "differs", "cases": [Case("drawn", 1, layers=(layer,)).to_json()], "twin": True, "limits": {"seconds": 60}}

    def seeded(old, new):
        monkeypatch.setattr(library, "np", np)
        start = PLAIN_NUMPY.index(old)
        fault = spliced(library.__name__, PLAIN_NUMPY, start, start + len(old), new, "t").to_json()
        try:
            return Room(adapter).run({**request, "fault": fault})[0]["how"], library.np is np
        finally:
            torch.set_default_dtype(torch.float32)

    assert ("", layer == "module") == seeded("is not None", "is None")
    assert ("out", layer == "module") == seeded("x / 3", "x / 4")
