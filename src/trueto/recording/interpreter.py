"""The interpreter that an original runs in: trueto's own, or one that its codebase.toml asks for and that borrows torch from trueto's."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

from trueto.errors import UsageError
from trueto.references import Codebase

__all__ = ["recording_command"]

# Asks an interpreter for its version, and for those of the packages named; {} where one is not there.
ASK = """
import importlib.metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps({"python": list(sys.version_info[:2]), "found": found}))
"""
# Behind its own packages, so that a package which both have is the interpreter's own.
RUN = "import sys; sys.path.extend(sys.argv[2:]); from trueto.recording.process import main; sys.exit(main(sys.argv[1]))"


def recording_command(base: Codebase, python: str | None, job_file: Path) -> list[str]:
    """The command that records a job; UsageError where the interpreter is not the one that the codebase needs."""
    if not base.packages:
        if python is not None:
            raise UsageError(f"{base.name} runs in trueto's own interpreter; saw --python {python}", "the same without --python")
        return [sys.executable, "-m", "trueto.recording.process", str(job_file)]
    if python is None:
        raise UsageError(f"{base.name} needs an interpreter with {_listed(base.packages)}; saw no --python", _making(base))
    _check(base, python)
    home = str(Path(__file__).parents[2])
    borrowed = dict.fromkeys((home, sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    return [python, "-c", RUN, str(job_file), *borrowed]


def _check(base: Codebase, python: str) -> None:
    """The interpreter runs, is of trueto's own version (else torch cannot be borrowed), and has the packages as pinned."""
    try:
        done = subprocess.run([python, "-c", ASK, *base.packages], capture_output=True, text=True, check=True, timeout=120)
        said = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise UsageError(f"{python} cannot be run as a Python interpreter ({type(error).__name__})", _making(base)) from error
    own = list(sys.version_info[:2])
    if said["python"] != own:
        seen, wanted = (".".join(map(str, version)) for version in (said["python"], own))
        raise UsageError(f"{python} is Python {seen}; expected {wanted}, as trueto runs in, whose torch it borrows", _making(base))
    other = [
        f"{name} {said['found'].get(name, 'missing')}" for name, version in base.packages.items() if said["found"].get(name) != version
    ]
    if other:
        raise UsageError(f"{python} has {', '.join(other)}; {base.name} is pinned to {_listed(base.packages)}", _making(base))


def _listed(packages: dict[str, str]) -> str:
    return ", ".join(f"{name}=={version}" for name, version in packages.items())


def _making(base: Codebase) -> str:
    """The commands that make the environment and use it."""
    version = ".".join(map(str, sys.version_info[:2]))
    wanted = " ".join(f"{name}=={pinned}" for name, pinned in base.packages.items())
    return f"python{version} -m venv ENV && ENV/bin/pip install {wanted} && trueto record {base.name} --source DIR --python ENV/bin/python"
