"""Profiles: how a candidate is run, read from profiles.toml, and whether this machine can run them."""

from __future__ import annotations

import shutil
import tomllib
from functools import cache
from pathlib import Path

from trueto.errors import UnknownName
from trueto.model import Profile

__all__ = ["TWIN", "absent", "profile", "profile_names"]

TWIN = "twin"


@cache
def _table() -> dict[str, Profile]:
    data = tomllib.loads((Path(__file__).parent / "profiles.toml").read_text())
    return {name: Profile(id=name, **fields) for name, fields in data.items()}


def profile_names() -> tuple[str, ...]:
    """All profiles, the default first."""
    return tuple(_table())


def profile(name: str) -> Profile:
    """The named profile, or UnknownName."""
    if name not in _table():
        raise UnknownName("profile", name, [*_table(), "all"], "trueto list profiles")
    return _table()[name]


def absent(chosen: Profile) -> str:
    """Why this machine cannot run a profile, or an empty string."""
    if chosen.needs in ("avx2", "avx512f"):
        try:
            flags = Path("/proc/cpuinfo").read_text()
        except OSError:
            flags = ""
        return "" if chosen.needs in flags.split() else f"this CPU has no {chosen.needs}"
    if chosen.needs == "compiler":
        return "" if shutil.which("g++") or shutil.which("clang++") else "torch.compile needs a C++ compiler (g++) here"
    if chosen.needs == "cuda":
        return "" if shutil.which("nvidia-smi") else "this machine has no NVIDIA GPU"
    return ""
