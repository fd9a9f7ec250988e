"""What the tests of trueto share: the program in a process of its own, and a data root that may be spoiled."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np

from trueto.ledger import Ledger
from trueto.model import Cell, Claim, Judgement, Layer
from trueto.references import library, observe_spec
from trueto.running.client import Outcome
from trueto.running.profiles import profile
from trueto.running.verdict import Runs, judge_cell
from trueto.settings import data_root
from trueto.store import Manifest, read_header, read_tensors, write_tensors

HOSTILE = Path(__file__).parent / "hostile"
BASE = str(HOSTILE / "base.py")


def forget() -> None:
    """Drop everything that was read from the data root, as a new process would."""
    for module in [module for name, module in sys.modules.items() if name.startswith("trueto.")]:
        for cached in [value for value in vars(module).values() if callable(getattr(value, "cache_clear", None))]:
            cached.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == library.PACKAGE]:
        del sys.modules[name]


def trueto(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`trueto ...` as a user runs it."""
    return program("trueto", *arguments, cwd=cwd, **environment)


def program(module: str, *arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m module ...` with this interpreter."""
    command = [sys.executable, "-m", module, *arguments]
    chosen = {**os.environ, "TRUETO_ROOT": str(data_root()), **environment}
    return subprocess.run(command, cwd=cwd, env=chosen, capture_output=True, text=True, check=False, timeout=240)


def in_release(folder: Path, release: str, code: str, *arguments: str) -> Any:
    """What Python code prints as JSON with a release of a candidate's library first on its path; its environment is made under `folder`."""
    home = folder / "environments"
    done = trueto("env", release, cwd=folder, TRUETO_ENVIRONMENTS=str(home))
    assert 0 == done.returncode, done.stderr
    made = [str(path) for path in home.iterdir()]
    found = [sys.executable, "-c", f"import sys\nsys.path[:0] = {made!r}\n{code}", *arguments]
    return json.loads(subprocess.run(found, capture_output=True, text=True, check=True, timeout=240).stdout)


def plugin_option() -> tuple[str, ...]:
    """What pytest needs to find the plugin: nothing where trueto is installed, its module's name else."""
    return () if entry_points(group="pytest11", name="trueto") else ("-p", "trueto.plugin")


def copy_root(target: Path) -> Path:
    """A copy of fixtures/, references/ and suites/ that may be spoiled."""
    for name in ("fixtures", "references", "suites"):
        shutil.copytree(data_root() / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def rewrite_golden(root: Path, name: str, changes: dict[str, str], *, sign: bool = True) -> Path:
    """Change the header of a golden, and with `sign` the manifest too, as somebody with a newer or older trueto would."""
    base, _, algorithm = name.partition("/")
    path = root / "references" / base / "goldens" / f"{algorithm}.safetensors"
    write_tensors(path, read_tensors(path), {**read_header(path), **changes})
    if sign:
        manifest = Manifest(path.parents[1] / "manifest.json")
        manifest.write(path.parent)
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    """The events of a run record, unchecked."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def small(seed: int = 0, shape: tuple[int, ...] = (5, 2, 3)) -> np.ndarray[Any, np.dtype[Any]]:
    """Some float64 numbers of size one."""
    return np.random.default_rng(seed).standard_normal(shape)


def cell(name: str, case: str, layer: Layer, candidate: str = "toy") -> Cell:
    """One cell of a made-up candidate."""
    claim = Claim(name, name, "Toy", "toy docs", "this is it")
    return Cell(candidate, claim, library.reference(name).case(case), layer, "default")


def runs_of_spec(chosen: Cell, **knobs: str) -> Runs:
    """A candidate that does what the spec with these knobs does, in float32 and in its float64 twin."""
    ref = library.reference(chosen.claim.reference)
    lifted = {knob: value for knob, value in knobs.items() if knob not in ref.precision_knobs}

    def outcomes(net: str) -> tuple[Outcome, Outcome]:
        return Outcome(observe_spec(ref, chosen.case, net, knobs).native), Outcome(observe_spec(ref, chosen.case, net, lifted).exact)

    native, twin = outcomes("open" if chosen.layer is Layer.UPDATE else "closed")
    return Runs(native, twin, outcomes("closed")[0])


def judged(chosen: Cell, runs: Runs, ledger: Ledger | None = None) -> Judgement:
    """The verdict on it."""
    ref = library.reference(chosen.claim.reference)
    return judge_cell(chosen, "1.0", ref, profile("default"), runs, ledger or Ledger("", chosen.candidate, ()))
