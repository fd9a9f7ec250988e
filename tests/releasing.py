"""Releases of a small library as wheels in a folder, which pip installs from as from an index, without a network."""

from __future__ import annotations

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


def offline(folder: Path) -> dict[str, str]:
    """The environment in which pip knows that folder and nothing else."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONFIG_FILE": "/dev/null"}
