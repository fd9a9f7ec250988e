"""What a run record says of when and on what it was made."""

from __future__ import annotations

import datetime
import os
import platform
from importlib.metadata import PackageNotFoundError, version

from trueto.candidates import parted
from trueto.environment import PACKAGES, cpu
from trueto.errors import TruetoError
from trueto.references import load_golden
from trueto.running.releases import release_folders

__all__ = ["digest_of_golden", "environment", "now"]


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="seconds")


def environment(spec: str = "") -> dict[str, str]:
    """What the run stands on, without importing any of it; with a release of a candidate, what that stands on. Not the candidate."""
    beside = dict(folder.name.split("==", 1) for folder in (release_folders(spec) if spec else ()))
    found = {"python": platform.python_version(), "os": f"{platform.system()} {platform.machine()}", "cpus": str(os.cpu_count())}
    chip = cpu()
    found["cpu"] = " ".join((str(chip["vendor"]), *chip["extensions"]))
    for package in (name for name in PACKAGES if name != parted(spec)[0]):
        try:
            found[package] = beside.get(package) or version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def digest_of_golden(name: str, weights: str = "") -> str:
    """The digest of a reference's golden, on a user's weights where their digest is given, or why there is none that can be used."""
    try:
        return load_golden(name, weights).digest
    except TruetoError as error:
        return f"unusable: {error.message}"
