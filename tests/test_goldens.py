"""Goldens that cannot be trusted are never used: each error names the file and what to type."""

import re
from pathlib import Path

import numpy as np
import pytest
import support
from support import cell, judged, runs_of_spec

from trueto.errors import DataError
from trueto.model import Layer, Verdict
from trueto.references import codebase, load_golden, reference, reference_names
from trueto.settings import data_root

SOURCE = Path(support.__file__).parents[1] / "src"
NAME = "k_diffusion/euler"
RECORDED = [name for name in reference_names() if reference(name).nets]
PROVENANCE = (
    "schema", "recorder", "codebase", "repository", "commit", "source", "reference", "fixture", "dtypes", "device", "cpu",
    "threads",     "python", "torch", "numpy",
)  # fmt: skip


def refused(name=NAME):
    """The error that reading it raises: what it says, and what it tells to type."""
    with pytest.raises(DataError) as caught:
        load_golden(name)
    assert 2 == caught.value.exit_code
    return caught.value.message, caught.value.hint


def path_of(root, name=NAME):
    """The golden file of a reference."""
    base, _, algorithm = name.partition("/")
    return root / "references" / base / "goldens" / f"{algorithm}.safetensors"


@pytest.mark.parametrize("name", RECORDED)
def test_goldens_can_be_read_and_say_where_they_come_from(name):
    """Every reference has goldens, and their header has the whole provenance, as flat strings."""
    golden = load_golden(name)
    assert [] == [key for key in PROVENANCE if not golden.header.get(key)]
    assert codebase(name.partition("/")[0]).commit == golden.header["commit"]
    ref = reference(name)
    assert [] == [case.id for case in ref.cases if not all(golden.has(case.id, net, "float32") for net in ref.nets)]


@pytest.mark.parametrize("name", RECORDED)
def test_no_golden_without_a_case(name):
    """No golden is left over from a case that is no longer there."""
    known = {case.id for case in reference(name).cases}
    stored = {key.split("/", 1)[0] for key in load_golden(name).tensors}
    assert set() == stored - known


def test_goldens_fit_the_budget():
    """All goldens together stay below 50 MB, those of the two first codebases below 15 MB, and no one file is above 2 MB."""
    sizes = {path: path.stat().st_size for path in (data_root() / "references").glob("*/goldens/*")}
    assert sum(sizes.values()) < 50e6
    assert sum(size for path, size in sizes.items() if path.parts[-3] in ("compvis", "k_diffusion")) < 15e6
    assert max(sizes.values()) < 2e6


def test_missing(root):
    """A golden that is not there: the error names it, and how to get it."""
    path = path_of(root)
    path.unlink()
    assert (f"{path} is missing", "dvc pull") == refused()


def test_truncated(root):
    """A golden that was cut off is damaged."""
    path = path_of(root)
    path.write_bytes(path.read_bytes()[:-100])
    message, hint = refused()
    assert f"{path} is damaged or foreign" in message
    assert f"rm {path} && dvc pull" == hint


def test_one_bit_flipped(root):
    """One wrong bit anywhere is enough."""
    path = path_of(root)
    payload = bytearray(path.read_bytes())
    payload[-1000] ^= 1
    path.write_bytes(payload)
    assert f"{path} is damaged or foreign" in refused()[0]


def test_truncated_and_signed(root):
    """A cut-off file that found its way into the manifest is still refused."""
    path = support.rewrite_golden(root, NAME, {})
    path.write_bytes(path.read_bytes()[:1000])
    support.Manifest(path.parents[1] / "manifest.json").write(path.parent)
    assert f"{path} cannot be read" in refused()[0]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("schema", "2", "its schema version is 2, this trueto needs 1"),
        ("fixture", "0" * 64, "its fixture (X) is 000000000000…, this trueto needs"),
        ("commit", "f" * 40, "its commit of the original is ffffffffffff…, this trueto needs 4601bf085320…"),
        ("reference", "k_diffusion/heun", "its reference is k_diffusion/heun, this trueto needs k_diffusion/euler"),
    ],
)
def test_foreign(root, key, value, words):
    """A golden of another schema, of another X, of another commit or of another reference is refused, although its bytes are intact."""
    path = support.rewrite_golden(root, NAME, {key: value})
    message, hint = refused()
    assert f"{path}: {words}" in message
    assert "trueto record k_diffusion --source DIR" == hint


def test_not_in_the_manifest(root):
    """A golden that nobody signed is refused."""
    (root / "references/k_diffusion/manifest.json").write_text("{}")
    assert "euler.safetensors is not in " in refused()[0]


@pytest.mark.parametrize("text", ["not JSON", "[1]", "7"])
def test_manifest_that_is_none(root, text):
    """A manifest that cannot be read says so, with the command that restores it."""
    path = root / "references/k_diffusion/manifest.json"
    path.write_text(text)
    message, hint = refused()
    assert f"{path} is not a manifest" in message
    assert f"git checkout -- {path}" == hint


def test_other_fixture_makes_every_golden_foreign(root):
    """Another X makes all goldens unusable, since they are the Y of the old one."""
    path = root / "fixtures/noise/fixture.toml"
    path.write_text(path.read_text().replace("definition = 1", "definition = 2"))
    assert "its fixture (X) is" in refused()[0]


def test_damaged_fixture(root):
    """A damaged fixture is refused like a golden."""
    path = root / "fixtures/noise/data/noise.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    assert f"{path} is damaged or foreign" in refused()[0]


def test_cell_without_its_golden_is_unjudged(root):
    """Where the golden cannot be used the verdict is 'unjudged', never green, and says what to type."""
    chosen = cell(NAME, "model-2", Layer.TRAJECTORY)
    runs = runs_of_spec(chosen)
    path_of(root).unlink()
    seen = judged(chosen, runs)
    assert (Verdict.UNJUDGED, "data") == (seen.verdict, seen.cause)
    assert "is missing" in seen.reason
    assert "dvc pull" in seen.reason


def test_case_that_was_not_recorded_is_unjudged(root):
    """A case without golden is unjudged and names the command that records it."""
    file = root / "references/k_diffusion/euler.py"
    file.write_text(file.read_text().replace("CASES = (", "CASES = (STANDARD[0].__class__('new-5', 5), ", 1))
    support.forget()
    chosen = cell(NAME, "new-5", Layer.TRAJECTORY)
    seen = judged(chosen, runs_of_spec(chosen))
    assert Verdict.UNJUDGED == seen.verdict
    assert "no golden for k_diffusion/euler case new-5" in seen.reason


def test_no_pickle_anywhere():
    """Nothing in trueto reads or writes pickles."""
    forbidden = re.compile(
        r"\b(import pickle|from pickle|torch\.load|torch\.save|np\.load|numpy\.load|joblib|cloudpickle|marshal|shelve)\b"
    )
    files = [
        *SOURCE.rglob("*.py"),
        *(data_root() / "references").rglob("*.py"),
        *(data_root() / "fixtures").rglob("*.py"),
        *(data_root() / "suites").rglob("*.py"),
    ]
    assert len(files) > 60
    assert [] == [str(path) for path in files if forbidden.search(path.read_text())]


def test_goldens_are_read_as_they_are_looked_at():
    """Each tensor lies in the mapped file, and outputs in another precision are made one at a time: no set need fit into memory."""
    golden = load_golden("compvis/unet")
    for value in golden.tensors.values():
        assert isinstance(mapped(value), np.memmap)
    case = next(case.id for case in reference("compvis/unet").cases)
    native, exact = (golden.values(case, dtype) for dtype in ("float32", "float64"))
    assert list(native) == list(exact)
    name = next(iter(native))
    assert {"float32", "float64"} == {native[name].dtype.name, exact[name].dtype.name}
    assert isinstance(mapped(native[name]), np.memmap)


def mapped(value):
    """What an array is a view of, in the end."""
    while value.base is not None and not isinstance(value, np.memmap):
        value = value.base
    return value
