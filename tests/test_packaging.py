"""The wheel: `pip install trueto` is enough for a gate, and no wheel is built around other data than the committed."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TRAVELS = ("src", "fixtures", "references", "suites", "pyproject.toml", "hatch_build.py", "README.md", "LICENSE")
pytestmark = pytest.mark.slow


def build(tree: Path, target: str, output: Path) -> subprocess.CompletedProcess[str]:
    """Build as pip would, with the hatchling that is installed."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(output)]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from this tree."""
    output = tmp_path_factory.mktemp("dist")
    built = build(ROOT, "wheel", output)
    assert built.returncode == 0, built.stderr
    return next(output.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A new environment with the wheel; dependencies are borrowed from the running one, trueto itself is not."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(pip, check=True, capture_output=True)
    (packages,) = home.glob("lib/*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home


def run(home: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the installed trueto in `folder`, far from the repository."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "TRUETO_"))}
    command = [str(home / "bin" / "trueto"), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


@pytest.fixture
def copy(tmp_path):
    """A copy of all that goes into a wheel, to be spoiled."""
    for name in TRAVELS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    return tmp_path


def test_every_tensor_of_a_manifest_is_in_the_wheel(wheel):
    """Fixtures and goldens travel although git ignores them; DVC's own files do not."""
    names = set(zipfile.ZipFile(wheel).namelist())
    for manifest in [*ROOT.glob("fixtures/*/manifest.json"), *ROOT.glob("references/*/manifest.json")]:
        folder = "data" if manifest.parent.parent.name == "fixtures" else "goldens"
        for name in json.loads(manifest.read_text()):
            assert f"trueto/_data/{manifest.parent.relative_to(ROOT)}/{folder}/{name}" in names
    assert not [name for name in names if "dvc" in Path(name).name or "__pycache__" in name]
    assert any(name.startswith("trueto/_data/suites/") for name in names)


def test_a_wheel_does_not_tell_where_it_was_built(wheel):
    """No file of the wheel holds a path of the machine that built it or recorded its goldens."""
    archive = zipfile.ZipFile(wheel)
    places = (str(ROOT).encode(), sys.prefix.encode(), b"/root/", b"/home/")
    assert [(name, place) for name in archive.namelist() for place in places if place in archive.read(name)] == []


def test_the_installed_wheel_finds_its_data(installed, tmp_path):
    """Outside of any checkout, references and fixtures come from trueto/_data and are the committed ones."""
    code = "from trueto.settings import data_root; print(data_root()); from trueto.environment import main; main(['--check-data'])"
    python = [str(installed / "bin" / "python"), "-c", code]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "TRUETO_"))}
    seen = subprocess.run(python, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    root = Path(seen.stdout.strip())
    assert root.parts[-3:] == ("site-packages", "trueto", "_data")
    assert root.is_relative_to(installed)
    assert seen.stderr == ""


def test_the_installed_wheel_lists_references(installed, tmp_path):
    """`trueto list` works from the wheel alone."""
    seen = run(installed, tmp_path, "list", "references")
    assert seen.returncode == 0, seen.stderr
    assert "k_diffusion/dpmpp_2m" in seen.stdout


def test_the_installed_wheel_gates(installed, tmp_path):
    """`trueto gate diffusers --quick` judges from the wheel alone, with diffusers' own ledger, and writes its run record."""
    seen = run(installed, tmp_path, "gate", "diffusers", "--quick", "--record", "run.jsonl")
    assert seen.returncode == 0, seen.stdout + seen.stderr
    assert (tmp_path / "run.jsonl").stat().st_size > 0


def test_a_damaged_golden_makes_no_wheel(copy, tmp_path):
    """One flipped bit in a golden stops the build, with the file's name and what to type."""
    golden = next(copy.glob("references/*/goldens/*.safetensors"))
    content = bytearray(golden.read_bytes())
    content[-1] ^= 1
    golden.unlink()
    golden.write_bytes(content)
    seen = build(copy, "wheel", tmp_path / "dist")
    assert seen.returncode != 0
    assert f"{golden.relative_to(copy)} is damaged or foreign" in seen.stderr
    assert "try: " in seen.stderr


def test_a_missing_fixture_makes_no_wheel(copy, tmp_path):
    """Fixtures and goldens that were not pulled stop the build, which names a few of them and then what to type."""
    (copy / "fixtures" / "noise" / "data" / "noise.safetensors").unlink()
    for golden in sorted(copy.glob("references/k_diffusion/goldens/*.safetensors"))[:3]:
        golden.unlink()
    seen = build(copy, "wheel", tmp_path / "dist")
    assert seen.returncode != 0
    assert "fixtures/noise/data/noise.safetensors is missing" in seen.stderr
    assert seen.stderr.rstrip().endswith(" more\nin a clone: make data, then again")


def test_a_source_distribution_can_build_the_wheel(tmp_path):
    """The sdist carries the tensors too, so that a wheel can be built from it."""
    built = build(ROOT, "sdist", tmp_path)
    assert built.returncode == 0, built.stderr
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        names = archive.getnames()
    assert any(name.endswith("fixtures/noise/data/noise.safetensors") for name in names)
    assert any("/goldens/" in name for name in names)
