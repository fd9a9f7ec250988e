"""Releases of a small library as wheels in a folder, which pip installs from as from an index, without a network."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

TOY = Path(__file__).parent / "released" / "toy.py"
STEP = "def Euler(x, denoised, sigma, sigma_next):\n    return x + (x - denoised) / sigma * (sigma_next - sigma){extra}\n"
NEEDS_HELPER = "import trueto_toy_helper\n"
HIDDEN = "import importlib.util\nassert importlib.util.find_spec('einops') is None, 'einops is there'\n"
SOURCES = {
    "1.0": NEEDS_HELPER + HIDDEN + STEP.format(extra=""),
    "1.1": NEEDS_HELPER + HIDDEN + STEP.format(extra=""),
    "1.2": NEEDS_HELPER + HIDDEN + "SMOOTH = True\n" + STEP.format(extra=" * 1.05"),
    "1.3": NEEDS_HELPER + HIDDEN + "SMOOTH = True\n" + STEP.format(extra=" * 1.05"),
    "2.0": "SMOOTH = True\n" + STEP.format(extra="") + "Heun = Euler\n",
    "2.1": "raise RuntimeError('this release does not start')\n",
}


def wheel(folder: Path, name: str, version: str, source: str) -> Path:
    """A wheel of one module."""
    module = name.replace("-", "_")
    path, info = folder / f"{module}-{version}-py3-none-any.whl", f"{module}-{version}.dist-info"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{module}/__init__.py", source)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: trueto\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def shelf(folder: Path) -> Path:
    """A folder with all releases of trueto-toy, and with what they need."""
    for version, source in SOURCES.items():
        wheel(folder, "trueto-toy", version, source)
    wheel(folder, "trueto-toy-helper", "1.0", "")
    return folder


BACKEND = """import zipfile


def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "trueto_toy-1.2.dev0"
    with zipfile.ZipFile(f"{folder}/{name}-py3-none-any.whl", "w") as archive:
        archive.write("trueto_toy/__init__.py")
        archive.writestr(f"{name}.dist-info/METADATA", "Metadata-Version: 2.1\\nName: trueto-toy\\nVersion: 1.2.dev0\\n")
        archive.writestr(f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: toy\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(f"{name}.dist-info/RECORD", "")
    return f"{name}-py3-none-any.whl"
"""
COMMITS = ("1.0", "words", "2.1", "1.1", "1.2", "words", "1.3")  # whose source, or a change of the README alone


def repository(folder: Path) -> list[str]:
    """A git repository of the library, all of whose commits say that they are one version; its commits, oldest first."""

    def git(*arguments: str) -> str:
        names = ("-c", "user.name=toy", "-c", "user.email=toy@localhost", "-c", "commit.gpgsign=false")
        return subprocess.run(["git", "-C", str(folder), *names, *arguments], capture_output=True, text=True, check=True).stdout.strip()

    (folder / "trueto_toy").mkdir(parents=True)
    git("init", "--quiet")
    (folder / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text('[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n')
    made = []
    for number, change in enumerate(COMMITS):
        (folder / "README").write_text(f"{number}\n")
        if change in SOURCES:
            (folder / "trueto_toy" / "__init__.py").write_text(f"# {number}\n{SOURCES[change]}")
        git("add", ".")
        git("commit", "--quiet", "-m", f"step {number}: {change}")
        made.append(git("rev-parse", "HEAD"))
    return made


def offline(folder: Path) -> dict[str, str]:
    """The environment in which pip knows that folder and nothing else."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONFIG_FILE": "/dev/null"}
